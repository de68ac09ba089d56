"""Machines of a pool, whatever they lived through, as rows; for the tests of what they cost and who pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
from hypothesis import strategies as st
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from janitor.domain.money.costs import CHECK_PHASES, InstanceTimes, PoolTimes, Span, TurnTimes
from janitor.domain.money.pooled import MachineTurn
from tests.integration.costs.test_cost_views import BASE, PRICE, VOLUME_GIB, VOLUME_PRICE, moments, spans
from tests.support.rows import insert_run

FOUR = "repositories:\n" + "".join(
    f'  - {{name: worker-{letter}, organization: acme, prompt: look, url: "file:///none/worker-{letter}"}}\n'
    for letter in "abcd"
)
"""A run of four, so that several can have turns on one machine."""


@dataclass(frozen=True, kw_only=True)
class HeldTurn:
    """A validation's time on a machine, and what its report says of it."""

    validation: int
    """Which of those that the machine is written for."""
    began_at: datetime
    ended_at: datetime | None
    checks: Sequence[tuple[str, Span]] | None = None
    """None: no report came."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A pool's machine."""

    launched_at: datetime
    stopped_at: datetime | None
    expires_at: datetime
    ready_at: datetime | None
    turns: Sequence[HeldTurn] = ()
    leases: Sequence[Span] = ()
    gave_no_sign: bool = False
    price: Decimal | None = PRICE
    pool: str = "gpu"

    def times(self, now: datetime) -> InstanceTimes:
        """As the rules have it."""
        reports = [turn.checks for turn in self.turns if turn.checks is not None]
        return InstanceTimes(
            launched_at=self.launched_at,
            stopped_at=self.stopped_at,
            expires_at=self.expires_at,
            gave_no_sign=self.gave_no_sign,
            leases=self.leases,
            checks=[check for checks in reports for check in checks] if reports else None,
            pool=PoolTimes(
                ready_at=self.ready_at,
                turns=[
                    TurnTimes(
                        span=(turn.began_at, max(turn.began_at, turn.ended_at or max(now, turn.began_at))),
                        has_report=turn.checks is not None,
                    )
                    for turn in self.turns
                ],
            ),
        )

    def held(self, validations: Sequence[UUID]) -> list[MachineTurn]:
        """Its turns, of these validations."""
        return [
            MachineTurn(validation_id=validations[turn.validation], began_at=turn.began_at, ended_at=turn.ended_at)
            for turn in self.turns
        ]


@st.composite
def machines(draw: st.DrawFn, validations: int = 4, *, has_reports: bool = True) -> Machine:
    """Any machine of a pool that the tables can hold, however absurd."""
    launched, stopped = draw(moments), draw(st.none() | moments)
    checks = st.none() | st.lists(
        st.tuples(st.sampled_from([*CHECK_PHASES]), spans), max_size=3, unique_by=lambda check: check[0]
    )
    which = draw(st.lists(st.integers(0, validations - 1), unique=True, max_size=validations))
    turns = [
        HeldTurn(
            validation=number,
            began_at=draw(moments),
            ended_at=draw(moments),
            checks=draw(checks) if has_reports else None,
        )
        for number in which
    ]
    if turns and draw(st.booleans()):
        turns[-1] = replace(turns[-1], ended_at=None)
    return Machine(
        launched_at=launched,
        stopped_at=None if stopped is None else max(launched, stopped),
        expires_at=draw(moments),
        ready_at=draw(st.none() | moments),
        turns=turns,
        leases=draw(st.lists(spans, max_size=2)),
        gave_no_sign=stopped is not None and draw(st.booleans()),
        price=draw(st.sampled_from([PRICE, PRICE, Decimal("0.526"), None])),
        pool=draw(st.sampled_from(["gpu", "large"])),
    )


def insert_machine(
    connection: psycopg.Connection[DictRow], validations: Sequence[UUID], machine: Machine, deployment: str = "test"
) -> int:
    """Write a machine with its worker, its turns and their reports, of these validations."""
    worker_id = uuid4()
    connection.execute(
        "insert into workers (worker_id, deployment, pool, provider, state, ready_at)"
        " values (%s, %s, %s, 'ec2', 'spawning', %s)",
        (worker_id, deployment, machine.pool, machine.ready_at),
    )
    over = machine.stopped_at
    reason = None if over is None else "no_sign_of_life" if machine.gave_no_sign else "finished"
    row = connection.execute(
        "insert into instances (owner_kind, owner_id, deployment, generation, client_token, tags, instance_id,"
        " instance_type, market, state, termination_reason, launched_at, ended_at, deadline_at, expires_at,"
        " price_usd_hour, volume_gib, volume_usd_gib_month) values ('worker', %s, %s, 1, %s, %s, %s, 'g5.xlarge',"
        " 'on_demand', %s, %s, %s, %s, %s, %s, %s, %s, %s) returning ledger_id",
        (
            *(worker_id, deployment, uuid4().hex, Jsonb({}), f"i-{uuid4().hex[:17]}"),
            *("running" if over is None else "terminated", reason, machine.launched_at, over),
            *(machine.expires_at, machine.expires_at, machine.price, VOLUME_GIB, VOLUME_PRICE),
        ),
    ).fetchone()
    assert row is not None
    ledger_id: int = row["ledger_id"]
    for begin, end in machine.leases:
        connection.execute(
            "insert into keep_leases (ledger_id, requested_by, requested_at, keep_until) values (%s, 'me', %s, %s)",
            (ledger_id, begin, end),
        )
    for turn in machine.turns:
        insert_turn(connection, validations[turn.validation], ledger_id, turn)
    return ledger_id


def insert_turn(connection: psycopg.Connection[DictRow], validation_id: UUID, ledger_id: int, turn: HeldTurn) -> None:
    """Write a validation's time on an instance, and its report."""
    connection.execute(
        "insert into turns (validation_id, ledger_id, began_at, ended_at) values (%s, %s, %s, %s)",
        (validation_id, ledger_id, turn.began_at, turn.ended_at),
    )
    if turn.checks is None:
        return
    connection.execute(
        "insert into validation_reports (validation_id, format, storage_key, sha256, partial, report, ledger_id)"
        " values (%s, 'f', 'k', 's', false, '{}', %s)",
        (validation_id, ledger_id),
    )
    for position, (name, (begin, end)) in enumerate(turn.checks):
        connection.execute(
            "insert into checks (validation_id, position, name, status, required, started_at, duration_seconds)"
            " values (%s, %s, %s, 'pass', true, %s, %s)",
            (validation_id, position, name, begin, (end - begin).total_seconds()),
        )


def at(minutes: float) -> datetime:
    """Some minutes after the machines of the examples were launched."""
    return BASE + timedelta(minutes=minutes)


def plain_turn(validation: int, began: float, ended: float | None) -> HeldTurn:
    """A validation's time from a minute to another, of which a report says that all of it was the build."""
    over = at(began) if ended is None else at(ended)
    return HeldTurn(
        validation=validation,
        began_at=at(began),
        ended_at=None if ended is None else over,
        checks=None if ended is None else [("build", (at(began), over))],
    )


def planned_four(writer_url: str, deployment: str = "test") -> tuple[UUID, list[UUID]]:
    """A run of four repositories."""
    return insert_run(writer_url, deployment=deployment, config=FOUR)
