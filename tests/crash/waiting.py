"""Waiting for something to come to pass, with a deadline, while parts of the stack are dead."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import httpx
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from janitor.domain.errors import JanitorError

Found = TypeVar("Found")
POLL = timedelta(seconds=0.1)
DEAD = (JanitorError, psycopg.Error, httpx.HTTPError, BotoCoreError, ClientError)
"""What asking a component says while it is down or being restarted."""


class NotInTimeError(Exception):
    """It did not come to pass."""


def await_it(look: Callable[[], Found | None], *, within: timedelta, what: str, every: timedelta = POLL) -> Found:
    """Look until there is something.

    Args:
        look: Returns None as long as there is nothing; a component that is down is no answer yet.
        within: When to give up.
        what: What is awaited, for the error.
        every: Pause between two looks.

    Raises:
        NotInTimeError: The time is over; says what the last look met.
    """
    deadline = time.monotonic() + within.total_seconds()
    while True:
        problem = ""
        try:
            found = look()
        except DEAD as exc:
            found, problem = None, f" (last: {type(exc).__name__}: {exc})"
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            raise NotInTimeError(f"{what}: not within {within.total_seconds():.0f} s{problem}")
        time.sleep(every.total_seconds())
