"""Whether what a model quotes is what a tool said, and not what the model made a tool say."""

from __future__ import annotations

import re

_SHORTEST = 10
"""Characters of a quotation; a shorter one counts if it is a whole line of output."""


class Seen:
    """Everything that the tools showed, and everything that the model asked them."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._lines: set[str] = set()
        self._asked: list[str] = []
        self._known: list[str] = []

    def know(self, text: str) -> None:
        """Take what the harness itself found: it is proved, whatever a model says later."""
        self._known.append(_plain(text))

    def show(self, text: str) -> None:
        """Take a tool's output."""
        self._shown.append(_plain(text))
        self._lines |= {_plain(line) for line in text.splitlines()}

    def ask(self, text: str) -> None:
        """Take the words of a call."""
        self._asked.append(_plain(text))

    def proves(self, quotation: str) -> bool:
        """Whether the quotation is output of one call, blanks aside, and stands in no call of the model's own.

        A model that runs `echo "out of memory"` has seen nothing.
        """
        text = _plain(quotation)
        if not text or (len(text) < _SHORTEST and text not in self._lines):
            return False
        if any(text in known for known in self._known):
            return True
        return any(text in shown for shown in self._shown) and not any(text in asked for asked in self._asked)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
