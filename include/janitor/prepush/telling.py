"""What the static checks found on a checkout, for people and for scripts."""

from __future__ import annotations

from typing import Any

from janitor.inspection.location import Location
from janitor.protocol.terms.proven import Note, Unproven
from janitor.protocol.terms.statuses import CheckStatus
from janitor.protocol.text.marks import BAD, GOOD, UNKNOWN
from janitor.protocol.text.plain_text import json_text, one_line
from janitor.validator.pipeline.static_run import StaticResult

_SHOWN_CHANGES = 5
_SHOWN_UNPROVEN = 8
_LONGEST_MESSAGE = 300
_LONGEST_PATH = 4_096
"""Characters. Source: Linux, PATH_MAX."""
_MARKS = {CheckStatus.PASS: GOOD, CheckStatus.FAIL: BAD, CheckStatus.ERROR: BAD, CheckStatus.SKIP: UNKNOWN}


def static_text(result: StaticResult) -> str:
    """One line for each check, the places that it speaks of below it, and a summary."""
    lines = [_heading(result)]
    for each in result.checks:
        check = each.check
        optional = check.status in (CheckStatus.FAIL, CheckStatus.ERROR) and not check.required
        mark = "!" if optional else _MARKS[check.status]
        said = f": {check.reason_code}: {one_line(check.reason or '', limit=2_000)}" if check.reason_code else ""
        lines.append(f"{mark} {check.name}{said}")
        lines += [f"    {_place(location)}" for location in each.locations]
        lines += [f"    note: {note.code}: {_told(note)}" for note in check.notes]
    if result.unproven:
        shown = [f"  {each.kind.value.replace('_', ' ')}: {_told(each)}" for each in result.unproven[:_SHOWN_UNPROVEN]]
        more = len(result.unproven) - len(shown)
        lines += ["Not proven:", *shown, *([f"  … and {more} more: --json"] if more else [])]
    lines += ["", summary_line(result)]
    return "\n".join(lines)


def static_json(result: StaticResult) -> str:
    """The same for scripts; each check has the form that it has in a report."""
    document: dict[str, Any] = {
        "path": str(result.root),
        "commit_sha": result.commit_sha,
        "changes": list(result.changes),
        "status": "pass" if result.is_good else "fail",
        "proof_level": None,
        "note_count": result.note_count,
        "unproven": [each.to_dict() for each in result.unproven],
        "duration_seconds": result.seconds,
        "phases": dict(result.phases),
        "checks": [
            {
                **each.check.to_dict(),
                "phase": each.phase.value,
                "places": [
                    {
                        "path": location.path,
                        "line": location.line,
                        "message": location.message,
                        "warning": location.is_warning,
                    }
                    for location in each.locations
                ],
            }
            for each in result.checks
        ],
    }
    return json_text(document)


def _heading(result: StaticResult) -> str:
    commit = f" at {result.commit_sha[:12]}" if result.commit_sha else ""
    if not result.changes:
        return f"{result.root}{commit}"
    shown = ", ".join(line[3:] for line in result.changes[:_SHOWN_CHANGES])
    more = len(result.changes) - _SHOWN_CHANGES
    count = len(result.changes)
    counted = "1 change that is" if count == 1 else f"{count} changes that are"
    changes = f"{counted} not committed: {shown}" + (f" and {more} more" if more > 0 else "")
    return f"{result.root}{commit}, with {changes}"


def _place(location: Location) -> str:
    path = one_line(location.path, limit=_LONGEST_PATH)
    where = f"{path}:{location.line}" if location.line else path
    return f"{where}: {'warning: ' if location.is_warning else ''}{one_line(location.message, limit=_LONGEST_MESSAGE)}"


def _told(told: Note | Unproven) -> str:
    """`Dockerfile:7: RUN pytest`."""
    text = one_line(told.text, limit=_LONGEST_MESSAGE)
    if told.file is None:
        return text
    where = one_line(told.file, limit=_LONGEST_PATH)
    return f"{where}:{told.line}: {text}" if told.line is not None else f"{where}: {text}"


def summary_line(result: StaticResult) -> str:
    """The last line: how many checks pass, fail and could not tell."""
    failed = result.with_status(CheckStatus.FAIL, required=True)
    unsure = result.undecided
    noted = result.with_status(CheckStatus.FAIL, required=False)
    passed = [each for each in result.checks if each.check.status is CheckStatus.PASS]
    skipped = [each for each in result.checks if each.is_skipped]
    parts = [
        f"{len(passed)} of {len(result.checks)} checks pass",
        f"{len(failed)} fail" if failed else "",
        f"{len(unsure)} could not tell" if unsure else "",
        f"{len(noted)} worth a look" if noted else "",
        f"{result.note_count} {'note' if result.note_count == 1 else 'notes'}" if result.note_count else "",
        f"{len(skipped)} skipped" if skipped else "",
    ]
    times = ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in result.phases.items())
    told = "" if any(each.phase.value == "network" for each in result.checks) else " The network was not asked."
    return f"{'; '.join(part for part in parts if part)} ({times}).{told} Nothing was built or run."
