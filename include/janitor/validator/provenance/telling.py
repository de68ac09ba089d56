"""Words of a repository as a report tells them: on one line, without its secrets, as long as there is room."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str, int], str]
"""Of a text and its most characters."""
_WINDOW = 8


def teller(clean: Callable[[str], str]) -> Tell:
    """What tells such words.

    Args:
        clean: Masks the secrets of this validation, and takes out what isn't plain text.
    """

    def tell(text: str, most: int) -> str:
        # What is longer than could ever be told isn't looked through.
        return " ".join(clean(text[: _WINDOW * most]).split())[:most].strip()

    return tell
