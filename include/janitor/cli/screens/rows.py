"""What the dashboard's tables hold: rows of text made of a snapshot, with what a row says when it is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from janitor.domain.evidence.cause import Causes
from janitor.domain.snapshot.alerts import Alert, AlertCode
from janitor.domain.snapshot.pool import PoolGlance, TaskGlance, WorkerGlance, short_id
from janitor.domain.snapshot.snapshot import DeploymentSnapshot, InstanceGlance, RepositoryNews, RunGlance
from janitor.domain.watch.sequential import works_for
from janitor.views.text.evidence import cause_lines
from janitor.views.text.marks import WAITING, mark_of, one_line, words_of
from janitor.views.text.money import dollars
from janitor.views.text.pools import doing_of, domain_of, machine_of, pool_line, task_line, worker_line
from janitor.views.text.snapshot import instance_line
from janitor.views.text.times import compactly, instant


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One table."""

    name: str
    title: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One of the pages in the web UI."""

    view: str
    repository: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a table."""

    key: str
    """The same at the next look, for as long as it is about the same thing."""
    cells: tuple[str, ...]
    """As many as the tab has columns."""
    details: tuple[str, ...]
    page: Page = Page("today")
    """What the web tells of it."""
    log_of: tuple[str, str] | None = None
    """The repository and the run whose log is its own."""


_ID_BEGINNING = 8
"""Characters of a run's id in a column: enough to name it by."""
LIVE = Tab(name="live", title="Live", columns=("what", "repository", "state", "elapsed", "cost", "ends in"))
LAST_RUN = Tab(name="last-run", title="Last run", columns=("repository", "news", "cause"))
BROKEN = Tab(name="broken", title="Broken", columns=("repository", "since", "flaky", "cause"))
POOL = Tab(name="pool", title="Pool", columns=("what", "pool", "state", "doing", "age", "cost"))
ALERTS = Tab(name="alerts", title="Alerts", columns=("severity", "subject", "what", "next step"))
TABS = (LIVE, POOL, LAST_RUN, BROKEN, ALERTS)
_ALERT_PAGES: Mapping[AlertCode, str] = {
    **dict.fromkeys((AlertCode.INSTANCE_OVERDUE, AlertCode.INSTANCE_WITHOUT_END, AlertCode.LEDGER_DIFFERS), "live"),
    **dict.fromkeys((AlertCode.REAPER_SILENT, AlertCode.RUN_STUCK, AlertCode.NOTICE_UNTAKEN), "live"),
    **dict.fromkeys((AlertCode.INSTANCE_ADOPTED, AlertCode.TIME_UNEXPLAINED, AlertCode.SPEND_UNUSUAL), "cost"),
    **dict.fromkeys((AlertCode.RESERVATION_OPEN, AlertCode.RUN_REFUSED), "cost"),
    **dict.fromkeys((AlertCode.BUDGET_NEARLY_SPENT, AlertCode.BUDGET_SPENT), "cost"),
    **dict.fromkeys((AlertCode.POOL_UNATTENDED, AlertCode.WORKER_STALE, AlertCode.TASK_STUCK), "live"),
    **dict.fromkeys((AlertCode.WORKER_QUARANTINED, AlertCode.POOL_WAITS, AlertCode.POOL_STOPPED), "live"),
    **dict.fromkeys((AlertCode.REPOSITORY_STALE, AlertCode.SCHEDULE_MISSED), "fleet"),
}
"""As the runbook's table has them; the others are on the first page."""


def whys_of(causes: Causes, environment: str) -> dict[str, Sequence[str]]:
    """By repository, what is known of why it fails."""
    return {one.repository: cause_lines(each, environment) for each in causes.causes for one in each.repositories}


def rows_of(
    tab: Tab, snapshot: DeploymentSnapshot, alerts: Sequence[Alert], whys: Mapping[str, Sequence[str]] | None = None
) -> list[Row]:
    """A tab's rows, in the order in which they are to be looked at; `whys` are those of `whys_of`."""
    whys = whys or {}
    if tab is LIVE:
        runs = [_run_row(one, snapshot) for one in snapshot.live_runs]
        return runs + [_instance_row(number, one, snapshot) for number, one in enumerate(snapshot.instances)]
    if tab is POOL:
        return [row for pool in snapshot.pools for row in _pool_rows(pool, snapshot)]
    if tab is LAST_RUN:
        return _news_rows(snapshot, whys)
    if tab is BROKEN:
        broken = (*snapshot.news.new, *snapshot.news.still_failing)
        return [_broken_row(one, snapshot, whys) for one in broken]
    return [
        Row(
            key=f"alert:{one.code.value}:{one.subject}",
            cells=(one.severity.value, one_line(one.subject), one_line(one.message), one_line(one.next_step)),
            details=(one.message, "", f"Next: {one.next_step}", f"Code: {one.code.value}"),
            page=Page(_ALERT_PAGES.get(one.code, "today")),
        )
        for one in alerts
    ]


def _pool_rows(pool: PoolGlance, snapshot: DeploymentSnapshot) -> list[Row]:
    """Its workers, and what waits for one; a pool that has neither is a row itself."""
    rows = [_worker_row(each, pool, snapshot) for each in pool.workers]
    rows += [_task_row(each, pool, snapshot) for each in pool.waiting]
    stopped = "stopped" if pool.stopped_at is not None else ""
    return rows or [
        Row(
            key=f"pool:{pool.name}",
            cells=("no workers", one_line(pool.name), stopped, one_line(pool.why or ""), "", dollars(pool.cost_usd)),
            details=_about_pool(pool, snapshot),
            page=Page("live"),
        )
    ]


def _worker_row(worker: WorkerGlance, pool: PoolGlance, snapshot: DeploymentSnapshot) -> Row:
    short = short_id(worker.worker_id)
    task = worker.task
    return Row(
        key=f"worker:{worker.worker_id}",
        cells=(
            *(f"worker {short}", one_line(pool.name), worker.state.value, doing_of(worker, snapshot.at)),
            compactly(snapshot.at - worker.requested_at),
            "" if worker.cost_usd is None else dollars(worker.cost_usd),
        ),
        details=(
            worker_line(worker, snapshot.at),
            machine_of(worker),
            *([] if task is None else [task_line(task, snapshot.at)]),
            *_about_pool(pool, snapshot),
            f"  janitor pool drain {short}",
            f"  janitor pool terminate {short}",
        ),
        page=Page("live"),
        log_of=None if task is None or task.repository is None else (task.repository, str(task.run_id)),
    )


def _task_row(task: TaskGlance, pool: PoolGlance, snapshot: DeploymentSnapshot) -> Row:
    waited = compactly(snapshot.at - task.queued_at)
    name = f"{WAITING} {one_line(task.name)}"
    return Row(
        key=f"task:{task.task_id}",
        cells=(name, one_line(pool.name), task.state.value, domain_of(task.trust_domain), waited, ""),
        details=(task_line(task, snapshot.at), *_about_pool(pool, snapshot)),
        page=Page("live"),
    )


def _about_pool(pool: PoolGlance, snapshot: DeploymentSnapshot) -> tuple[str, ...]:
    decided = "" if pool.decided_at is None else f"Last decision, {compactly(snapshot.at - pool.decided_at)} ago: "
    return (
        "",
        pool_line(pool, snapshot.at),
        *((f"{decided}{one_line(pool.why)}",) if pool.why else ()),
        "",
        f"  janitor pool decisions --pool {one_line(pool.name)}",
    )


def _run_row(run: RunGlance, snapshot: DeploymentSnapshot) -> Row:
    cost = "" if run.cost_usd is None else dollars(run.cost_usd)
    ends = "" if run.last_end_at is None else compactly(run.last_end_at - snapshot.at)
    done = f"{run.finished}/{run.total_repositories} done, {run.successful} successful"
    return Row(
        key=f"run:{run.run_id}",
        cells=(
            *(f"{mark_of(run.status)} run", done, words_of(run.status)),
            *(compactly(snapshot.at - run.started_at), cost, ends),
        ),
        details=(
            f"Run {run.run_id} ({one_line(run.trigger)}), since {instant(run.started_at)}: {done}",
            "",
            f"  make follow RUN_ID={run.run_id}",
            f"  make query-parallel-run RUN_ID={run.run_id}",
            f"  make cancel RUN_ID={run.run_id}",
        ),
        page=Page("live"),
    )


def _instance_row(number: int, one: InstanceGlance, snapshot: DeploymentSnapshot) -> Row:
    name = one.instance_id or "no id yet"
    begun = one.launched_at or one.intent_at
    return Row(
        key=f"instance:{one.instance_id or number}",
        cells=(
            *(name, _whose(one), one.state.value, compactly(snapshot.at - begun)),
            *("price unknown" if one.cost_usd is None else dollars(one.cost_usd),),
            *("overdue" if one.may_live_until < snapshot.at else compactly(one.may_live_until - snapshot.at),),
        ),
        details=(
            instance_line(one, snapshot).strip(),
            "",
            *_next_commands(one),
            f"  make terminate INSTANCE={name}",
        ),
        page=Page("live"),
        log_of=None if one.repository_name is None or one.run_id is None else (one.repository_name, str(one.run_id)),
    )


def _whose(one: InstanceGlance) -> str:
    """As short as a column takes it."""
    return one_line(works_for(one.repository_name, str(one.run_id)[:_ID_BEGINNING] if one.run_id else None))


def _next_commands(one: InstanceGlance) -> tuple[str, str]:
    """What is near: a run's own instance has the log of whoever's turn it is, and no lease of one repository."""
    if one.repository_name is None and one.run_id is not None:
        return f"  make follow RUN_ID={one.run_id}", f"  make cancel RUN_ID={one.run_id}"
    name = one_line(one.repository_name or "…")
    return f"  make logs REPO={name}", f"  make keep REPO={name} FOR=30m"


def _news_rows(snapshot: DeploymentSnapshot, whys: Mapping[str, Sequence[str]]) -> list[Row]:
    news = snapshot.news
    named = (
        *(("newly broken", one) for one in news.new),
        *(("still broken", one) for one in news.still_failing),
        *(("couldn't be told", one) for one in news.unknown),
        *(("fixed", one) for one in news.fixed),
    )
    return [
        Row(
            key=f"news:{one.repository}",
            cells=(one_line(one.repository), word, one_line(one.title)),
            details=_about(one, whys),
            page=Page("repo", one.repository),
            log_of=(one.repository, str(one.run_id)),
        )
        for word, one in named
    ]


def _broken_row(one: RepositoryNews, snapshot: DeploymentSnapshot, whys: Mapping[str, Sequence[str]]) -> Row:
    since = "" if one.since_at is None else compactly(snapshot.at - one.since_at)
    return Row(
        key=f"broken:{one.repository}",
        cells=(one_line(one.repository), since, "flaky" if one.flaky else "", one_line(one.title)),
        details=_about(one, whys),
        page=Page("repo", one.repository),
        log_of=(one.repository, str(one.run_id)),
    )


def _about(one: RepositoryNews, whys: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    since = "" if one.since_at is None else f", since {instant(one.since_at)}"
    return (
        f"{one_line(one.repository)}: {words_of(one.status)}{since}",
        *(whys.get(one.repository) or [one_line(one.title)]),
        "",
        f"  make logs REPO={one_line(one.repository)} RUN_ID={one.run_id}",
        f"  make report REPO={one_line(one.repository)}",
        f"  make query-db REPO={one_line(one.repository)}",
    )
