"""Whether anybody is told when a killer is silent or an instance overdue. The killers act all the same: only notes."""

from __future__ import annotations

from collections.abc import Iterator

from janitor.cloud.examine import watching
from janitor.cloud.examine.watching import Subscribers
from janitor.cloud.session import CloudAccess
from janitor.domain.findings import Finding, note, ok
from janitor.settings import Settings

_SUBJECT = "alarms"
_MAKE = "make them (Terraform), or look yourself: `make instances`, `make dashboard`"


def alarms(settings: Settings) -> Iterator[Finding]:
    """The alarms around the reaper's function, and the confirmed subscribers of the topics that they tell."""
    if settings.reaper_function is None:
        return
    access, prefix = CloudAccess.of(settings), f"{settings.reaper_function}-"
    seen = watching.alarms(access, prefix)
    if not seen.names:
        yield note(_SUBJECT, f"none is called {prefix}…: nobody is told when the function is silent", _MAKE)
    elif not seen.topics:
        yield note(_SUBJECT, f"{', '.join(seen.names)}: none of them tells an SNS topic, so nobody", _MAKE)
    for topic in seen.topics:
        yield judged_topic(topic, watching.subscribers(access, topic))


def judged_topic(topic: str, seen: Subscribers | None) -> Finding:
    """What its subscribers mean."""
    name = topic.rpartition(":")[2]
    if seen is None:
        return note(_SUBJECT, f"the topic {name} that they tell isn't there: nobody is told", _MAKE)
    if seen.confirmed:
        waiting = f"; {seen.pending} not confirmed yet" if seen.pending else ""
        return ok(_SUBJECT, f"{name} tells {seen.confirmed} that have confirmed{waiting}")
    if seen.pending:
        step = "confirm by the link in the mail that AWS has sent; it is good for two days, then subscribe again"
        return note(_SUBJECT, f"{name}: no subscription is confirmed, {seen.pending} could be: nobody is told", step)
    step = f"set alarm_email in Terraform's variables, or subscribe: `aws sns subscribe --topic-arn {topic} …`"
    return note(_SUBJECT, f"{name} has no subscriber: nobody is told", step)
