"""What a badge says, by what is known of its repository, and that its picture says the same to everybody."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone

import pytest

from janitor.domain.badge import STALE_AFTER, Badge, BadgeColour, badge_of
from janitor.domain.result.report_diff import Outcome

NOW = datetime(2026, 11, 2, 6, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("outcome", "last", "flaky", "wanted", "message", "colour"),
    [
        (Outcome.PASSED, NOW - HOUR, False, True, "passing", BadgeColour.PASSING),
        (Outcome.FAILED, NOW - HOUR, False, True, "failing since 29 Oct", BadgeColour.FAILING),
        (Outcome.PASSED, NOW - HOUR, True, True, "flaky", BadgeColour.FLAKY),
        (Outcome.PASSED, NOW - STALE_AFTER, False, True, "passing", BadgeColour.PASSING),
        (Outcome.PASSED, NOW - STALE_AFTER - HOUR, False, True, "unknown 3 d", BadgeColour.UNKNOWN),
        (Outcome.FAILED, NOW - 12 * 24 * HOUR, True, True, "unknown 12 d", BadgeColour.UNKNOWN),
        (None, None, False, True, "unknown", BadgeColour.UNKNOWN),
        (Outcome.PASSED, NOW - HOUR, False, False, "unknown", BadgeColour.UNKNOWN),
    ],
)
def test_what_it_says(
    outcome: Outcome | None, last: datetime | None, flaky: bool, wanted: bool, message: str, colour: BadgeColour
) -> None:
    since = datetime(2026, 10, 29, 23, tzinfo=timezone.utc)
    badge = badge_of(outcome, since=since, last=last, flaky=flaky, wanted=wanted, now=NOW)
    assert (badge.message, badge.colour) == (message, colour)


def test_the_picture_is_well_formed_and_has_its_words() -> None:
    root = ElementTree.fromstring(Badge(message="failing since 29 Oct", colour=BadgeColour.FAILING).svg())
    assert root.get("aria-label") == "janitor: failing since 29 Oct"
    assert root.find(f"{SVG}title").text == "janitor: failing since 29 Oct"  # type: ignore[union-attr]
    label, value = root.findall(f"{SVG}rect")
    assert float(label.get("width", 0)) + float(value.get("width", 0)) == float(root.get("width", 0))
    assert value.get("x") == label.get("width")
    assert [text.text for text in root.iter(f"{SVG}text")] == ["janitor", "failing since 29 Oct"]


def test_what_shields_reads() -> None:
    assert json.loads(Badge(message="passing", colour=BadgeColour.PASSING).endpoint()) == {
        "schemaVersion": 1,
        "label": "janitor",
        "message": "passing",
        "color": "#15803d",
        "cacheSeconds": 300,
    }


@pytest.mark.parametrize("colour", BadgeColour)
def test_white_is_read_on_each_colour(colour: BadgeColour) -> None:
    """Source: WCAG 2.2, relative luminance and contrast ratio."""

    def linear(channel: int) -> float:
        value = channel / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour.value[at : at + 2], 16)) for at in (1, 3, 5))
    assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 4.5
