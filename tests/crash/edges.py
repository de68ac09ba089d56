"""Holding a validation at one edge of its instance's life while a blow falls.

Each edge is a context manager: entered before the run is started, it holds what comes; `await_moment` returns when the
validation is there; `release` lets it go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any

import psycopg

from tests.crash.cells import Edge
from tests.crash.observer import aws_client
from tests.crash.repositories import Gate
from tests.crash.stand import Stand
from tests.crash.waiting import await_it

_MOMENT_WITHIN = timedelta(seconds=180)
"""Until a run is at its edge: nothing is judged by it, and a loaded machine takes its time."""
_HELD_SECONDS = 5
_BOOTS_SECONDS = 10


class Hold:
    """One edge, held for one run.

    Args:
        stand: The stack.
        gate: Where the cell's handlers wait.
    """

    rules: Sequence[Mapping[str, Any]] = ()
    """Faults that hold the edge."""
    gate_stays_shut = True
    """Whether the handler is still at work when the blow falls."""

    def __init__(self, stand: Stand, gate: Gate) -> None:
        self.stand = stand
        self.gate = gate

    def __enter__(self) -> Hold:
        self.stand.set_faults(*self.rules)
        if not self.gate_stays_shut:
            self.gate.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def await_moment(self, airflow_run_id: str) -> None:
        """Return when the run's first validation is at the edge. Raises NotInTimeError."""
        what = f"the run being {type(self).__doc__}"
        await_it(lambda: self.is_there(airflow_run_id) or None, within=_MOMENT_WITHIN, what=what)

    def is_there(self, airflow_run_id: str) -> bool:
        """Whether the run is at the edge."""
        raise NotImplementedError

    def release(self) -> None:
        """Let it go on; may be called again."""

    def instances(self, airflow_run_id: str) -> list[dict[str, Any]]:
        """The run's ledger rows, with the status of their validations."""
        return self.stand.rows(
            "select i.*, v.status as validation_status, v.command_id from instances i"
            " join validation_runs r on r.run_id = i.run_id join repository_validations v on v.run_id = r.run_id"
            " where r.airflow_run_id = %s and i.validation_id is not distinct from"
            " case when i.owner_kind = 'validation' then v.validation_id end",
            airflow_run_id,
        )


class Locked(Hold):
    """Held by a lock in Postgres, until somebody waits for it."""

    def __init__(self, stand: Stand, gate: Gate) -> None:
        super().__init__(stand, gate)
        self.connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Hold:
        super().__enter__()
        self.connection = psycopg.connect(
            self.stand.settings.owner_url,
            connect_timeout=5,
            options="-c search_path=janitor,pg_catalog",
        )
        self.lock(self.connection)
        return self

    def lock(self, connection: psycopg.Connection[Any]) -> None:
        """Take the lock."""
        raise NotImplementedError

    def is_there(self, airflow_run_id: str) -> bool:
        """Whether somebody waits for the lock."""
        assert self.connection is not None
        own = self.connection.info.backend_pid
        return bool(
            self.stand.rows("select pid from pg_locks where not granted and %s = any(pg_blocking_pids(pid))", own)
        )

    def release(self) -> None:
        """Give the lock up."""
        if self.connection is not None:
            try:
                self.connection.close()
            except psycopg.Error:
                return  # Postgres was killed, and with it the lock


class BeforeIntent(Locked):
    """before its intent"""

    def lock(self, connection: psycopg.Connection[Any]) -> None:
        """The lock of launch decisions."""
        key = f"janitor-places/{self.stand.settings.deployment}"
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))


class AfterIntent(Hold):
    """after its intent"""

    rules = ({"api": "RunInstances", "latency_seconds": _HELD_SECONDS, "code": "ServiceUnavailable", "times": 1},)

    def is_there(self, airflow_run_id: str) -> bool:
        """An intent is committed; RunInstances is under way, and won't have an effect."""
        return any(row["state"] == "intent" for row in self.instances(airflow_run_id))


class DuringRunInstances(Hold):
    """in RunInstances, before its effect"""

    rules = ({"api": "RunInstances", "latency_seconds": _HELD_SECONDS, "times": 1},)

    def __enter__(self) -> Hold:
        self._calls_before = self.stand.calls_of("ec2:RunInstances")
        return super().__enter__()

    def is_there(self, airflow_run_id: str) -> bool:
        """The call has arrived; it will have its effect whatever becomes of who called."""
        if not any(row["state"] == "intent" for row in self.instances(airflow_run_id)):
            return False
        return self._calls_before is None or (self.stand.calls_of("ec2:RunInstances") or 0) > self._calls_before


class AfterRunInstances(Hold):
    """in RunInstances, after its effect and before its answer"""

    rules = ({"api": "RunInstances", "latency_after_seconds": _HELD_SECONDS, "times": 1},)

    def is_there(self, airflow_run_id: str) -> bool:
        """EC2 has the instance, and who asked for it doesn't know yet."""
        tokens = [row["client_token"] for row in self.instances(airflow_run_id) if row["state"] == "intent"]
        if not tokens:
            return False
        answer = aws_client(self.stand.settings, "ec2").describe_instances(
            Filters=[{"Name": "client-token", "Values": tokens}]
        )
        return bool(answer["Reservations"])


class Booting(Hold):
    """booting"""

    rules = ({"box": f"slow-boot:{_BOOTS_SECONDS}", "times": 1},)

    def is_there(self, airflow_run_id: str) -> bool:
        """The ledger has the instance's id, and it doesn't run yet."""
        return any(row["state"] == "pending" for row in self.instances(airflow_run_id))


class Running(Hold):
    """running its command"""

    def is_there(self, airflow_run_id: str) -> bool:
        """The command was sent, and the handler waits at its gate."""
        return any(
            row["validation_status"] == "running" and row["command_id"] for row in self.instances(airflow_run_id)
        )


class DuringRecord(Locked):
    """being recorded"""

    gate_stays_shut = False

    def lock(self, connection: psycopg.Connection[Any]) -> None:
        """No report can be written."""
        connection.execute("lock table validation_reports in exclusive mode")


class DuringTerminate(Hold):
    """in TerminateInstances"""

    gate_stays_shut = False
    rules = ({"api": "TerminateInstances", "latency_seconds": _HELD_SECONDS, "code": "ServiceUnavailable", "times": 1},)

    def is_there(self, airflow_run_id: str) -> bool:
        """The ledger says why it ends, and EC2 doesn't say yet that it has."""
        return any(
            row["termination_reason"] is not None and row["ended_at"] is None for row in self.instances(airflow_run_id)
        )


HOLDS: Mapping[Edge, type[Hold]] = {
    Edge.BEFORE_INTENT: BeforeIntent,
    Edge.AFTER_INTENT: AfterIntent,
    Edge.DURING_RUN_INSTANCES: DuringRunInstances,
    Edge.AFTER_RUN_INSTANCES: AfterRunInstances,
    Edge.BOOTING: Booting,
    Edge.RUNNING: Running,
    Edge.DURING_RECORD: DuringRecord,
    Edge.DURING_TERMINATE: DuringTerminate,
}
