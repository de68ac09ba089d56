"""The failures of the last runs by cause as text: the answer of `failures`."""

from __future__ import annotations

from janitor.domain.result.history_views import FailureCluster, FailureOccurrence, FailureReport
from janitor.domain.result.report_diff import Change
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, one_line, words_of
from janitor.views.text.times import instant
from janitor.views.verdict import notes_text


def failures_text(report: FailureReport) -> str:
    """One line for each cause with the repositories that it hit; the repositories' own causes first."""
    if report.since is None:
        return "There is no run here yet; start one with `make run`."
    runs = f"{report.runs} runs" if report.runs != 1 else "run"
    begun = f"in the last {runs}, since {instant(report.since)}"
    if not report.clusters:
        return f"{GOOD} nothing failed {begun}"
    names = {each.repository for cluster in report.clusters for each in cluster.occurrences}
    causes = f"{len(report.clusters)} {'cause' if len(report.clusters) == 1 else 'causes'}"
    lines = [f"{causes} {begun}, in {_repositories(len(names))}"]
    own = [cluster for cluster in report.clusters if cluster.blames_repository]
    others = [cluster for cluster in report.clusters if not cluster.blames_repository]
    if own:
        lines += ["", "The repositories are at fault:", *(_line(cluster) for cluster in own)]
    if others:
        lines += ["", "It could not be told:", *(_line(cluster) for cluster in others)]
    return "\n".join(lines)


def _line(cluster: FailureCluster) -> str:
    where = ", ".join(_occurrence(each) for each in cluster.occurrences)
    mark = BAD if cluster.blames_repository else UNKNOWN
    kind = "" if cluster.blames_repository else f"{words_of(cluster.status)}: "
    signature = f" [{cluster.signature}]" if cluster.signature else ""
    return f"{mark} {kind}{one_line(cluster.title)}{signature} in {_repositories(len(cluster.occurrences))}: {where}"


def _occurrence(each: FailureOccurrence) -> str:
    notes = []
    if each.proof_level is not None:
        notes.append(each.proof_level.value)
    if each.note_count:
        notes.append(notes_text(each.note_count))
    if each.fixed_since:
        notes.append(_fixed(each))
    elif each.change is Change.NEW:
        notes.append("new")
    elif each.change is Change.STILL_FAILING and each.since_at is not None:
        notes.append(f"since {instant(each.since_at)}")
    if each.times > 1:
        notes.append(f"{each.times} times")
    return f"{one_line(each.repository)}{' (' + ', '.join(notes) + ')' if notes else ''}"


def _fixed(each: FailureOccurrence) -> str:
    """A success that proves less than the failure did says so."""
    if each.level is None or each.fixed_level is None or each.level is each.fixed_level:
        return "fixed since"
    return f"fixed since, proved by {each.fixed_level.value}; it failed by {each.level.value}"


def _repositories(count: int) -> str:
    return f"{count} {'repository' if count == 1 else 'repositories'}"
