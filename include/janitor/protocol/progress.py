"""The lines of a validator's log that say how far it is: written by its recorder, read by whoever shows a run.

`12:03:11 check build started [build]`, `12:03:40 check build … pass [build] (29.1 s)`. A line begins with the time of
the journal; what a repository prints is indented there, so that none of its lines is taken for one of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from janitor.protocol.terms.statuses import CheckStatus

MARK = "check"
"""A word that every such line has: a log is searched for it."""
PROVOKED = "the worker is asked with bad input: what it logs of that, up to the next check, is no fault"
_PROVOCATION = re.compile(rf"\d\d:\d\d:\d\d {re.escape(PROVOKED)}")
_OF_VALIDATOR = re.compile(r"\d\d:\d\d:\d\d (?!  \|)")
_STARTED = "started"
_NAME = r"[a-z][a-z0-9_]{0,63}"


@dataclass(frozen=True, kw_only=True)
class CheckProgress:
    """A check has begun, or is done."""

    check: str
    phase: str
    """The part of the validation that it belongs to."""
    status: CheckStatus | None = None
    """How it ended; None where it has only begun."""

    def __str__(self) -> str:
        """As the log has it, behind the time; more may follow."""
        said = _STARTED if self.status is None else f"… {self.status.value}"
        return f"{MARK} {self.check} {said} [{self.phase}]"


def read_progress(line: str) -> CheckProgress | None:
    """What a line of the log says of a check; None where it is about anything else."""
    found = _pattern().match(line)
    if found is None:
        return None
    status = found["status"]
    return CheckProgress(
        check=found["check"], phase=found["phase"], status=None if status is None else CheckStatus(status)
    )


def is_of_validator(line: str) -> bool:
    """Whether a line is the validator's own word; what it hands on of a process is indented."""
    return _OF_VALIDATOR.match(line) is not None


def is_provocation(line: str) -> bool:
    """Whether a line says that the validator itself provokes errors from here to the next line on a check."""
    return _PROVOCATION.fullmatch(line.rstrip()) is not None


@cache
def _pattern() -> re.Pattern[str]:
    statuses = "|".join(each.value for each in CheckStatus)
    return re.compile(
        rf"\d\d:\d\d:\d\d {MARK} (?P<check>{_NAME}) (?:{_STARTED}|… (?P<status>{statuses})) \[(?P<phase>{_NAME})\]"
    )
