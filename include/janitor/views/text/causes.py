"""Why a repository isn't successful, in a line for people, with the place to look at."""

from __future__ import annotations

from janitor.domain.result.history_views import PlaceView
from janitor.domain.states import ValidationStatus
from janitor.domain.views import ValidationView
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.text.signature import MISMATCH_TITLE, plain_cause
from janitor.views.text.commands import make_command
from janitor.views.text.fitting import at_word, fitted
from janitor.views.text.marks import one_line, words_of

LONGEST_LINE = 100
"""Characters of a line that says why."""
_MARK = 2
"""Of them, for the mark before it."""
_LEAST_ROOM = 56
"""What a place and a cause need to be told; where the next command leaves less, it goes on a line of its own."""
_LEAST_ROOM_OF_FEW_COLUMNS = 32
"""The same on a terminal that is narrower than a line: one line each is worth more there than a whole cause."""
_FEWEST_COLUMNS = 60
"""A terminal that is narrower still has lines that are broken."""
_INDENT = "  "
_LONGEST_PATH = 4_200


def reason_of(validation: ValidationView) -> str | None:
    """Why a validation isn't successful, in full: the failing check and its summary."""
    if not _is_trouble(validation):
        return None
    summary = one_line(validation.summary) if validation.summary else validation.reason_code
    check = validation.failing_check
    if check and summary and f"{check}: " not in summary:
        return f"{check}: {summary}"
    return summary or check


def cause_of(validation: ValidationView) -> str | None:
    """`handler.py:12: KeyError: 'large'`: the place to look at, and the cause in the wording that all tools share."""
    if not _is_trouble(validation):
        return None
    place, cause = _place_and_cause(validation)
    return cause if place is None else f"{place}: {cause}"


def placed_title(validation: ValidationView) -> str | None:
    """`handler_local: handler.py:12: KeyError: 'large'`: the cause's name among repositories, with its place."""
    title, place = validation.signature_title, validation.place
    if title is None or place is None:
        return one_line(title) if title else None
    check = f"{validation.failing_check}: "
    prefix = check if title.startswith(check) else ""
    shown, told = _beside(place, one_line(title.removeprefix(prefix)))
    return prefix + (told if shown is None else f"{shown}: {told}")


def why_lines(name: str, validation: ValidationView, environment: str, columns: int = LONGEST_LINE) -> list[str]:
    """`handler.py:12: KeyError: 'large' (make logs REPO=broken-worker)`; empty where all is well.

    At most `LONGEST_LINE` characters each, and no more than the columns, the mark that comes before the first included.
    The name is told once: by the command, or before the cause where the command doesn't tell it. A command that leaves
    too little room for the cause goes on the next line.
    """
    if not _is_trouble(validation):
        return []
    width = max(min(columns, LONGEST_LINE), _FEWEST_COLUMNS)
    least = _LEAST_ROOM if width == LONGEST_LINE else _LEAST_ROOM_OF_FEW_COLUMNS
    place, cause = _place_and_cause(validation)
    command, begin = next_command(validation, name, environment), ""
    if step := _own_step(validation):
        # Its summary ends in that step.
        command, begin, cause = step, f"{at_word(name, width // 2)}: ", cause.partition("; ")[0]
    whole = cause if place is None else f"{place}: {cause}"
    left = width - _MARK - len(f"{begin} ({command})")
    if left >= min(len(whole), least):
        return [f"{begin}{fitted(place, cause, left)} ({command})"]
    return [f"{begin}{fitted(place, cause, width - _MARK - len(begin))}", *_own_lines(command, width)]


def next_command(validation: ValidationView, name: str, environment: str) -> str:
    """What prints the log of the repository's latest validation; its records, where nothing was run."""
    target = "logs" if validation.instance_id is not None else "query-db"
    return make_command(f"{target} REPO={name}", environment)


def _own_step(validation: ValidationView) -> str | None:
    """What helps where no log tells more."""
    if validation.reason_code != ReasonCode.PROOF_TOO_LOW.value:
        return None
    if "JANITOR_ENGINE" in (validation.summary or ""):
        return "set JANITOR_ENGINE=docker or required_proof: environment"
    return "install Docker or podman on the instances, or set required_proof: environment"


def _own_lines(command: str, width: int) -> list[str]:
    """A command on its own line; the longest names of GitHub are broken so that a shell puts them together again."""
    lines, rest = [], _INDENT + command
    while len(rest) > width:
        lines.append(rest[: width - 1] + "\\")
        rest = rest[width - 1 :]
    return [*lines, rest]


def _place_and_cause(validation: ValidationView) -> tuple[str | None, str]:
    cause, place = _short(validation), validation.place
    return (None, cause) if place is None else _beside(place, cause)


def _beside(place: PlaceView, cause: str) -> tuple[str | None, str]:
    """The place, and the cause without it; no place where the cause begins with another one of the same file."""
    file, at = (one_line(each, limit=_LONGEST_PATH) for each in (place.file, str(place)))
    repeated = [f"{at}: ", f"{file}: "]
    if place.line is not None:
        repeated += [f"{file}, line {place.line}: ", f"line {place.line}: "]
        cause = cause.removesuffix(f" ({file}, line {place.line})")
    for each in repeated:
        if cause.startswith(each):
            cause = cause.removeprefix(each) or cause
        cause = cause.replace(f": {each}", ": ", 1)
    if cause.startswith((f"{file}:", f"{file},")):
        return None, cause
    return at, cause.removeprefix(f"{file} ")


def _short(validation: ValidationView) -> str:
    check, title = validation.failing_check, validation.signature_title
    prefix = f"{check}: " if check else ""
    # What clusters failures has marks for what differs between repositories; here there is one.
    if title and "…" not in title and not title.endswith(MISMATCH_TITLE):
        return one_line(title.removeprefix(prefix))
    reason = _without_subject(validation).removeprefix(prefix)
    told = plain_cause(check, reason) if reason else None
    return one_line(
        told or (title or "").removeprefix(prefix) or reason or validation.reason_code or words_of(validation.status)
    )


def _without_subject(validation: ValidationView) -> str:
    """The summary behind `org/name does not work: `, which whoever reads it knows."""
    summary, subject = validation.summary or "", f"{validation.organization}/{validation.repository_name} "
    return summary.removeprefix(subject).partition(": ")[2] or summary if summary.startswith(subject) else summary


def _is_trouble(validation: ValidationView) -> bool:
    return validation.status.is_final and validation.status is not ValidationStatus.SUCCESS
