"""What is known of a cause, in words: the same for every face."""

from __future__ import annotations

from collections.abc import Sequence

from janitor.domain.evidence.acknowledgement import LONGEST_REASON, AcknowledgedUntil, Acknowledgement
from janitor.domain.evidence.cause import BrokenRepository, Cause, CauseGroup, Sight, Spent
from janitor.domain.evidence.links import compare_url
from janitor.domain.evidence.verdict import VERDICT_WORDS, Answer, Findings, Onset, Question, Verdict, outside_changes
from janitor.views.text.marks import one_line
from janitor.views.text.money import dollars
from janitor.views.text.provenance import listed_changes, short_sha
from janitor.views.text.reproduce import reproduce_lines
from janitor.views.text.times import instant

GROUPS = {
    CauseGroup.NEW: "newly broken",
    CauseGroup.STILL_FAILING: "still broken",
    CauseGroup.UNTOLD: "couldn't be told",
}
_QUESTIONS = {
    Question.ANOTHER_COMMIT: "another commit?",
    Question.OUTSIDE_CHANGED: "something outside changed?",
    Question.TURNED_BEFORE: "turned before?",
}
_SHOWN_REPOSITORIES = 5
_SHOWN_CHANGES = 5


def verdict_text(cause: Cause) -> str:
    """`real: …`; where it isn't known, why."""
    verdict = cause.verdict
    if verdict is not Verdict.UNKNOWN:
        return VERDICT_WORDS[verdict]
    return f"{VERDICT_WORDS[verdict]}: {_unknown_because(cause)}"


def finding_texts(one: BrokenRepository) -> list[str]:
    """The three questions about a repository, each with its answer and what that rests on."""
    because = {
        Question.ANOTHER_COMMIT: _commits(one),
        Question.OUTSIDE_CHANGED: _outside(one.onset),
        Question.TURNED_BEFORE: _turned(one.onset),
    }
    return [
        f"{_QUESTIONS[question]} {_answer(answer)}{f': {because[question]}' if because[question] else ''}"
        for question, answer in one.findings.items()
    ]


def onset_texts(one: BrokenRepository) -> list[str]:
    """Last good and first bad, with their runs; what it was before, where that was another cause."""
    if one.first_bad is None:
        return []
    good = "it isn't known to have ever passed" if one.last_good is None else f"last good {_sight(one.last_good)}"
    lines = [good, f"first bad {_sight(one.first_bad)}"]
    if one.compared_with is not None and one.compared_with != one.last_good:
        lines.insert(1, f"failed by another cause until {_sight(one.compared_with)}")
    return lines


def spent_text(spent: Spent) -> str:
    """`red in 14 runs: $3.90 spent finding it out again, $0.28 a run`."""
    runs = f"red in {spent.runs} {'run' if spent.runs == 1 else 'runs'}"
    if spent.usd is None or spent.usd_a_run is None:
        return f"{runs}: what that cost isn't known"
    least = "" if spent.is_whole else "at least "
    if spent.runs == 1:
        return f"{runs}: {least}{dollars(spent.usd)}"
    return f"{runs}: {least}{dollars(spent.usd)} spent finding it out again, {dollars(spent.usd_a_run)} a run"


def acknowledged_text(known: Acknowledgement) -> str:
    """`known to ada until 2026-06-01 00:00:00 UTC: the new driver comes on Monday`."""
    ends = {
        AcknowledgedUntil.NEW_COMMIT: "a new commit",
        AcknowledgedUntil.CAUSE_CHANGES: "its cause changes",
    }
    end = instant(known.until_at) if known.until_at is not None else ends.get(known.until, known.until.value)
    return f"known to {one_line(known.made_by)} until {end}: {one_line(known.reason, limit=LONGEST_REASON)}"


def between_url(one: BrokenRepository) -> str | None:
    """The host's page of what is between the report before and the first bad one; None where there is none."""
    before, bad = one.compared_with, one.first_bad
    if before is None or bad is None or before.commit_sha is None or bad.commit_sha is None:
        return None
    return None if before.commit_sha == bad.commit_sha else compare_url(one.url, before.commit_sha, bad.commit_sha)


def short_lines(cause: Cause) -> list[str]:
    """A cause in three lines: what and whom, the verdict, the money; one that is known says so in the third's place."""
    one = cause.example
    known = acknowledged_text(one.acknowledged) if cause.is_silent and one.acknowledged is not None else None
    return [
        f"  {one_line(cause.title)}: {repositories_text(cause.repositories)}",
        f"    {verdict_text(cause)}",
        f"    {known or spent_text(cause.spent)}",
    ]


def cause_lines(cause: Cause, environment: str) -> list[str]:
    """All of it on paper: what, whom, since when, what is to be thought of it, what it cost, how to see it again."""
    one = cause.example
    lines = [one_line(cause.title), f"  {GROUPS[cause.group]}: {repositories_text(cause.repositories)}"]
    if cause.is_silent and one.acknowledged is not None:
        lines.append(f"  {acknowledged_text(one.acknowledged)}")
    lines += [f"  {said}" for said in onset_texts(one)]
    link = between_url(one)
    lines += [f"  {link}"] if link else []
    lines.append(f"  {verdict_text(cause)}")
    if one.first_bad is not None:
        lines += [f"    {said}" for said in finding_texts(one)]
    lines.append(f"  {spent_text(cause.spent)}")
    if cause.log is not None:
        lines.append(f"  {one_line(cause.log.name)}:")
        lines += [f"    {one_line(line)}" for line in cause.log.lines]
    return [*lines, "  See it again:", *(f"    {line}" for line in reproduce_lines(one, environment))]


def repositories_text(repositories: Sequence[BrokenRepository]) -> str:
    """`acme/worker-a, acme/worker-b and 3 more`."""
    named = ", ".join(one_line(each.repository) for each in repositories[:_SHOWN_REPOSITORIES])
    left = len(repositories) - _SHOWN_REPOSITORIES
    return f"{named} and {left} more" if left > 0 else named


def _unknown_because(cause: Cause) -> str:
    one, findings = cause.example, cause.example.findings
    if cause.group is CauseGroup.UNTOLD or one.first_bad is None:
        return "no verdict says that the repository fails"
    verdicts = {each.verdict for each in cause.repositories}
    if len(verdicts) > 1:
        return "what is known of its repositories doesn't agree"
    return _why_not_known(findings, one)


def _why_not_known(findings: Findings, one: BrokenRepository) -> str:
    if one.compared_with is None:
        return "there is no earlier report to compare with"
    if findings.another_commit is Answer.UNKNOWN:
        return "one of the two commits isn't known"
    if findings.another_commit is Answer.NO:
        return "the commit is the same, and nothing is known to have changed; the next run tells more"
    if findings.turned_before is Answer.YES:
        return "there is another commit, but it turned over before too"
    if findings.outside_changed is Answer.YES:
        return "another commit came together with something outside of it"
    return "there is another commit, and nobody knows whether something outside changed"


def _answer(answer: Answer) -> str:
    return "not known" if answer is Answer.UNKNOWN else answer.value


def _sight(sight: Sight) -> str:
    sha = f" at {short_sha(sight.commit_sha)}" if sight.commit_sha else ""
    return f"{instant(sight.at)}{sha} (run {sight.run_id})"


def _commits(one: BrokenRepository) -> str:
    commits = None if one.onset.changes is None else one.onset.changes.commits
    if commits is None:
        return ""
    if commits.is_same:
        return short_sha(commits.after)
    return f"{short_sha(commits.before)}..{short_sha(commits.after)}"


def _outside(onset: Onset) -> str:
    changed = outside_changes(onset)
    if changed:
        left = 0 if onset.changes is None else onset.changes.left_out
        return "; ".join(listed_changes(changed, _SHOWN_CHANGES, more=left))
    compared = [
        *(["base images"] if onset.images_compared else []),
        *(["packages"] if onset.packages_compared else []),
    ]
    return f"{' and '.join(compared)} are the same" if compared and not _is_cut(onset) else ""


def _is_cut(onset: Onset) -> bool:
    return onset.changes is None or bool(onset.changes.left_out)


def _turned(onset: Onset) -> str:
    if onset.flaky:
        return f"again and again in its last {onset.verdicts} verdicts"
    return f"{onset.verdicts} {'verdict is' if onset.verdicts == 1 else 'verdicts are'} remembered"
