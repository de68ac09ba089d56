"""Steps that run at the same time, and whose failure is told: the cause, never what it brought down.

Invariant: a step that stopped because another one had failed raises `GaveUpError`, and nobody is shown that as long as
anything else failed, however deep the steps are nested.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from janitor.domain.errors import StackError


class GaveUpError(StackError):
    """A step stopped waiting because another one had failed. A consequence, never a cause."""


class Together:
    """Groups of steps, nested or not, that stand or fall as one."""

    def __init__(self) -> None:
        self.abandoned = threading.Event()
        """Set when a step has failed or somebody has interrupted: steps that wait look at it, and give up."""
        self.causes: list[BaseException] = []
        """Every failure that isn't a consequence of another one, in the order in which they happened."""

    def run(self, steps: Iterable[Callable[[], None]]) -> None:
        """Run steps at the same time, until all of them have ended. A step may call this again.

        Raises:
            BaseException: the first failure of these steps that is a cause; a `GaveUpError` where all of them are
                consequences, because the cause lies outside of this group.
        """
        failures: list[BaseException] = []

        def one(step: Callable[[], None]) -> None:
            try:
                step()
            except BaseException as exc:
                failures.append(exc)
                if not isinstance(exc, GaveUpError) and exc not in self.causes:
                    self.causes.append(exc)
                self.abandoned.set()

        with ThreadPoolExecutor(thread_name_prefix="up") as pool:
            try:
                for future in [pool.submit(one, step) for step in steps]:
                    future.result()
            except BaseException:
                self.abandoned.set()
                raise
        if failures:
            raise primary_of(failures)


def primary_of(failures: list[BaseException]) -> BaseException:
    """The first of some failures, in the order of their happening, that is a cause; the first where none is."""
    return next((each for each in failures if not isinstance(each, GaveUpError)), failures[0])
