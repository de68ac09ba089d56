"""The badge of a repository: what it says, and its picture. An old one says that it is old: green would be a lie.

Source: shields.io, "Endpoint Badge"; the widths are those of Verdana at 11 px, as badges everywhere have them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from html import escape

from janitor.domain.result.report_diff import Outcome

LABEL = "janitor"
STALE_AFTER = timedelta(days=3)
"""A verdict that is older says nothing any more."""
MAX_AGE = timedelta(minutes=5)
"""How long a proxy may show what it has."""
_NARROW, _WIDE = "fijlt.,:;'|!()[] I", "mwMW@%"
_PADDING = 6


class BadgeColour(str, Enum):
    """By what it says; white on each of them has a contrast of 4.5 and more."""

    PASSING = "#15803d"
    FAILING = "#b91c1c"
    FLAKY = "#a16207"
    UNKNOWN = "#4b5563"


@dataclass(frozen=True, kw_only=True)
class Badge:
    """One of them."""

    message: str
    colour: BadgeColour

    def svg(self) -> str:
        """The picture, with its words for whoever doesn't see it."""
        left, right = _width(LABEL), _width(self.message)
        whole, words = left + right, escape(f"{LABEL}: {self.message}")
        texts = "".join(
            f'<text x="{x}" y="14" text-anchor="middle">{escape(text)}</text>'
            for x, text in ((left // 2, LABEL), (left + right // 2, self.message))
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{words}">'
            f"<title>{words}</title>"
            f'<rect width="{left}" height="20" fill="#374151"/>'
            f'<rect x="{left}" width="{right}" height="20" fill="{self.colour.value}"/>'
            f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>\n'
        )

    def endpoint(self) -> str:
        """The document that shields.io makes a badge of."""
        document = {
            "schemaVersion": 1,
            "label": LABEL,
            "message": self.message,
            "color": self.colour.value,
            "cacheSeconds": int(MAX_AGE.total_seconds()),
        }
        return json.dumps(document) + "\n"


def badge_of(
    outcome: Outcome | None, *, since: datetime | None, last: datetime | None, flaky: bool, wanted: bool, now: datetime
) -> Badge:
    """What the badge of a repository says.

    Args:
        outcome: Of its last verdict; None: it never had one.
        since: Since when that stands.
        last: When it was seen last.
        flaky: Whether its verdict turns over by itself.
        wanted: Whether badges are published; one that was, and isn't any more, says that nothing is known.
        now: When.
    """
    if not wanted or outcome is None or last is None:
        return Badge(message="unknown", colour=BadgeColour.UNKNOWN)
    if now - last > STALE_AFTER:
        return Badge(message=f"unknown {(now - last).days} d", colour=BadgeColour.UNKNOWN)
    if flaky:
        return Badge(message="flaky", colour=BadgeColour.FLAKY)
    if outcome is Outcome.PASSED:
        return Badge(message="passing", colour=BadgeColour.PASSING)
    began = "" if since is None else f" since {since.astimezone(timezone.utc):%-d %b}"
    return Badge(message=f"failing{began}", colour=BadgeColour.FAILING)


def _width(text: str) -> int:
    """Of a text with its padding, in pixels."""
    return 2 * _PADDING + sum(4 if each in _NARROW else 10 if each in _WIDE else 7 for each in text)
