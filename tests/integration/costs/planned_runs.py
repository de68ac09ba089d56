"""Planned runs, their reservations and their ledger rows, for the tests of budgets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from janitor.services.launch.plan import RunRequest
from janitor.services.money.budget import reserve_lease
from janitor.settings import Settings
from janitor.stores.database import transaction

HOUR = Decimal("1.0172")
"""A g5.xlarge with 100 GiB for an hour: 56 + 2 minutes, and 2 of the reaper."""
WriteConfig = Callable[..., str]


def request(config: str, name: str | None = None) -> RunRequest:
    return RunRequest(airflow_run_id=name or f"test__{uuid4()}", trigger="manual", config_path=config)


def rows(settings: Settings, query: str, *values: object) -> list[dict[str, Any]]:
    with transaction(settings.reader_url) as connection:
        return connection.execute(query.encode(), values).fetchall()


def reservations(settings: Settings) -> list[dict[str, Any]]:
    return rows(
        settings, "select * from budget_reservations where deployment = %s order by reservation_id", settings.deployment
    )


class Ledger:
    """Writes ledger rows of a planned run."""

    def __init__(self, settings: Settings, run_id: UUID) -> None:
        self.settings = settings
        self.run_id = run_id
        self.begin = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)

    def launch(self, validation_id: UUID, *, generation: int = 1, price: Decimal | None = Decimal("1.006")) -> int:
        """A live instance since an hour ago, which expires in ten minutes."""
        with transaction(self.settings.writer_url) as connection:
            row = connection.execute(
                "insert into instances (owner_kind, owner_id, validation_id, run_id, deployment, generation,"
                " client_token, tags, instance_id, instance_type, market, state, launched_at, deadline_at, expires_at,"
                " price_usd_hour, volume_gib, volume_usd_gib_month) values ('validation', %s, %s, %s, %s, %s,"
                " %s, '{}', %s, 'g5.xlarge', 'on_demand', 'running', %s, %s, %s, %s, 0, 0.08) returning ledger_id",
                (
                    *(validation_id, validation_id, self.run_id, self.settings.deployment, generation, uuid4().hex),
                    *(f"i-{uuid4().hex[:17]}", self.begin, self.begin, self.begin + timedelta(minutes=70), price),
                ),
            ).fetchone()
        assert row is not None
        ledger_id: int = row["ledger_id"]
        return ledger_id

    def end(self, ledger_id: int, *, after: timedelta) -> None:
        """EC2 says terminated."""
        with transaction(self.settings.writer_url) as connection:
            connection.execute(
                "update instances set state = 'terminated', termination_reason = 'finished', ended_at = %s"
                " where ledger_id = %s",
                (self.begin + after, ledger_id),
            )

    def finish(self, validation_id: UUID) -> None:
        """The validation gets its final state."""
        with transaction(self.settings.writer_url) as connection:
            connection.execute(
                "update repository_validations set status = 'failed', finished_at = now() where validation_id = %s",
                (validation_id,),
            )

    def keep(self, ledger_id: int, *, until: timedelta, since: timedelta) -> int:
        """A debug lease, as `janitor keep` writes it."""
        keep_until = self.begin + until
        with transaction(self.settings.writer_url) as connection:
            reservation_id = reserve_lease(connection, ledger_id, keep_until)
            connection.execute(
                "insert into keep_leases (ledger_id, reservation_id, requested_by, requested_at, keep_until)"
                " values (%s, %s, 'me', %s, %s)",
                (ledger_id, reservation_id, self.begin + since, keep_until),
            )
            connection.execute("update instances set keep_until = %s where ledger_id = %s", (keep_until, ledger_id))
        return reservation_id


def validations_of(ledger: Ledger) -> list[UUID]:
    found = rows(
        ledger.settings,
        "select validation_id from repository_validations where run_id = %s order by repository_index",
        ledger.run_id,
    )
    return [row["validation_id"] for row in found]
