"""Text that somebody sends: what the database, and an answer, can hold."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_UNFIT = re.compile("[\0\ud800-\udfff]")


def _check(text: str) -> str:
    if _UNFIT.search(text):
        raise ValueError("holds a NUL character, or half of another one")
    return text


Words = Annotated[str, AfterValidator(_check)]
"""Postgres keeps no NUL, and UTF-8 has no lone surrogate; JSON has both."""
