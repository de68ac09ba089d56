"""Why a repository isn't successful, in one line for people, with the place to look at."""

from __future__ import annotations

from janitor.domain.states import ValidationStatus
from janitor.domain.views import ValidationView
from janitor.protocol.text.signature import plain_cause
from janitor.settings import DEFAULT_ENVIRONMENT
from janitor.views.text.marks import one_line

LONGEST_LINE = 100
"""Characters of a line that says why."""
_MARK = 2
"""Of them, for the mark before it."""
_SHORTEST_CAUSE = 24


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
    cause = _short(validation)
    place = validation.place
    if place is None:
        return cause
    # A cause that names its place itself doesn't need it twice.
    return cause if cause.startswith((str(place), place.file)) else f"{one_line(str(place))}: {cause}"


def why_line(name: str, validation: ValidationView, command: str) -> str | None:
    """`broken-worker: handler.py:12: KeyError: 'large' (make logs REPO=broken-worker)`; None where all is well.

    At most `LONGEST_LINE` characters: what the name and the command leave is the cause's.
    """
    cause = cause_of(validation)
    if cause is None:
        return None
    left = max(LONGEST_LINE - _MARK - len(f"{name}:  ({command})"), _SHORTEST_CAUSE)
    return f"{name}: {cause if len(cause) <= left else cause[: left - 1].rstrip() + '…'} ({command})"


def next_command(validation: ValidationView, name: str, environment: str) -> str:
    """What prints the log of the repository's latest validation; its records, where nothing was run."""
    target = "logs" if validation.instance_id is not None else "query-db"
    return f"make {target} REPO={name}" + ("" if environment == DEFAULT_ENVIRONMENT else f" ENV={environment}")


def _short(validation: ValidationView) -> str:
    check, title = validation.failing_check, validation.signature_title
    prefix = f"{check}: " if check else ""
    # What clusters failures has marks for what differs between repositories; here there is one.
    if title and "…" not in title:
        return one_line(title.removeprefix(prefix))
    reason = _without_subject(validation).removeprefix(prefix)
    told = plain_cause(check, reason) if reason else None
    return one_line(told or (title or "").removeprefix(prefix) or reason or validation.reason_code or _word(validation))


def _without_subject(validation: ValidationView) -> str:
    """The summary behind `org/name does not work: `, which whoever reads it knows."""
    summary, subject = validation.summary or "", f"{validation.organization}/{validation.repository_name} "
    return summary.removeprefix(subject).partition(": ")[2] or summary if summary.startswith(subject) else summary


def _word(validation: ValidationView) -> str:
    return validation.status.value.replace("_", " ")


def _is_trouble(validation: ValidationView) -> bool:
    return validation.status.is_final and validation.status is not ValidationStatus.SUCCESS
