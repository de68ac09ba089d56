"""What a failed start leaves in a log: every cause with its traceback, and what came after it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from janitor.domain.errors import JanitorError, SettingsError, StackError


def keep_failure(log: Path, causes: Sequence[BaseException]) -> bool:
    """Append failures to a log file. Tells whether that was possible: a full disk must not become the message."""
    now = datetime.now(timezone.utc)
    lines = []
    for number, cause in enumerate(causes):
        what = "the start failed" if number == 0 else "after that, this failed as well"
        told = "".join(traceback.format_exception(type(cause), cause, cause.__traceback__))
        lines.append(f"{now:%Y-%m-%d %H:%M:%S} UTC: {what}: {cause}\n{told}\n")
    with suppress(OSError):
        with log.open("a", encoding="utf-8", errors="replace") as file:
            file.writelines(lines)
        return True
    return False


def with_log(error: Exception, log: Path) -> Exception:
    """The failure as it is shown: its own words, and where the log is. Settings stay the user's to correct."""
    if isinstance(error, SettingsError):
        return error
    words = str(error) if isinstance(error, JanitorError) else f"unexpected {type(error).__name__}: {error}"
    shown = StackError(f"{words}\nThe start failed there; {log} has all of it")
    shown.__cause__ = error
    return shown
