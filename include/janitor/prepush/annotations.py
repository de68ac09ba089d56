"""Findings as GitHub annotations, which show beside the line in a pull request.

Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-an-error-message
"""

from __future__ import annotations

from janitor.inspection.location import Location
from janitor.protocol.terms.proven import Note
from janitor.protocol.terms.statuses import CheckStatus
from janitor.protocol.text.github import data, property_value
from janitor.validator.pipeline.static_run import StaticCheck, StaticResult


def annotation_lines(result: StaticResult, *, folder: str = ".") -> list[str]:
    """One workflow command for each place, and for each finding that has none.

    Args:
        result: What was found.
        folder: The worker's, from the repository's root; `.` is the root.
    """
    lines: list[str] = []
    for each in result.checks:
        lines += [_of_location(each, location, folder) for location in each.locations]
        level = _level(each)
        if level is not None and not any(not location.is_warning or level == "warning" for location in each.locations):
            said = f"{each.check.reason_code}: {each.check.reason}"
            lines.append(f"::{level} title={property_value(each.check.name)}::{data(said)}")
        lines += [_of_note(each, note, folder) for note in each.check.notes]
    return lines


def _level(each: StaticCheck) -> str | None:
    if each.check.status not in (CheckStatus.FAIL, CheckStatus.ERROR) and not each.is_undecided:
        return None
    return "error" if each.check.required else "warning"


def _of_location(each: StaticCheck, location: Location, folder: str) -> str:
    level = "warning" if location.is_warning else _level(each) or "warning"
    line = f",line={location.line}" if location.line else ""
    properties = f"file={_file(location.path, folder)}{line},title={property_value(each.check.name)}"
    return f"::{level} {properties}::{data(location.message)}"


def _of_note(each: StaticCheck, note: Note, folder: str) -> str:
    """What decides nothing warns of nothing either."""
    line = f",line={note.line}" if note.line else ""
    where = "" if note.file is None else f"file={_file(note.file, folder)}{line},"
    said = data(f"{note.code}: {note.text}")
    return f"::notice {where}title={property_value(each.check.name)}::{said}"


def _file(path: str, folder: str) -> str:
    return property_value(path if folder == "." else f"{folder}/{path}")
