"""A scheduler that is held up while a deferred task resumes takes the word of its deferral for that of its end.

apache/airflow#72716: the executor's "this process has ended" of the deferral is read after the resumed task was queued
again, and the task is called failed in the middle of its work. A pause of the trigger before it fires narrows that
window, and no pause closes it; being run again at no cost does.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from janitor.domain.states import RunStatus
from janitor.settings import Settings
from janitor.stack import stack
from janitor.stack.components import Component
from janitor.stack.state.layout import Layout
from janitor.stores.database import transaction
from tests.support.runs import Runs, by_name, eventually
from tests.support.workers import WorkerRepository, write_config

SOON = timedelta(seconds=90)
ENDS_WITHIN = timedelta(seconds=300)
TASK = "validate_repository.validate"
AIRFLOWS_WORD = "finished with state success, but the task instance's state attribute is"


@contextmanager
def frozen_scheduler(settings: Settings) -> Iterator[None]:
    """As on a machine that sleeps: tasks that have begun and the triggerer go on without it."""
    pid = next(each.pid for each in stack.status(settings).components if each.component is Component.SCHEDULER)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_task_that_is_called_failed_in_the_middle_goes_on(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    config = write_config(tmp_path / "workers.yaml", [workers["slow"].entry()])
    log = Layout.of(runs.settings).log_of(Component.SCHEDULER.value)
    known = log.stat().st_size
    run = runs.start(config)

    def state() -> str | None:
        return runs.task_state(run.airflow_run_id, TASK, 0)

    eventually(lambda: state() == "running" or None, within=SOON)
    with frozen_scheduler(runs.settings):
        eventually(lambda: state() == "deferred" or None, within=SOON)
        eventually(lambda: state() == "scheduled" or None, within=SOON)
    view = runs.finished(run, within=ENDS_WITHIN)

    with log.open() as lines:
        lines.seek(known)
        assert AIRFLOWS_WORD in lines.read(), "the fault didn't happen"
    assert view.status is RunStatus.SUCCESS
    assert not by_name(view)["slow-worker"].timeout_enforced
    with transaction(runs.settings.writer_url) as connection:
        rows = connection.execute("select generation from instances where run_id = %s", (view.run_id,)).fetchall()
    assert [row["generation"] for row in rows] == [1]
    runs.assert_nothing_left()
