"""Log lines that can't be forged: whatever a message quotes, one record is one line of visible characters.

Invariant: every logger of the control plane comes from here; the test of the architecture holds it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from janitor.protocol.text.plain_text import one_line

LONGEST_LINE = 8_000
"""Characters of one record."""


class LineLogger:
    """Writes to the standard logger of a module, each message on one line.

    Args:
        name: The module's `__name__`.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, message: str, *values: Any) -> None:
        """Say what goes on; `%s` in the message stands for a value, as in the standard library."""
        self._write(logging.INFO, message, values)

    def warning(self, message: str, *values: Any) -> None:
        """Say what is wrong and is gone on without."""
        self._write(logging.WARNING, message, values)

    def error(self, message: str, *values: Any) -> None:
        """Say what ends what goes on."""
        self._write(logging.ERROR, message, values)

    def _write(self, level: int, message: str, values: tuple[Any, ...]) -> None:
        if self._logger.isEnabledFor(level):
            said = message % _as_values(values) if values else message
            self._logger.log(level, "%s", one_line(said, limit=LONGEST_LINE), stacklevel=3)


def _as_values(values: tuple[Any, ...]) -> Any:
    """One mapping fills `%(name)s`, as in the standard library."""
    return values[0] if len(values) == 1 and isinstance(values[0], Mapping) and values[0] else values
