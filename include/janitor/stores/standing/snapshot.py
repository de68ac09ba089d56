"""The rows of a snapshot, each question by an index or within a day, a fortnight or thirty days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from janitor.domain.deadlines import external_timer_at, guest_timer_at
from janitor.domain.result.report_diff import Change
from janitor.domain.snapshot.snapshot import (
    InstanceGlance,
    MissedSchedule,
    Money,
    News,
    ReaperPass,
    RepositoryNews,
    RunGlance,
    StaleRepository,
)
from janitor.domain.states import InstanceOrigin, InstanceState, RunStatus, ValidationStatus
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries

_USUAL_DAYS = 14
_FEWEST_DAYS = 3


def live_runs(connection: Connection, deployment: str) -> list[RunGlance]:
    """Runs that go on, newest first."""
    return [_run(row) for row in named_queries().live_run_glances(connection, deployment=deployment)]


def last_run(connection: Connection, deployment: str) -> RunGlance | None:
    """The last run that is over and wasn't cancelled."""
    row = named_queries().last_run_glance(connection, deployment=deployment)
    return None if row is None else _run(row)


def news_of(connection: Connection, run: RunGlance) -> News:
    """What a run says of its repositories."""
    lists: dict[Change, list[RepositoryNews]] = {
        change: [] for change in (Change.NEW, Change.FIXED, Change.STILL_FAILING, Change.INCONCLUSIVE)
    }
    for row in named_queries().news_of_run(connection, run_id=run.run_id):
        news = RepositoryNews(
            organization=row["organization"],
            repository_name=row["repository_name"],
            run_id=row["run_id"],
            status=ValidationStatus(row["status"]),
            title=row["title"] or row["status_summary"] or row["status"],
            signature=row["signature"],
            since_at=row["since_at"],
            flaky=row["flaky"],
        )
        change = Change(row["change"]) if row["change"] else None
        lists[_list_of(change, news.status, cause_changed=row["cause_changed"])].append(news)
    return News(
        new=lists[Change.NEW],
        fixed=lists[Change.FIXED],
        still_failing=lists[Change.STILL_FAILING],
        unknown=lists[Change.INCONCLUSIVE],
    )


def _list_of(change: Change | None, status: ValidationStatus, *, cause_changed: bool) -> Change:
    """In which list it is: the first known failure is new, and so is another cause at a repository that failed before.

    A row of before differences tells by its status.
    """
    if cause_changed:
        return Change.NEW
    if change in (Change.FIXED, Change.STILL_FAILING, Change.INCONCLUSIVE):
        return change
    return Change.NEW if status is ValidationStatus.FAILED else Change.INCONCLUSIVE


def standing_counts(connection: Connection, deployment: str, since: datetime) -> tuple[int, int, int]:
    """Repositories that came to an end since, and of those the failing ones and those never told."""
    row = named_queries().standing_counts(connection, deployment=deployment, since=since)
    return row["repositories"], row["failing"], row["untold"]


def live_instances(connection: Connection, deployment: str, reap_interval: timedelta) -> list[InstanceGlance]:
    """What the ledger holds alive, the oldest first."""
    return [
        InstanceGlance(
            instance_id=row["instance_id"],
            instance_type=row["instance_type"],
            market=row["market"],
            origin=InstanceOrigin(row["origin"]),
            state=InstanceState(row["state"]),
            repository_name=row["repository_name"],
            run_id=row["run_id"],
            intent_at=row["intent_at"],
            launched_at=row["launched_at"],
            cost_usd=row["cost_usd"],
            usd_hour=row["price_usd_hour"],
            deadline_at=row["deadline_at"],
            expires_at=row["expires_at"],
            keep_until=row["keep_until"],
            external_timer_at=external_timer_at(_bound(row), reap_interval),
            guest_timer_at=guest_timer_at(_bound(row), reap_interval),
            asked_to_end_at=row["asked_to_end_at"],
        )
        for row in named_queries().instance_glances(connection, deployment=deployment)
    ]


def adopted_since(connection: Connection, deployment: str, since: datetime) -> int:
    """How many instances had to be adopted since."""
    count: int = named_queries().adopted_since(connection, deployment=deployment, since=since)
    return count


def money(connection: Connection, deployment: str, now: datetime) -> Money:
    """What is spent and set aside, and how that compares with the days before.

    Args:
        connection: Of a caller's transaction.
        deployment: Whose.
        now: In UTC; its date is today.
    """
    queries, day = named_queries(), now.date()
    today = queries.money_today(connection, deployment=deployment, day=day)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=_USUAL_DAYS)
    by_day = {row["day"]: row["usd"] for row in queries.spent_by_day(connection, deployment=deployment, since=since)}
    explained = queries.explained_since(connection, deployment=deployment, since=now - timedelta(days=1))
    return Money(
        day=day,
        used_usd=today["used_usd"],
        reserved_usd=today["reserved_usd"],
        open_reservations=today["open_reservations"],
        daily_budget_usd=queries.last_daily_budget(connection, deployment=deployment),
        usual_usd=_usual(by_day, day),
        launched_usd=by_day.get(day, Decimal(0)),
        lived=timedelta(seconds=float(explained["lived_seconds"])),
        unexplained=timedelta(seconds=float(explained["unexplained_seconds"])),
        refused_runs=queries.refused_since(connection, deployment=deployment, since=now - timedelta(days=1)),
    )


def stale(
    connection: Connection, deployment: str, since: datetime
) -> tuple[list[StaleRepository], MissedSchedule | None]:
    """Of which repositories nobody knows how they are, and whether the nightly run doesn't come, as messages tell it.

    Args:
        connection: Of a caller's transaction.
        deployment: Whose.
        since: What was last seen to be stale before has left the fleet.
    """
    repositories: list[StaleRepository] = []
    missed = None
    for row in named_queries().stale_news(connection, deployment=deployment, since=since):
        facts = row["facts"]
        if "schedule" in facts:
            began = datetime.fromisoformat(facts["last_began_at"])
            missed = MissedSchedule(schedule=facts["schedule"], last_began_at=began)
        elif "repository" in facts:
            repositories.append(
                StaleRepository(repository=facts["repository"], times=facts["times"], since=row["opened_at"])
            )
    return repositories, missed


def last_pass(connection: Connection, deployment: str) -> ReaperPass | None:
    """What the reaper's last pass saw; None: there was none."""
    row = named_queries().last_pass(connection, deployment=deployment)
    if row is None:
        return None
    return ReaperPass(
        at=row["passed_at"],
        in_ec2=row["in_ec2"],
        unknown_to_ledger=row["unknown_to_ledger"],
        missing_in_ec2=row["missing_in_ec2"],
        untaken_notices=row["untaken_notices"],
    )


def keep_pass(
    connection: Connection,
    deployment: str,
    *,
    in_ec2: int | None,
    unknown_to_ledger: int,
    missing_in_ec2: int,
    untaken_notices: int | None = 0,
) -> None:
    """Write what a pass saw; see `ReaperPass`."""
    named_queries().keep_pass(
        connection,
        deployment=deployment,
        in_ec2=in_ec2,
        unknown_to_ledger=unknown_to_ledger,
        missing_in_ec2=missing_in_ec2,
        untaken_notices=untaken_notices,
    )


def _usual(by_day: dict[date, Decimal], today: date) -> Decimal | None:
    amounts = [usd for day, usd in by_day.items() if day != today and usd]
    return median(amounts) if len(amounts) >= _FEWEST_DAYS else None


def _bound(row: dict[str, Any]) -> datetime:
    bound: datetime = max(row["expires_at"], row["keep_until"] or row["expires_at"])
    return bound


def _run(row: dict[str, Any]) -> RunGlance:
    return RunGlance(
        run_id=row["run_id"],
        airflow_run_id=row["airflow_run_id"],
        trigger=row["trigger"],
        status=RunStatus(row["status"]),
        status_reason=row["status_reason"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        total_repositories=row["total_repositories"],
        finished=row["finished"],
        successful=row["successful"],
        cost_usd=row["cost_usd"],
        last_end_at=row["last_end_at"],
    )
