"""What instances cost, and what their time went into.

Billing, as it is counted here. EC2 bills a Linux instance by the second, at least 60 seconds for each start, while it
is `running`; `pending` and `shutting-down` are free. Source: EC2 User Guide, "Instance lifecycle" and "On-Demand
Instances"; AWS pricing page, "Per-second billing". EBS bills a volume by the second, at least 60, from its creation to
its deletion. Source: EBS pricing page.

The ledger knows when RunInstances answered, not when `pending` ended, and counts from there to the first sight of
`shutting-down`: an upper bound, by the boot of the machine.

The views of migrations 0004, 0007 and 0027 follow the same rules in SQL; a test compares the two on random instances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import Enum
from itertools import pairwise
from types import MappingProxyType

from janitor.protocol.terms.statuses import CheckName

SHORTEST_BILLED = timedelta(seconds=60)
SECONDS_PER_MONTH = 30 * 86_400
"""A month of storage. Source: the worked examples of the EBS pricing page."""
_PLACES = Decimal("0.0001")
_SECOND = timedelta(seconds=1)

Span = tuple[datetime, datetime]
"""From the first instant to before the second."""


class InstancePhase(str, Enum):
    """What a second of an instance went into. Closed: every second is of exactly one phase."""

    BOOT = "boot"  # from launch until it got its command; a pool's, until it could take a task
    BUILD = "build"  # checkout, static checks and build
    TEST = "test"  # the worker was exercised
    # Its command ran, but none of the checks; or it was given up because its command never started; or it was a pool's
    # and waited for a task.
    IDLE = "idle"
    AFTER_FINISH = "after_finish"  # from the end of its command until shutting-down
    KEPT = "kept"  # a debug lease held it
    IN_PROGRESS = "in_progress"  # its command's time, which its report will explain; only while it lives
    UNEXPLAINED = "unexplained"  # none of these: no command, no report, or alive past its expiry


CHECK_PHASES: Mapping[str, InstancePhase] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                CheckName.CHECKOUT.value,
                CheckName.LAYOUT.value,
                CheckName.DOCKERFILE_PARSE.value,
                CheckName.HUB_SCHEMA.value,
                CheckName.TESTS_SCHEMA.value,
                CheckName.CONFIG_CONSISTENCY.value,
                CheckName.TEST_INPUT.value,
                CheckName.PYTHON_STATIC.value,
                CheckName.PINS.value,
                CheckName.CI_REFS.value,
                CheckName.BASE_IMAGE_EXISTS.value,
                CheckName.MODEL_URLS.value,
                CheckName.DEPS_RESOLVE.value,
                CheckName.HOST.value,
                CheckName.BUILD.value,
                CheckName.IMAGE.value,
                CheckName.BUILD_TIME.value,
            ),
            InstancePhase.BUILD,
        ),
        **dict.fromkeys(
            (
                CheckName.GPU_IN_CONTAINER.value,
                CheckName.CONTAINER_START.value,
                CheckName.HANDLER_LOCAL.value,
                CheckName.HANDLER_API.value,
                CheckName.NEGATIVE_INPUT.value,
                CheckName.LOG_SCAN.value,
                CheckName.AGENT_PROMPT.value,
                CheckName.CLEANUP.value,
            ),
            InstancePhase.TEST,
        ),
    }
)
"""Which part of a validation each check is. A check that isn't listed (a newer validator's) is a test."""


@dataclass(frozen=True, kw_only=True)
class TurnTimes:
    """A validation's time on a pool's machine."""

    span: Span
    """An open one ends when the machine does, or now."""
    has_report: bool


@dataclass(frozen=True, kw_only=True)
class PoolTimes:
    """What a pool's machine was there for."""

    ready_at: datetime | None
    """When it could take a task; None: it never came so far, as far as is known."""
    turns: Sequence[TurnTimes] = ()


@dataclass(frozen=True, kw_only=True)
class InstanceTimes:
    """What is known of an instance's life."""

    launched_at: datetime
    stopped_at: datetime | None
    """First sight of shutting-down or terminated; None while it lives."""
    expires_at: datetime
    launched_by_us: bool = True
    """False for an adopted instance."""
    command_started_at: datetime | None = None
    command_ended_at: datetime | None = None
    gave_no_sign: bool = False
    """Whether it was ended because nothing showed that its command had started."""
    leases: Sequence[Span] = ()
    """Debug leases, from the request to their end."""
    checks: Sequence[tuple[str, Span]] | None = None
    """Name and time of each check of its reports; None: there is no report of this instance."""
    pool: PoolTimes | None = None
    """None: it is no pool's. A pool's machine has turns in place of a command."""


def phases_of(times: InstanceTimes, now: datetime) -> dict[InstancePhase, timedelta]:
    """What an instance's time, from launch to shutting-down or to now, went into; the phases add up to it."""
    begin = times.launched_at
    end = max(begin, times.stopped_at or now)
    spans = [*times.leases, *(span for _, span in times.checks or ())]
    marks = [times.expires_at, times.command_started_at, times.command_ended_at]
    if times.pool is not None:
        marks.append(times.pool.ready_at)
        spans += [turn.span for turn in times.pool.turns]
    marks += [at for span in spans for at in span]
    cuts = sorted({begin, end, *(mark for mark in marks if mark is not None and begin < mark < end)})
    phases = dict.fromkeys(InstancePhase, timedelta())
    for start, stop in pairwise(cuts):
        phases[_phase_at(times, start)] += stop - start
    return phases


def _phase_at(times: InstanceTimes, at: datetime) -> InstancePhase:
    """The phase of the stretch that begins at `at` and holds no further mark."""
    kept = any(start <= at < end for start, end in times.leases)
    live = times.stopped_at is None
    started, ended = _working_span(times)
    if at >= times.expires_at and not kept:
        return InstancePhase.UNEXPLAINED
    if started is None:
        if kept:
            return InstancePhase.KEPT
        return InstancePhase.BOOT if live and times.launched_by_us else InstancePhase.UNEXPLAINED
    if at < started:
        return InstancePhase.BOOT
    if ended is not None and at >= max(started, ended):
        return InstancePhase.KEPT if kept else InstancePhase.AFTER_FINISH
    checked = {
        CHECK_PHASES.get(name, InstancePhase.TEST) for name, (begin, end) in times.checks or () if begin <= at < end
    }
    for phase in (InstancePhase.BUILD, InstancePhase.TEST):
        if phase in checked:
            return phase
    if times.pool is None:
        is_told = times.gave_no_sign or (times.checks is not None and ended is not None)
        return InstancePhase.IDLE if is_told else _untold(kept=kept, live=live)
    turns = [turn for turn in times.pool.turns if turn.span[0] <= at < turn.span[1]]
    if not turns:
        return InstancePhase.KEPT if kept else InstancePhase.IDLE
    is_told = times.gave_no_sign or all(turn.has_report for turn in turns)
    return InstancePhase.IDLE if is_told else _untold(kept=kept, live=live)


def _untold(*, kept: bool, live: bool) -> InstancePhase:
    """The phase of time in which something worked, and no report says at what."""
    if kept:
        return InstancePhase.KEPT
    return InstancePhase.IN_PROGRESS if live else InstancePhase.UNEXPLAINED


def _working_span(times: InstanceTimes) -> tuple[datetime | None, datetime | None]:
    """From when to when the instance had its command; a pool's machine never had its last one."""
    if times.pool is None:
        return times.command_started_at, times.command_ended_at
    begins = [turn.span[0] for turn in times.pool.turns]
    return min([*begins, *([times.pool.ready_at] if times.pool.ready_at else [])], default=None), None


def seconds_of(duration: timedelta) -> Decimal:
    """A duration in seconds, to the microsecond."""
    return Decimal(duration // timedelta(microseconds=1)) / 1_000_000


def instance_cost(
    *,
    running: timedelta,
    existing: timedelta,
    usd_hour: Decimal | None,
    volume_gib: int | None,
    volume_usd_gib_month: Decimal | None,
) -> Decimal | None:
    """What an instance cost, in USD; None where a price isn't known.

    Args:
        running: From launch to shutting-down.
        existing: From launch to terminated, for its volume.
    """
    if usd_hour is None or volume_gib is None or volume_usd_gib_month is None:
        return None
    billed = max(-(-running // _SECOND) * _SECOND, SHORTEST_BILLED)
    volume = volume_gib * volume_usd_gib_month * seconds_of(max(existing, SHORTEST_BILLED)) / SECONDS_PER_MONTH
    return usd_hour * seconds_of(billed) / 3600 + volume


def cost_of(
    duration: timedelta, *, usd_hour: Decimal | None, volume_gib: int | None, volume_usd_gib_month: Decimal | None
) -> Decimal | None:
    """What `duration` of an instance that runs anyway costs, in USD, rounded up; None where a price isn't known."""
    if usd_hour is None or volume_gib is None or volume_usd_gib_month is None:
        return None
    seconds = seconds_of(duration)
    volume = volume_gib * volume_usd_gib_month * seconds / SECONDS_PER_MONTH
    return (usd_hour * seconds / 3600 + volume).quantize(_PLACES, rounding=ROUND_CEILING)


def worst_case(*, usd_hour: Decimal, lifetime: timedelta, volume_gib: int, volume_usd_gib_month: Decimal) -> Decimal:
    """The most that an instance with its volume may cost in `lifetime`, in USD; rounded up to four places."""
    cost = cost_of(
        max(lifetime, SHORTEST_BILLED),
        usd_hour=usd_hour,
        volume_gib=volume_gib,
        volume_usd_gib_month=volume_usd_gib_month,
    )
    assert cost is not None
    return cost
