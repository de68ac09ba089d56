"""The heartbeats of Airflow's programs for the pages, from inside the server that its monitor runs in.

Asking that monitor over HTTP would take a second thread of the server that waits; its function reads the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from datetime import datetime, timedelta, timezone
from threading import Lock, Thread
from time import monotonic
from typing import Any

from janitor.domain.heartbeats import airflow_problems

KEPT_FOR = timedelta(seconds=5)
"""Programs give a heartbeat no more often."""
PATIENCE = timedelta(seconds=2)
"""For Airflow's database: a page says that it is slow, it doesn't wait for it."""


def monitored() -> Mapping[str, Any]:
    """What `/api/v2/monitor/health` answers with."""
    # With the first question: it loads the scheduler's code, which a server's start needn't wait for.
    from airflow.api.common.airflow_health import get_airflow_health  # noqa: PLC0415 - only where it is asked

    told: Mapping[str, Any] = get_airflow_health()
    return told


class Heartbeats:
    """What isn't well with Airflow's programs, asked for once for all who look, and kept for some seconds.

    Args:
        ask: What Airflow's monitor answers with.
        kept_for: So long an answer holds.
        patience: So long anybody waits for one.
    """

    def __init__(
        self,
        ask: Callable[[], Mapping[str, Any]] = monitored,
        *,
        kept_for: timedelta = KEPT_FOR,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._ask = ask
        self._kept_for = kept_for.total_seconds()
        self._patience = patience.total_seconds()
        self._lock = Lock()
        self._answer: Future[Mapping[str, Any]] | None = None
        self._asked_at = 0.0

    def problems(self) -> list[str]:
        """In the words of every face; that there is no answer is a problem too."""
        answer, waited = self._asked()
        try:
            told = answer.result(timeout=max(0.0, self._patience - waited))
        except NotYetError:
            return [f"api-server: Airflow's database hasn't told heartbeats within {self._patience:.0f} s"]
        except Exception as exc:
            return [f"api-server: Airflow can't tell heartbeats ({type(exc).__name__})"]
        return airflow_problems(told, datetime.now(timezone.utc))

    def _asked(self) -> tuple[Future[Mapping[str, Any]], float]:
        """The answer that is kept or awaited, and for how long that has been: at most one question is under way."""
        with self._lock:
            age = monotonic() - self._asked_at
            if self._answer is None or (self._answer.done() and age >= self._kept_for):
                self._answer, self._asked_at, age = Future(), monotonic(), 0.0
                # A daemon: a server that ends doesn't wait for a database that hangs.
                Thread(target=self._fill, args=(self._answer,), name="janitor-heartbeats", daemon=True).start()
            return self._answer, age

    def _fill(self, answer: Future[Mapping[str, Any]]) -> None:
        try:
            answer.set_result(self._ask())
        except BaseException as exc:
            answer.set_exception(exc)
