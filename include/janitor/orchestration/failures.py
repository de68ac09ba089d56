"""How a task fails: its log says why in plain lines, and ends with one line instead of a traceback.

Airflow logs whatever exception leaves a task with its frames, which push the one line that matters out of sight; an
exit it logs as one line. An exit may be retried, though, so every task has the policy that says which is for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy

from janitor.domain.errors import (
    BudgetRefusedError,
    ConfigError,
    ConflictError,
    LaunchRefusedError,
    NotFoundError,
    SettingsError,
)
from janitor.domain.log_lines import LONGEST_LINE, LineLogger
from janitor.protocol.text.plain_text import one_line

if TYPE_CHECKING:
    from airflow.sdk import Context

log = LineLogger(__name__)

_PERMANENT = (BudgetRefusedError, ConfigError, ConflictError, LaunchRefusedError, NotFoundError, SettingsError)
"""What another try can't mend."""
_FAILED = "failed"


class TaskFailed(SystemExit):
    """A task failed for good, and its log says why.

    Args:
        lines: What the log says.
        code: What Airflow's own last line calls it.
    """

    def __init__(self, lines: tuple[str, ...], code: str = _FAILED) -> None:
        super().__init__(code)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class FailedForGood(RetryPolicy):
    """A task that failed for good is not tried again; everything else is, as often as the task says."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide by what ended the try alone."""
        return RetryDecision.fail() if isinstance(exception, TaskFailed) else RetryDecision.default()


def as_airflow_failure(exc: Exception) -> BaseException:
    """What to raise in a task: an end that isn't retried where a retry can't help."""
    return failed_task(*str(exc).splitlines()) if isinstance(exc, _PERMANENT) else exc


def failed_task(*lines: str, code: str = _FAILED) -> TaskFailed:
    """Say in the task's log why it failed, a line for each given; returns what to raise.

    Args:
        lines: Why.
        code: One word for Airflow's own last line, such as a status.
    """
    said = tuple(one_line(line, limit=LONGEST_LINE) for line in lines)
    for line in said:
        log.error("%s", line)
    return TaskFailed(said, code)
