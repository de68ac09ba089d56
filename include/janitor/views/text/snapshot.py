"""What a snapshot says, in words: one text for every face, so that nobody has to ask which of them is right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from janitor.domain.evidence.cause import Causes
from janitor.domain.snapshot.alerts import Alert, Severity
from janitor.domain.snapshot.snapshot import DeploymentSnapshot, InstanceGlance, RepositoryNews, RunGlance
from janitor.domain.watch.sequential import works_for
from janitor.views.text.evidence import short_lines
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, mark_of, one_line, words_of
from janitor.views.text.money import dollars
from janitor.views.text.pools import pool_line, worker_line
from janitor.views.text.times import compactly, instant, roughly


def sentence(snapshot: DeploymentSnapshot) -> str:
    """The answer of the morning in one line: what broke, what is mended, what it costs, whether anything leaks."""
    return " ".join([_news(snapshot), _money(snapshot), safety(snapshot)])


def safety(snapshot: DeploymentSnapshot) -> str:
    """Whether anything leaks, and how that is known."""
    last = snapshot.last_pass
    overdue = sum(one.may_live_until < snapshot.at for one in snapshot.instances)
    if overdue:
        return f"{_counted(overdue, 'instance')} overdue."
    alive = f"{_counted(len(snapshot.instances), 'instance')} alive" if snapshot.instances else "Nothing is alive"
    if last is None:
        return f"{alive} in the ledger; the reaper hasn't compared it with EC2 yet."
    if not last.agrees:
        return f"{alive} in the ledger, and EC2 didn't agree at {instant(last.at)}."
    return f"{alive}; ledger equals EC2 at {instant(last.at)}."


def alert_lines(alerts: Sequence[Alert]) -> list[str]:
    """A line for each, and its next step below."""
    lines = []
    for one in alerts:
        mark = BAD if one.severity is Severity.CRITICAL else UNKNOWN
        lines += [f"{mark} {one_line(one.message)}", f"  → {one_line(one.next_step)}"]
    return lines


def snapshot_text(snapshot: DeploymentSnapshot, alerts: Sequence[Alert], causes: Causes | None = None) -> str:
    """All of it on paper: the sentence, the alerts, live runs and instances, what is broken and why."""
    parts = [[f"{snapshot.deployment}, {instant(snapshot.at)}", sentence(snapshot)]]
    if alerts:
        parts.append(["Alerts:", *alert_lines(alerts)])
    if snapshot.live_runs:
        parts.append(["Live runs:", *(_run_line(one, snapshot) for one in snapshot.live_runs)])
    if snapshot.instances:
        parts.append(["Live instances:", *(instance_line(one, snapshot) for one in snapshot.instances)])
    if snapshot.pools:
        parts.append(["Pools:", *_pool_lines(snapshot)])
    if snapshot.last_run is not None:
        parts.append(["Last run:", _run_line(snapshot.last_run, snapshot), *_news_lines(snapshot)])
    if causes is not None and causes.causes:
        left = [f"  {causes.left_out} more"] if causes.left_out else []
        parts.append(["Why:", *(line for each in causes.causes for line in short_lines(each)), *left])
    return "\n\n".join("\n".join(part) for part in parts)


def _pool_lines(snapshot: DeploymentSnapshot) -> list[str]:
    lines = []
    for pool in snapshot.pools:
        lines += [f"  {pool_line(pool, snapshot.at)}"]
        lines += [f"    {worker_line(each, snapshot.at)}" for each in pool.workers]
    return lines


def instance_line(one: InstanceGlance, snapshot: DeploymentSnapshot) -> str:
    """An instance with what it cost so far and when each of its killers strikes."""
    cost = "price unknown" if one.cost_usd is None else f"{dollars(one.cost_usd)} so far"
    killers = [
        ("its run", one.deadline_at),
        ("the reaper", one.may_live_until),
        ("its timer in AWS", one.external_timer_at),
        ("its own timer", one.guest_timer_at),
    ]
    strikes = ", ".join(f"{name} {_until(at - snapshot.at)}" for name, at in killers)
    return (
        f"  {WAITING} {one.instance_id or 'no id yet'}  {one_line(one.instance_type)} {one_line(one.market)}"
        f"  {one_line(works_for(one.repository_name, one.run_id))}  {cost}; ended by {strikes}"
    )


def _news(snapshot: DeploymentSnapshot) -> str:
    run, news = snapshot.last_run, snapshot.news
    if run is None:
        return "No run is over yet."
    told = [
        f"{len(news.new)} newly broken" + (f" by {_counted(news.new_causes, 'cause')}" if len(news.new) > 1 else ""),
        f"{len(news.fixed)} fixed",
        f"{len(news.still_failing)} still broken",
    ]
    if news.flaky:
        told.append(f"{len(news.flaky)} flaky")
    if news.unknown:
        told.append(f"{len(news.unknown)} couldn't be told")
    return f"Run of {instant(run.started_at)} ({one_line(run.trigger)}): {', '.join(told)}."


def _money(snapshot: DeploymentSnapshot) -> str:
    money = snapshot.money
    if money.daily_budget_usd is None:
        return f"{dollars(money.launched_usd)} today."
    return f"{dollars(money.used_usd)} of today's {dollars(money.daily_budget_usd)}."


def _run_line(run: RunGlance, snapshot: DeploymentSnapshot) -> str:
    took = compactly((run.completed_at or snapshot.at) - run.started_at)
    cost = "" if run.cost_usd is None else f"  {dollars(run.cost_usd)}"
    counted = f"{run.successful} of {run.total_repositories} successful"
    if run.completed_at is None:
        counted = f"{run.finished} of {run.total_repositories} done, {run.successful} successful"
    return f"  {mark_of(run.status)} {run.run_id}  {words_of(run.status)}  {counted}  {took}{cost}"


def _news_lines(snapshot: DeploymentSnapshot) -> list[str]:
    news, lines = snapshot.news, []
    for mark, word, rows in (
        (BAD, "newly broken", news.new),
        (BAD, "still broken", news.still_failing),
        (UNKNOWN, "couldn't be told", news.unknown),
        (GOOD, "fixed", news.fixed),
    ):
        lines += [f"  {mark} {_news_line(word, one, snapshot)}" for one in rows]
    return lines


def _news_line(word: str, one: RepositoryNews, snapshot: DeploymentSnapshot) -> str:
    since = f" for {roughly(snapshot.at - one.since_at)}" if word == "still broken" and one.since_at else ""
    return f"{one_line(one.repository)}: {word}{since}{', flaky' if one.flaky else ''}: {one_line(one.title)}"


def _until(left: timedelta) -> str:
    return f"in {compactly(left)}" if left > timedelta() else "is due"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
