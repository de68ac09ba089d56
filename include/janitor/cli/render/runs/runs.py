"""Runs as text: one in full, those that are running, and the lines of a run that is being followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from janitor.cli.render.names import shown_names
from janitor.domain.error_lines import FOUND, QUOTED, UNSEARCHED
from janitor.domain.money.places import MONEY_PLACES
from janitor.domain.states import RunKind, ValidationStatus
from janitor.domain.views import RunView, ValidationView
from janitor.settings import DEFAULT_ENVIRONMENT
from janitor.views.text.causes import LONGEST_LINE, why_lines
from janitor.views.text.commands import make_command
from janitor.views.text.differences import change_tag, changes_line
from janitor.views.text.marks import BAD, GOOD, WAITING, mark_of, one_line, words_of
from janitor.views.text.money import cost_text, dollars
from janitor.views.text.progress import doing, left_text
from janitor.views.text.provenance import changes_text, commit_text, short_sha
from janitor.views.text.times import compactly, exactly, instant, roughly
from janitor.views.text.verdicts import timed_verdict
from janitor.views.verdict import verdict_text


def run_text(
    run: RunView, now: datetime, environment: str = DEFAULT_ENVIRONMENT, *, columns: int = LONGEST_LINE
) -> str:
    """One run whole: the answer of `query-parallel-run`; `environment` and `columns` as for `results_text`."""
    lines = [
        f"Run ID: {run.run_id}",
        f"Configuration: {one_line(run.config_path)}",
        f"Started: {instant(run.started_at)}",
        f"Completed: {instant(run.completed_at)}" if run.completed_at else "Completed: not yet",
        f"Total Duration: {exactly(run.duration(now))}{'' if run.completed_at else ' so far'}",
        f"Timeout: {exactly(run.timeout)} ({'enforced' if run.timeout_enforced else 'not enforced'})",
    ]
    results = results_text(run, now, environment, with_commits=True, columns=columns)
    return "\n".join([*lines, *cost_lines(run), "", results])


def cost_lines(run: RunView) -> list[str]:
    """`Cost: $0.0329`; nothing where it isn't known. It is the sum of what stands beside the repositories."""
    if run.cost_usd is None:
        return []
    return [f"Cost: {cost_text(run.cost_usd, run.cost_places, is_final=run.cost_is_final)}"]


def results_text(
    run: RunView,
    now: datetime,
    environment: str = DEFAULT_ENVIRONMENT,
    *,
    with_commits: bool = False,
    columns: int = LONGEST_LINE,
) -> str:
    """Result per repository, why each that isn't successful isn't, and the overall one.

    Args:
        run: What is shown.
        now: The instant of the look.
        environment: Of the commands that are named.
        with_commits: Whether what each is of stands below, with what changed; else it stands beside, in short.
        columns: Of whatever shows it; see `why_lines`.
    """
    names, places = shown_names(run.validations), run.cost_places
    lines = ["Results:"]
    for each in run.validations:
        name = names[each.validation_id]
        if run.status.is_final and not each.status.is_final:
            # The run was stopped: what it was seen at last isn't what it is at now.
            lines.append(f"{WAITING} {name}: not recorded yet")
        else:
            lines.append(result_line(each, now, name, places=places, sha=not with_commits))
    missing = run.total_repositories - len(run.validations)
    if missing > 0:
        lines.append(f"{BAD} {missing} of {run.total_repositories} repositories have no result")
    if whys := _why_lines(run, names, environment, columns):
        lines += ["", "Why:", *whys]
    commits = [each for each in run.validations if each.commit_sha is not None] if with_commits else []
    if commits:
        lines += ["", "Commits:", *(commit_line(each, names[each.validation_id]) for each in commits)]
    changes = changes_line(run.validations)
    below = [*sequential_lines(run), *([changes] if changes else [])]
    if any(each.note_count or each.unproven for each in run.validations):
        below.append(f"Notes, and what is not proven: {make_command('query-db REPO=…', environment)}")
    return "\n".join([*lines, "", *below, overall_line(run)])


def sequential_lines(run: RunView) -> list[str]:
    """What a sequential run is said to have beside its repositories: the cache volume, and ERROR lines in its log."""
    lines = []
    if run.cache is not None:
        lines.append(f"Cache: {run.cache.value}{f' ({one_line(run.cache_detail)})' if run.cache_detail else ''}")
    # The verdict has kept it in its reason, with what else was wrong.
    reasons = (run.status_reason or "").split("; ")
    lines += [f"{BAD} {one_line(each)}" for each in reasons if each.startswith(UNSEARCHED)]
    if run.unexpected_errors:
        # The first of them are quoted there, and what comes before them is of the run, not of the log.
        begins = next((index for index, each in enumerate(reasons) if f" {FOUND}" in each), 0)
        said, _, quoted = "; ".join(reasons[begins:]).partition("): ")
        lines.append(f"{BAD} {one_line(said)})" if quoted else f"{BAD} {run.unexpected_errors} unexpected ERROR lines")
        lines += [f"  {one_line(each)}" for each in quoted.split("; ")[: min(QUOTED, run.unexpected_errors)] if each]
    return lines


def _why_lines(run: RunView, names: Mapping[UUID, str], environment: str, columns: int) -> list[str]:
    """Why each repository isn't successful, and the next command; see `why_lines`."""
    lines = []
    for each in run.validations:
        if told := why_lines(names[each.validation_id], each, environment, columns):
            lines += [f"{mark_of(each.status)} {told[0]}", *told[1:]]
    return lines


def overall_line(run: RunView) -> str:
    """`Overall Status: 3/3 repositories successful`, with the run's state where it isn't a matter of repositories."""
    text = f"Overall Status: {run.successful}/{run.total_repositories} repositories successful"
    if not run.status.is_final or run.status.value in ("error", "cancelled"):
        text += f" ({words_of(run.status)})"
    return text


def result_line(
    validation: ValidationView,
    now: datetime,
    name: str | None = None,
    *,
    places: int = MONEY_PLACES,
    sha: bool = True,
) -> str:
    """`✓ worker-basic: success (4m32s, at 0123456, image), 2 notes`, and what changed.

    Args:
        validation: What is shown.
        now: The instant of the look.
        name: What it is called among others; see `shown_names`. Default: its name.
        places: Of its cost; see `places_for`. What isn't known to the end yet is told by nobody: it would be another
            figure in the next line.
        sha: Whether its commit is named.
    """
    details = []
    elapsed = validation.elapsed(now)
    if elapsed is not None:
        details.append(compactly(elapsed))
    if validation.cost_usd is not None and validation.cost_is_final:
        details.append(dollars(validation.cost_usd, places))
    if sha and validation.commit_sha is not None:
        details.append(f"at {short_sha(validation.commit_sha)}")
    text = f"{mark_of(validation.status)} {name or validation.repository_name}: {verdict_text(validation, *details)}"
    return text + change_tag(validation.difference)


def ended_line(validation: ValidationView, now: datetime, name: str | None = None) -> str:
    """A result at the moment of its end: with the check that decided; why, and what it cost, the results say.

    Args: as for `result_line`.
    """
    # What it costs is known when its instance has ended.
    said = timed_verdict(validation, now)
    decided = validation.failing_check if validation.status is not ValidationStatus.SUCCESS else None
    where = f" in {one_line(decided)}" if decided else ""
    text = f"{mark_of(validation.status)} {name or validation.repository_name}: {said}{where}"
    return text + change_tag(validation.difference)


def commit_line(validation: ValidationView, name: str) -> str:
    """`worker-basic: 0123456 "Use torch 2.2" by Ada, 2024-01-15 14:30:00 UTC; changed: commit 89abcde..0123456`."""
    changed = changes_text(validation.difference.changes) if validation.difference is not None else None
    return f"{name}: {commit_text(validation)}{f'; changed: {changed}' if changed else ''}"


def running_text(runs: Sequence[RunView], now: datetime) -> str:
    """The answer of `check-parallel-status`."""
    if not runs:
        return "No parallel run is active."
    return "\n\n".join(_running_run(run, now) for run in runs)


def _running_run(run: RunView, now: datetime) -> str:
    remaining = run.remaining(now)
    names = shown_names(run.validations)
    left = "" if remaining is None else f" ({_left(remaining, roughly)})"
    lines = [
        f"Parallel Run: {run.run_id}",
        f"Started: {instant(run.started_at)}",
        f"Timeout: {exactly(run.timeout)}{left}",
        "",
        *(status_line(each, now, names[each.validation_id]) for each in run.validations),
    ]
    return "\n".join(lines)


def _left(remaining: timedelta, written: Callable[[timedelta], str]) -> str:
    return f"{written(remaining)} remaining" if remaining else "past its limit, being ended"


def status_line(validation: ValidationView, now: datetime, name: str | None = None) -> str:
    """`worker-sdxl: ⏳ running (15 minutes elapsed)` or `worker-basic: ✓ completed (5 minutes ago, image)`.

    Args: as for `result_line`.
    """
    status = validation.status
    word = "completed" if status is ValidationStatus.SUCCESS else words_of(status)
    elapsed, ended = validation.elapsed(now), validation.finished_at if status.is_final else None
    if ended is not None:
        details = [f"{roughly(now - ended)} ago"]
    else:
        details = [f"{roughly(elapsed)} elapsed"] if elapsed is not None else []
    said = verdict_text(validation, *details, word=word)
    text = f"{name or validation.repository_name}: {mark_of(status)} {said}"
    more = [part for part in (doing(validation), left_text(validation, now, roughly)) if part]
    return f"{text} {', '.join(more)}" if more else text


def launched_line(validation: ValidationView, name: str | None = None) -> str:
    """`✓ worker-basic: Instance i-1234567890abcdef0 launched`; `name` as for `result_line`."""
    return f"{GOOD} {name or validation.repository_name}: Instance {validation.instance_id} launched"


def launching_line(total: int, kind: RunKind = RunKind.PARALLEL) -> str:
    """The first line of a run."""
    return f"Launching {kind.value} validation for {total} {'repository' if total == 1 else 'repositories'}..."


def advice_text(timeout: timedelta, environment: str) -> str:
    """The limit, and how to watch or end the run from elsewhere."""
    return "\n".join(
        [
            f"Timeout: {exactly(timeout)}",
            f"Use 'make check-parallel-status ENV={environment}' to monitor progress",
            f"Use 'make kill-all-workers ENV={environment}' for emergency termination",
        ]
    )


def progress_line(run: RunView, now: datetime) -> str:
    """`⏳ 2 running, 1 queued, 3 finished (5m0s elapsed, 25m0s remaining)`: for a log without a terminal."""
    counts: dict[str, int] = {}
    for each in run.validations:
        word = "finished" if each.status.is_final else each.status.value
        counts[word] = counts.get(word, 0) + 1
    order = ("running", "launching", "queued", "finished")
    said = ", ".join(f"{counts[word]} {word}" for word in order if word in counts) or "planning"
    times = f"{compactly(run.duration(now))} elapsed"
    remaining = run.remaining(now)
    if remaining is not None:
        times += f", {_left(remaining, compactly)}"
    rest = [each.left(now) for each in run.validations if not each.status.is_final]
    known = [each for each in rest if each is not None]
    # Only where each has begun and its last time is known.
    if known and len(known) == len(rest) and max(known) > timedelta():
        times += f", ~{compactly(max(known))} by the last times"
    return f"{mark_of(run.status)} {said} ({times})"
