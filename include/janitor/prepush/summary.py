"""Findings as Markdown, which GitHub shows on a run's page: what is wrong first, with its places.

Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#adding-a-job-summary
"""

from __future__ import annotations

from janitor.inspection.location import Location
from janitor.prepush.telling import summary_line
from janitor.protocol.terms.statuses import CheckStatus
from janitor.protocol.text.github import markdown
from janitor.validator.pipeline.static_run import StaticCheck, StaticResult

_MOST_PLACES = 10


def summary_markdown(result: StaticResult) -> str:
    """A heading, a table of the checks that say something, and the count."""
    commit = f" at {result.commit_sha[:12]}" if result.commit_sha else ""
    verdict = "passes" if result.is_good else "does not pass"
    lines = [f"### janitor validate: {markdown(result.root.name or 'worker')} {verdict}{commit}", ""]
    told = [each for each in result.checks if each.check.reason_code is not None or each.locations or each.check.notes]
    told = [each for each in told if not each.is_skipped]
    if told:
        lines += ["| | check | what it says |", "|---|---|---|"]
        # What is wrong first: a reader may look no further.
        lines += [_row(each) for each in sorted(told, key=_rank)]
        lines.append("")
    lines += [markdown(summary_line(result)), ""]
    return "\n".join(lines)


def _rank(each: StaticCheck) -> int:
    return 0 if _is_bad(each) else 1


def _is_bad(each: StaticCheck) -> bool:
    return each.is_undecided or (each.check.required and each.check.status is not CheckStatus.PASS)


def _row(each: StaticCheck) -> str:
    mark = "❌" if _is_bad(each) else "⚠️"
    said = (
        [f"{markdown(each.check.reason_code)}: {markdown(each.check.reason or '')}"] if each.check.reason_code else []
    )
    said += [_place(location) for location in each.locations[:_MOST_PLACES]]
    more = len(each.locations) - _MOST_PLACES
    said += [f"and {more} more"] if more > 0 else []
    said += [f"note: {markdown(note.code)}: {markdown(note.text)}" for note in each.check.notes]
    return f"| {mark} | {markdown(each.check.name)} | {'<br>'.join(said)} |"


def _place(location: Location) -> str:
    where = f"{location.path}:{location.line}" if location.line else location.path
    return f"{markdown(where)}: {markdown(location.message)}"
