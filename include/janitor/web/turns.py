"""How many questions of the pages are answered at once: the server's threads, and the database's, are Airflow's too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

from fastapi import HTTPException

AT_ONCE = 4
"""More would take turns in the database anyway."""
WAIT_SECONDS = 5.0
"""For one's turn; a question takes seconds at most."""
_PAUSE_SECONDS = 0.02


def taking_turns(at_once: int = AT_ONCE, wait_seconds: float = WAIT_SECONDS) -> Callable[[], AsyncIterator[None]]:
    """A dependency of FastAPI's, for all the routes of an app.

    It waits in the server's loop: whoever waited in a thread would take what it is to leave to others.
    """
    free = threading.BoundedSemaphore(at_once)

    async def turn() -> AsyncIterator[None]:
        waited = 0.0
        while not free.acquire(blocking=False):
            if waited >= wait_seconds:
                raise HTTPException(
                    503, "too many questions are being answered at once; ask again", {"Retry-After": "5"}
                )
            await asyncio.sleep(_PAUSE_SECONDS)
            waited += _PAUSE_SECONDS
        try:
            yield
        finally:
            free.release()

    return turn
