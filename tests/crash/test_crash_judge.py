"""The judge sees each breach: what it would let pass, the whole matrix would."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from janitor.domain.states import ValidationStatus
from tests.crash.catalogue import all_cells
from tests.crash.cells import Act, Cell, Component, Edge, Fault
from tests.crash.judge import (
    SHUTDOWN,
    Facts,
    bound_of,
    differently_many,
    launched_twice,
    ledger_differs,
    left_of_the_pool,
    outlived,
    unsettled,
    verdict_missing,
)
from tests.crash.observer import Overlap, Sighting
from tests.crash.outage import NOTICED_WITHIN, Outage
from tests.crash.report import TABLES
from tests.crash.tables import table_of

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)
REAP = timedelta(seconds=10)
RUN, VALIDATION = UUID(int=1), UUID(int=2)
CELL = Cell(edge=Edge.RUNNING, blow=Component.SCHEDULER)
ENDED = Sighting(
    instance_id="i-1",
    client_token="one",
    tags={"janitor:run": str(RUN), "janitor:validation": str(VALIDATION), "janitor:expires": NOW.isoformat()},
    state="terminated",
    state_reason="Client.UserInitiatedShutdown",
    first_seen_at=NOW - timedelta(seconds=40),
    last_alive_at=NOW,
    ended_at=NOW,
)
ALIVE = replace(ENDED, state="running", ended_at=None)
ROW: dict[str, Any] = {
    "ledger_id": 1,
    "instance_id": "i-1",
    "client_token": "one",
    "state": "terminated",
    "termination_reason": "finished",
}


DEADLINE = NOW - timedelta(seconds=5)
OF_VALIDATION = {**ROW, "validation_id": VALIDATION, "deadline_at": DEADLINE}


def _facts(*, ledger: tuple[dict[str, Any], ...] = (ROW,), status: str = "success", run: str = "success") -> Facts:
    validation = {
        "validation_id": VALIDATION,
        "repository_name": "worker",
        "status": status,
        "status_reason_code": None,
        "status_summary": "",
    }
    return Facts(runs=[{"run_id": RUN, "status": run}], validations=[validation], ledger=list(ledger))


def test_what_ended_well_is_no_breach() -> None:
    facts = _facts()
    assert unsettled(facts, [ENDED]) == []
    assert list(outlived(REAP, [ENDED])) == []
    assert list(launched_twice(facts, [], [ENDED])) == []
    assert list(verdict_missing(CELL, facts)) == []
    assert list(ledger_differs(facts, [ENDED])) == []


def test_an_instance_that_outlived_its_bound() -> None:
    bound = NOW + REAP + SHUTDOWN
    assert bound_of(REAP, ENDED) == bound
    assert list(outlived(REAP, [replace(ENDED, last_alive_at=bound)])) == []
    assert len(list(outlived(REAP, [replace(ENDED, last_alive_at=bound + timedelta(seconds=1))]))) == 1
    assert len(list(outlived(REAP, [ALIVE]))) == 1  # its time is long over


def test_a_double_launch() -> None:
    twin = replace(ENDED, instance_id="i-2")
    assert any("client token" in breach for breach in launched_twice(_facts(), [], [ENDED, twin]))
    overlap = Overlap(str(VALIDATION), ("i-1", "i-2"), NOW)
    assert len(list(launched_twice(_facts(), [overlap, overlap], [ENDED]))) == 1
    stranger = replace(ENDED, client_token="two")
    assert any("no intent" in breach for breach in launched_twice(_facts(), [], [stranger]))


@pytest.mark.parametrize(
    ("status", "run", "statuses", "breaches"),
    [
        ("running", "running", None, 2),
        ("success", "running", None, 1),
        ("error", "failed", None, 0),
        ("error", "failed", frozenset({ValidationStatus.SUCCESS}), 1),
        ("error", "failed", frozenset({ValidationStatus.ERROR}), 0),
    ],
)
def test_a_verdict_that_is_missing_or_wrong(
    status: str, run: str, statuses: frozenset[ValidationStatus] | None, breaches: int
) -> None:
    cell = replace(CELL, statuses=statuses)
    assert len(list(verdict_missing(cell, _facts(status=status, run=run)))) == breaches


def _of_an_outage(reason: str, *, status: str = "error") -> Facts:
    facts = _facts(ledger=(OF_VALIDATION,), status=status, run="error")
    facts.validations[0]["status_reason_code"] = reason
    return facts


def test_an_outage_that_outlived_the_limit_may_end_without_a_verdict_on_the_repository() -> None:
    struck = DEADLINE - timedelta(seconds=80)
    never = Outage(struck, None)
    too_late = Outage(struck, DEADLINE - NOTICED_WITHIN)
    for outage in (never, too_late):
        for reason in ("interrupted", "instance_lost", "no_sign_of_life", "began_late"):
            assert list(verdict_missing(CELL, _of_an_outage(reason), outage)) == []
        # The outage makes nothing of the repository's.
        assert list(verdict_missing(CELL, _of_an_outage("handler_raised", status="failed"), outage))
        assert list(verdict_missing(CELL, _of_an_outage("deadline", status="timed_out"), outage))
        assert list(verdict_missing(CELL, _of_an_outage("report_unconfirmed"), outage))
        assert list(verdict_missing(CELL, _facts(ledger=(OF_VALIDATION,), status="running", run="error"), outage))


def test_a_product_that_was_slow_without_a_reason_is_not_excused() -> None:
    facts = _of_an_outage("interrupted")
    back_in_time = Outage(DEADLINE - timedelta(seconds=80), DEADLINE - NOTICED_WITHIN - timedelta(seconds=1))
    for outage in (back_in_time, None):
        (breach,) = verdict_missing(CELL, facts, outage)
        assert "ended as error instead of success" in breach
    # Whoever was away, an instance that outlives its bound is a leak.
    assert len(list(outlived(REAP, [ALIVE]))) == 1


def test_another_reason_or_number_of_instances_than_the_cell_says() -> None:
    cell = replace(CELL, statuses=frozenset({ValidationStatus.ERROR}), reason="no_sign_of_life", instances=2)
    assert list(verdict_missing(cell, _of_an_outage("no_sign_of_life"))) == []
    assert len(list(verdict_missing(cell, _of_an_outage("interrupted")))) == 1
    assert list(differently_many(cell, [ENDED, ENDED])) == []
    assert len(list(differently_many(cell, [ENDED]))) == 1
    assert list(differently_many(CELL, [ENDED])) == []


def test_every_cell_is_named_once_and_every_blow_belongs_to_one_table() -> None:
    cells = all_cells()
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        kinds = [kind for _, kind in TABLES if isinstance(cell.blow, kind)]
        assert len(kinds) == 1, cell.name
        assert (table_of(cell.blow) is None) == (kinds[0] in (Component, Fault, Act))


@pytest.mark.parametrize(
    ("row", "sighting"),
    [
        ({**ROW, "instance_id": "i-9"}, ENDED),
        ({**ROW, "state": "running"}, ENDED),
        (ROW, replace(ENDED, state="running")),
        ({**ROW, "termination_reason": None}, ENDED),
        ({**ROW, "state": "intent", "instance_id": None}, ENDED),
    ],
    ids=["unknown to the ledger", "live in the ledger", "live in EC2", "no reason", "an open intent"],
)
def test_a_ledger_that_differs(row: dict[str, Any], sighting: Sighting) -> None:
    assert list(ledger_differs(_facts(ledger=(row,)), [sighting]))


def test_what_is_still_at_work() -> None:
    assert len(unsettled(_facts(status="running", run="running"), [ENDED])) == 2
    assert unsettled(_facts(), [ALIVE]) == ["EC2 shows i-1 as running"]
    assert unsettled(_facts(ledger=({**ROW, "state": "intent"},)), [])
    assert unsettled(Facts(), []) == ["no run is planned"]


def test_what_is_left_of_a_pool_is_at_work_and_a_breach() -> None:
    facts = replace(_facts(), pool=["worker w is draining"])
    assert unsettled(facts, [ENDED]) == ["worker w is draining"]
    assert list(left_of_the_pool(facts)) == ["(7) worker w is draining"]
    assert list(left_of_the_pool(_facts())) == []
