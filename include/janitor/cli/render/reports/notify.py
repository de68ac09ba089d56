"""Messages as text for whoever asks what waits, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from janitor.domain.news.forms import plain, title
from janitor.services.news.delivering import DeliveryReport
from janitor.stores.standing.news import Delivery
from janitor.views.text.marks import BAD, GOOD, WAITING, one_line


def waiting_text(waiting: Sequence[Delivery]) -> str:
    """Each message as it would be sent."""
    if not waiting:
        return f"{GOOD} No message waits."
    parts = []
    for one in waiting:
        tries = f", tried {one.attempts} times: {one_line(one.last_error)}" if one.last_error else ""
        tries += "; given up, `janitor notify` tries it again" if one.is_given_up else ""
        parts.append(f"{WAITING} {one.route.channel.value} ({one.kind.value}){tries}\n{plain(one.message)}")
    return "\n\n".join(parts)


def waiting_dicts(waiting: Sequence[Delivery]) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [
        {
            "channel": one.route.channel.value,
            "kind": one.kind.value,
            "title": title(one.message),
            "text": plain(one.message),
            "attempts": one.attempts,
            "given_up": one.is_given_up,
            "last_error": one.last_error,
        }
        for one in waiting
    ]


def delivery_text(report: DeliveryReport, *, test: bool) -> str:
    """What was sent and what wasn't."""
    lines = [f"{GOOD} {one_line(line)}" for line in report.sent] + [f"{BAD} {one_line(line)}" for line in report.failed]
    if lines:
        return "\n".join(lines)
    return "The configuration names no channel: add `notifications`." if test else f"{GOOD} No message is due."
