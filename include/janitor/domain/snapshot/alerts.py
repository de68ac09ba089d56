"""What of a snapshot somebody has to know of: a pure function of it, each alert with its limit and the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from janitor.domain.snapshot.maintenance import Limited, excesses
from janitor.domain.snapshot.pool import PoolTrouble, pool_findings
from janitor.domain.snapshot.snapshot import DeploymentSnapshot, InstanceGlance
from janitor.domain.watch.sequential import works_for


class Severity(str, Enum):
    """How much it matters."""

    WARNING = "warning"  # something to look at today
    CRITICAL = "critical"  # money or trust is being lost now


class AlertCode(str, Enum):
    """What it is about. Closed: scripts rely on it."""

    INSTANCE_OVERDUE = "instance_overdue"
    INSTANCE_WITHOUT_END = "instance_without_end"
    INSTANCE_ADOPTED = "instance_adopted"
    LEDGER_DIFFERS = "ledger_differs"
    REAPER_SILENT = "reaper_silent"
    RUN_STUCK = "run_stuck"
    RESERVATION_OPEN = "reservation_open"
    RUN_REFUSED = "run_refused"
    BUDGET_NEARLY_SPENT = "budget_nearly_spent"
    BUDGET_SPENT = "budget_spent"
    SPEND_UNUSUAL = "spend_unusual"
    TIME_UNEXPLAINED = "time_unexplained"
    BREAKER_OPEN = "breaker_open"
    AIRFLOW_UNHEALTHY = "airflow_unhealthy"
    NEWS_UNDELIVERED = "news_undelivered"
    REPOSITORY_STALE = "repository_stale"
    SCHEDULE_MISSED = "schedule_missed"
    NOTICE_UNTAKEN = "notice_untaken"
    WORKTREES_MANY = "worktrees_many"
    SHARD_SLOW = "shard_slow"
    SHARDS_FAILED = "shards_failed"
    RUNS_DISK_LOW = "runs_disk_low"
    MAINTENANCE_LARGE = "maintenance_large"
    LEASES_STALE = "leases_stale"
    POOL_UNATTENDED = "pool_unattended"
    WORKER_STALE = "worker_stale"
    TASK_STUCK = "task_stuck"
    WORKER_QUARANTINED = "worker_quarantined"
    POOL_WAITS = "pool_waits"
    POOL_STOPPED = "pool_stopped"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One of them."""

    code: AlertCode
    severity: Severity
    subject: str
    """What it is about: an instance, a run, a day, a scope."""
    message: str
    """What is the case, with value and limit."""
    next_step: str
    since: datetime | None = None
    """Since when, where that is known."""


MISSED_PASSES = 3
"""How many passes of the reaper may be missed."""
END_TAKES = timedelta(minutes=5)
"""How long EC2 may take from the request to end an instance until it is gone."""
STUCK_AFTER = timedelta(minutes=10)
"""How long a run may stay open after the last instant at which any of its instances may live."""
BUDGET_NEARLY = Decimal("0.8")
UNUSUAL = 3
"""How many times the usual day's spending is unusual."""
UNUSUAL_FROM = Decimal("1.00")
"""In USD: less is never unusual."""
UNEXPLAINED = 0.1
"""The share of all instance time within a day that may go unexplained."""
UNEXPLAINED_FROM = timedelta(minutes=5)
NAMED = 3
"""Repositories that one alert names."""


def alerts_of(snapshot: DeploymentSnapshot) -> tuple[Alert, ...]:
    """Every alert, the critical ones first, then by code and subject."""
    found = [alert for rule in _RULES for alert in rule(snapshot)]
    order = list(AlertCode)
    return tuple(
        sorted(found, key=lambda one: (one.severity is not Severity.CRITICAL, order.index(one.code), one.subject))
    )


def _overdue(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    for one in snapshot.instances:
        late = snapshot.at - one.may_live_until
        if late > timedelta():
            yield Alert(
                code=AlertCode.INSTANCE_OVERDUE,
                severity=Severity.CRITICAL,
                subject=_name(one),
                message=f"{_name(one)} is alive {_minutes(late)} after its expiry",
                next_step='`make kill-all-workers`, or runbook "Instance left"',
                since=one.may_live_until,
            )


def _without_end(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    for one in snapshot.instances:
        if one.asked_to_end_at is not None and snapshot.at - one.asked_to_end_at > END_TAKES:
            took = _minutes(snapshot.at - one.asked_to_end_at)
            yield Alert(
                code=AlertCode.INSTANCE_WITHOUT_END,
                severity=Severity.CRITICAL,
                subject=_name(one),
                message=f"{_name(one)} was asked to end {took} ago and isn't gone; {_minutes(END_TAKES)} are allowed",
                next_step="`make instances`; end it in EC2's console if it is still there",
                since=one.asked_to_end_at,
            )


def _adopted(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    if snapshot.adopted:
        yield Alert(
            code=AlertCode.INSTANCE_ADOPTED,
            severity=Severity.CRITICAL,
            subject=snapshot.deployment,
            message=f"{_counted(snapshot.adopted, 'instance')} within a day had to be adopted: Janitor's tags, no row",
            next_step="`make waste` names them and how each ended",
        )


def _differs(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    last = snapshot.last_pass
    if last is None or last.agrees:
        return
    if last.in_ec2 is None:
        message = "the reaper's last pass could not ask EC2 what is alive"
    else:
        message = (
            f"at the reaper's last pass {_counted(last.unknown_to_ledger, 'live instance')} had no live row, and"
            f" {_counted(last.missing_in_ec2, 'live row')} no instance"
        )
    yield Alert(
        code=AlertCode.LEDGER_DIFFERS,
        severity=Severity.CRITICAL,
        subject=snapshot.deployment,
        message=message,
        next_step="`make reap`, which says what it sees and does",
        since=last.at,
    )


def _silent(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    allowed = snapshot.reap_interval * MISSED_PASSES
    last = snapshot.last_pass
    if last is not None and snapshot.at - last.at <= allowed:
        return
    if last is None and not snapshot.instances:
        return  # a deployment that never launched anything needs no reaper yet
    told = "never made a pass" if last is None else f"made its last pass {_minutes(snapshot.at - last.at)} ago"
    yield Alert(
        code=AlertCode.REAPER_SILENT,
        severity=Severity.CRITICAL,
        subject=snapshot.deployment,
        message=f"the reaper {told}; {_minutes(allowed)} are allowed",
        next_step="`make status`; is the DAG reap_instances paused?",
        since=None if last is None else last.at,
    )


def _stuck(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    for run in snapshot.live_runs:
        over_since = run.last_end_at
        if run.finished >= run.total_repositories and over_since is None:
            continue  # its own end is being written
        if over_since is not None and snapshot.at - over_since > STUCK_AFTER:
            left = run.total_repositories - run.finished
            yield Alert(
                code=AlertCode.RUN_STUCK,
                severity=Severity.WARNING,
                subject=str(run.run_id),
                message=f"run {run.run_id} has {_counted(left, 'repository', 'repositories')} without an end"
                f" {_minutes(snapshot.at - over_since)} after the last instance's time",
                next_step="the reaper closes it; if it doesn't, `make cancel RUN_ID=…`",
                since=over_since,
            )


def _reservation(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    if snapshot.money.open_reservations and not snapshot.live_runs and not snapshot.instances:
        yield Alert(
            code=AlertCode.RESERVATION_OPEN,
            severity=Severity.WARNING,
            subject=snapshot.money.day.isoformat(),
            message=f"{_usd(snapshot.money.reserved_usd)} of today are set aside, and nothing runs",
            next_step="`make reap` releases it",
        )


def _refused(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    if snapshot.money.refused_runs:
        yield Alert(
            code=AlertCode.RUN_REFUSED,
            severity=Severity.WARNING,
            subject=snapshot.money.day.isoformat(),
            message=f"{_counted(snapshot.money.refused_runs, 'run')} within a day didn't start: the budget refused",
            next_step="raise max_run_cost_usd or daily_budget_usd in the config, or wait for tomorrow",
        )


def _budget(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    money = snapshot.money
    if money.daily_budget_usd is None or money.used_usd < money.daily_budget_usd * BUDGET_NEARLY:
        return
    spent = money.used_usd >= money.daily_budget_usd
    yield Alert(
        code=AlertCode.BUDGET_SPENT if spent else AlertCode.BUDGET_NEARLY_SPENT,
        severity=Severity.CRITICAL if spent else Severity.WARNING,
        subject=money.day.isoformat(),
        message=f"{_usd(money.used_usd)} of today's {_usd(money.daily_budget_usd)} are spent or set aside",
        next_step="runs above it are refused; `make estimate` says what the next one needs",
    )


def _unusual(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    money = snapshot.money
    if money.usual_usd is None or money.launched_usd < UNUSUAL_FROM:
        return
    if money.launched_usd > money.usual_usd * UNUSUAL:
        yield Alert(
            code=AlertCode.SPEND_UNUSUAL,
            severity=Severity.WARNING,
            subject=money.day.isoformat(),
            message=f"today's instances have cost {_usd(money.launched_usd)}, more than {UNUSUAL} times the usual"
            f" {_usd(money.usual_usd)}",
            next_step="`make runs` and `make waste` say what it went into",
        )


def _unexplained(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    money = snapshot.money
    if money.unexplained < UNEXPLAINED_FROM or money.unexplained <= money.lived * UNEXPLAINED:
        return
    yield Alert(
        code=AlertCode.TIME_UNEXPLAINED,
        severity=Severity.WARNING,
        subject=snapshot.deployment,
        message=f"{_minutes(money.unexplained)} of the last day's {_minutes(money.lived)} of instance time are"
        f" unexplained; {UNEXPLAINED:.0%} are allowed",
        next_step="`make waste` names each instance",
    )


def _breaker(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    for state in snapshot.breakers:
        if state.refuses(snapshot.at):
            yield Alert(
                code=AlertCode.BREAKER_OPEN,
                severity=Severity.WARNING,
                subject=state.scope,
                message=f"launches of {'everything' if state.scope == '*' else state.scope} are paused after"
                f" {_counted(state.failures_in_a_row, 'failure')} in a row",
                next_step="`make breaker` says why, and closes it",
            )


def _airflow(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    for problem in snapshot.airflow_problems or ():
        yield Alert(
            code=AlertCode.AIRFLOW_UNHEALTHY,
            severity=Severity.CRITICAL,
            subject=problem.partition(":")[0],
            message=problem,
            next_step='`make status`; runbook "Airflow component without a heartbeat"',
        )


def _undelivered(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    for one in (each for each in snapshot.dead_channels if each.messages):
        lost = f", {one.given_up} of them given up" if one.given_up else ""
        yield Alert(
            code=AlertCode.NEWS_UNDELIVERED,
            severity=Severity.CRITICAL if one.given_up else Severity.WARNING,
            subject=one.channel,
            message=f"{one.channel} doesn't take {_counted(one.messages, 'message')}{lost}:"
            f" {one.last_error or 'no answer yet'}",
            next_step="`make notify TEST=1 UNDELIVERED=1` tries it where they go, `make notify` sends what was given"
            ' up; runbook "Messages not delivered"',
            since=one.since,
        )


def _stale(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    """One for all of them: a service that is down makes the whole fleet stale at once."""
    if not snapshot.stale:
        return
    names = [one.repository for one in snapshot.stale]
    left = len(names) - NAMED
    listed = ", ".join(names[:NAMED]) + (f" and {left} more" if left > 0 else "")
    times = min(one.times for one in snapshot.stale)
    yield Alert(
        code=AlertCode.REPOSITORY_STALE,
        severity=Severity.WARNING,
        subject=names[0] if len(names) == 1 else snapshot.deployment,
        message=f"{_counted(len(names), 'repository', 'repositories')} without a verdict in {times} validations in a"
        f" row: {listed}",
        next_step="`make query-db REPO=…` says why each time",
        since=min(one.since for one in snapshot.stale),
    )


def _missed(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    missed = snapshot.missed_schedule
    if missed is not None:
        ago = _minutes(snapshot.at - missed.last_began_at)
        yield Alert(
            code=AlertCode.SCHEDULE_MISSED,
            severity=Severity.WARNING,
            subject=missed.schedule,
            message=f"no run began at two scheduled times ({missed.schedule}): the last one began {ago} ago",
            next_step="`make status`; is the DAG paused?",
            since=missed.last_began_at,
        )


def _untaken(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    last = snapshot.last_pass
    if last is None or last.untaken_notices == 0:
        return
    if last.untaken_notices is None:
        message = "the reaper's last pass could not ask S3 for the word of the killers outside Airflow"
    else:
        message = f"{_counted(last.untaken_notices, 'notice')} of the killers outside Airflow can't be taken from S3"
    yield Alert(
        code=AlertCode.NOTICE_UNTAKEN,
        severity=Severity.WARNING,
        subject=snapshot.deployment,
        message=message,
        next_step="`make reap`, which names each; what is no notice may be deleted",
        since=last.at,
    )


_OF_MAINTENANCE = {
    Limited.TREES: AlertCode.WORKTREES_MANY,
    Limited.SHARD: AlertCode.SHARD_SLOW,
    Limited.FAILED: AlertCode.SHARDS_FAILED,
    Limited.DISK: AlertCode.RUNS_DISK_LOW,
    Limited.TABLES: AlertCode.MAINTENANCE_LARGE,
    Limited.LEASES: AlertCode.LEASES_STALE,
}


def _maintenance(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    if snapshot.maintenance is None:
        return
    for excess in excesses(snapshot.maintenance, snapshot.at):
        yield Alert(
            code=_OF_MAINTENANCE[excess.what],
            severity=Severity.CRITICAL if excess.is_critical else Severity.WARNING,
            subject=excess.subject or snapshot.deployment,
            message=excess.message,
            next_step=excess.next_step,
            since=excess.since,
        )


_OF_POOLS = {
    PoolTrouble.UNATTENDED: AlertCode.POOL_UNATTENDED,
    PoolTrouble.STALE: AlertCode.WORKER_STALE,
    PoolTrouble.STUCK: AlertCode.TASK_STUCK,
    PoolTrouble.QUARANTINED: AlertCode.WORKER_QUARANTINED,
    PoolTrouble.WAITS: AlertCode.POOL_WAITS,
    PoolTrouble.STOPPED: AlertCode.POOL_STOPPED,
}


def _pools(snapshot: DeploymentSnapshot) -> Iterator[Alert]:
    for pool in snapshot.pools:
        for finding in pool_findings(pool, snapshot.at):
            yield Alert(
                code=_OF_POOLS[finding.what],
                severity=Severity.CRITICAL if finding.is_critical else Severity.WARNING,
                subject=finding.subject,
                message=finding.message,
                next_step=finding.next_step,
                since=finding.since,
            )


_RULES: Sequence[Callable[[DeploymentSnapshot], Iterator[Alert]]] = (
    *(_overdue, _without_end, _adopted, _differs, _silent, _stuck, _reservation, _refused, _budget, _unusual),
    *(_unexplained, _breaker, _airflow, _undelivered, _stale, _missed, _untaken, _maintenance, _pools),
)


def _name(one: InstanceGlance) -> str:
    return one.instance_id or f"the launch for {works_for(one.repository_name, one.run_id)}"


def _minutes(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds // 60 % 60} min"


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _usd(amount: Decimal) -> str:
    return f"${amount:.2f}"
