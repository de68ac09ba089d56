"""Each killer alone ends an instance in time; with it gone too, the leak check says so.

All fleets live at once, each with another killer: the time that passes is that of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest

from janitor.domain.states import TerminationReason
from janitor.services.ending.external_notices import take_notices
from janitor.services.ledger.reconcile import observe_deployment
from janitor.settings import Settings
from janitor.stores.records import InstanceRecord
from tests.support.killers import Fleet, Killer, short_lived

REASONS = {
    Killer.GUEST_TIMER: TerminationReason.GUEST_TIMER,
    Killer.EXTERNAL_TIMER: TerminationReason.EXTERNAL_TIMER,
    Killer.LAMBDA: TerminationReason.EXTERNAL_REAPER,
    Killer.REAPER: TerminationReason.OVERDUE,
}


@dataclass(frozen=True)
class Outcome:
    """What became of an instance."""

    fleet: Fleet
    record: InstanceRecord
    after_expiry: timedelta | None
    complaint: str


def _outcomes(settings: Settings, *, disable_it_too: bool) -> Iterator[dict[Killer, Outcome]]:
    with ExitStack() as stack, ThreadPoolExecutor(len(Killer)) as pool:

        def outcome(killer: Killer) -> Outcome:
            def take_away(fleet: Fleet, record: InstanceRecord) -> None:
                fleet.leave_only(killer, record)
                if disable_it_too:
                    fleet.disable(killer, record)

            fleet, record, _ = stack.enter_context(short_lived(settings, take_away))
            try:
                return Outcome(fleet, record, fleet.assert_gone_by(record), "")
            except AssertionError as exc:
                return Outcome(fleet, record, None, str(exc))

        yield dict(zip(Killer, pool.map(outcome, Killer), strict=True))


@pytest.fixture(scope="module")
def alone(killers_settings: Settings) -> Iterator[dict[Killer, Outcome]]:
    """What each killer did when it was the only one."""
    yield from _outcomes(killers_settings, disable_it_too=False)


@pytest.fixture(scope="module")
def disabled(killers_settings: Settings) -> Iterator[dict[Killer, Outcome]]:
    """What happened when that one was taken away as well."""
    yield from _outcomes(killers_settings, disable_it_too=True)


@pytest.mark.parametrize("killer", Killer)
def test_it_alone_ends_an_instance_in_time(
    alone: dict[Killer, Outcome], killer: Killer, record_property: Callable[[str, object], None]
) -> None:
    outcome = alone[killer]
    assert outcome.complaint == ""
    assert outcome.after_expiry is not None
    record_property("seconds_after_expiry", outcome.after_expiry.total_seconds())
    print(f"{killer.value}: {outcome.after_expiry.total_seconds():.1f} s after the expiry")
    assert outcome.after_expiry > timedelta(0), "it was ended before its time was over"


@pytest.mark.parametrize("killer", Killer)
def test_the_ledger_learns_who_it_was(alone: dict[Killer, Outcome], killer: Killer) -> None:
    fleet, record = alone[killer].fleet, alone[killer].record
    take_notices(fleet.settings)
    observe_deployment(fleet.settings)
    after = fleet.record(record.owner)
    assert (after.state.value, after.termination_reason) == ("terminated", REASONS[killer])


@pytest.mark.parametrize("killer", Killer)
def test_without_it_the_leak_check_fails(disabled: dict[Killer, Outcome], killer: Killer) -> None:
    outcome = disabled[killer]
    assert outcome.after_expiry is None
    assert "is still alive" in outcome.complaint
    assert outcome.fleet.state(outcome.record.instance_id or "") == "running"
