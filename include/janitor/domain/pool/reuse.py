"""Whether a worker is fit for another task: what its machine said after the last one, held against how it was at first.

Invariant: what isn't there, can't be read or wasn't asked for never keeps a worker. The machine may lie: what it says
is compared with what it said before any stranger's code ran there, and more than that nobody can know. That is why
there is a most of tasks, a most of hours, and a trust domain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from janitor.domain.states import ValidationStatus
from janitor.guest.redaction import Redactor
from janitor.protocol.reuse.manifest import Area, Manifest, unknown_processes
from janitor.protocol.reuse.order import ReuseOrder
from janitor.protocol.reuse.result import ReuseResult
from janitor.protocol.terms.provenance import Warm
from janitor.protocol.terms.statuses import CheckName
from janitor.protocol.text.plain_text import one_line

_MOST_TOLD = 20
_LONGEST_TOLD = 300
_LIVING = frozenset({"/etc/adjtime"})
"""What the system itself rewrites while it runs."""
_OF_SYSTEM = "of the system"
"""Of a module that the kernel loads by itself when it is first needed."""


class Fitness(str, Enum):
    """What becomes of a worker after a look at its machine."""

    KEEP = "keep"  # it may have another task
    RECYCLE = "recycle"  # nothing is held against it, and it can't be shown to be as it was
    QUARANTINE = "quarantine"  # something is on it that wasn't, and its last verdict is to be looked at


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a look has shown."""

    fitness: Fitness
    reason: str
    """In one line, for people."""
    differences: tuple[str, ...] = ()
    """What isn't as it was, the first of it; masked, as a stranger may have chosen the names."""
    warm: Warm | None = None
    """What its next task finds; None: nothing is known of it."""


@dataclass(frozen=True, kw_only=True)
class WorkerTurn:
    """Which worker a task is carried out by, as its report says it."""

    worker_id: UUID
    ordinal: int
    """Its how-manieth task this is, from 1."""
    warm: Warm | None = None
    """What it has of those before."""


def unanswered(why: str) -> Judgement:
    """A machine that gave no answer, or gave it too late."""
    return Judgement(fitness=Fitness.RECYCLE, reason=why)


def judge_ready(order: ReuseOrder, result: ReuseResult) -> Judgement:
    """The first look: there is nothing to compare it with yet."""
    if (wrong := _not_asked(order, result)) is not None:
        return _quarantined(wrong)
    return Judgement(fitness=Fitness.KEEP, reason="it was looked at before its first task")


def judge_after_task(before: Manifest, order: ReuseOrder, result: ReuseResult) -> Judgement:
    """A later look.

    Args:
        before: Of the first.
        order: What was asked now.
        result: What was answered.
    """
    if (wrong := _not_asked(order, result)) is not None:
        return _quarantined(wrong)
    if not before.is_complete:
        return unanswered("its first look was cut short, so that nothing can be compared with it")
    if differences := tuple(_differences(before, result.manifest)):
        told = _told(differences)
        more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
        return _quarantined(f"it isn't as it was before its first task: {told[0]}{more}", told)
    if not result.manifest.is_complete:
        return unanswered("the look at it was cut short, so that it can't be compared")
    scrub = result.scrub
    if scrub is None:
        return _quarantined("it answers that nothing was to be cleared")
    for said, what in ((scrub.left, "it could not be cleared"), (scrub.survivors, "its task was not over")):
        if said:
            return Judgement(fitness=Fitness.RECYCLE, reason=f"{what}: {_told(said)[0]}", differences=_told(said))
    return Judgement(fitness=Fitness.KEEP, reason="it is as it was before its first task", warm=scrub.warm)


def unreadable(why: str) -> Judgement:
    """An answer that is none: the program that was sent writes no such document."""
    return _quarantined(f"its answer is refused: {why}")


def wants_confirmation(
    status: ValidationStatus, *, ordinal: int, failing_check: str | None, is_confirmed: bool
) -> bool:
    """Whether a verdict is to be confirmed once on a fresh worker before it counts as news.

    Args:
        status: Of the validation.
        ordinal: The worker's how-manieth task it was; 1: the worker was fresh itself.
        failing_check: What failed; what a check finds in the repository's text alone is the same everywhere.
        is_confirmed: Whether that was done, or this is it.
    """
    if status is not ValidationStatus.FAILED or ordinal <= 1 or is_confirmed:
        return False
    return failing_check not in _OF_TEXT


_OF_TEXT = frozenset(each.value for each in list(CheckName)[: list(CheckName).index(CheckName.HOST)])


def _quarantined(reason: str, differences: tuple[str, ...] = ()) -> Judgement:
    return Judgement(fitness=Fitness.QUARANTINE, reason=_masked(reason), differences=differences)


def _not_asked(order: ReuseOrder, result: ReuseResult) -> str | None:
    """How an answer isn't one to this order."""
    if (result.worker_id, result.ordinal) != (order.worker_id, order.ordinal):
        return "it answers for another worker or another task"
    if result.nonce != order.nonce:
        return "it gives an answer to another order"
    return None


def _differences(before: Manifest, after: Manifest) -> Iterator[str]:
    if before.is_whole is not after.is_whole or before.reaper != after.reaper:
        yield "its processes are seen from another place"
    known = frozenset(each.identity for each in before.processes)
    for process in unknown_processes(after.processes, known, after.reaper):
        yield f"process {process.program} of user {process.user} in {process.group} is new"
    were = {each.area: each.entries for each in before.areas}
    for area in after.areas:
        yield from _changed(area.area, were[area.area], area.entries)


def _changed(area: Area, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    what = area.value.replace("_", "-")
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now or name in _LIVING:
            continue
        if area is Area.MODULES and (now is None or (was is None and now == _OF_SYSTEM)):
            continue  # the kernel loads and lets go what it has itself
        if was is None:
            yield f"{what}: {name} is new"
        elif now is None:
            yield f"{what}: {name} is gone"
        else:
            yield f"{what}: {name} changed{_newest(area, now)}"


def _newest(area: Area, now: str) -> str:
    """Of a folder of programs the file that changed last."""
    _, found, newest = now.partition("last changed ")
    return f" ({newest})" if area is Area.PROGRAMS and found else ""


def _told(said: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_masked(each) for each in said[:_MOST_TOLD])


def _masked(text: str) -> str:
    return one_line(Redactor().clean(text[: 10 * _LONGEST_TOLD]), limit=_LONGEST_TOLD)
