"""What Airflow's tasks do for a pooled validation, and the pool's passes, called one by one.

The validator is the real one; the repositories don't exist, so that each validation ends soon with an honest failure.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.pool.states import TaskState, WorkerState
from janitor.domain.result.outcome import Conclusion
from janitor.domain.states import RunStatus
from janitor.services.pool.cycle import PassReport, run_pass
from janitor.services.pool.give_back import goes_to_another
from janitor.services.pool.queue import Hosted, Queued, advance_task, host_again
from janitor.services.pool.release import release
from janitor.services.provider import provider_of
from janitor.services.result.record import record_validation
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import validations
from janitor.stores.database import transaction
from janitor.stores.pool import tasks, workers
from janitor.stores.pool.records import TaskRecord, WorkerRecord
from tests.support.rows import insert_run

WITHIN = timedelta(seconds=300)
"""A machine with a load of 20 included."""
_PAUSE_SECONDS = 0.1

CONFIG = """
grace_minutes: 0.1
default_timeout_minutes: 10
default_pool: gpu
pools:
  - {{name: gpu, instance_types: [g5.xlarge], {pool}}}
repositories:
"""


@dataclass(frozen=True)
class Repository:
    """One of a run."""

    name: str
    organization: str = "acme"
    hangs: bool = False
    """Whether its checkout never ends."""


class Fleet:
    """A deployment with a pool.

    Args:
        settings: Of the environment; `default_config` is `path`.
        path: Of the configuration.
    """

    def __init__(self, settings: Settings, path: Path) -> None:
        self.settings = settings
        self.path = path
        self._pool = ""

    def configure(self, **pool: Any) -> None:
        """Write the configuration; the pool's keys as in YAML, over defaults that fit a test."""
        values = {"max": 2, "idle_timeout_minutes": 0.02, "heartbeat_timeout_seconds": 3.0, **pool}
        self._pool = ", ".join(f"{key}: {str(value).lower()}" for key, value in values.items())
        self.path.write_text(self.config([Repository("worker-a")]))

    def config(self, repositories: Sequence[Repository]) -> str:
        """The configuration of a run of these repositories."""
        lines = (
            f"  - {{name: {each.name}, organization: {each.organization}, prompt: look at it,"
            f' url: "{self._url(each)}", gpu_required: false}}\n'
            for each in repositories
        )
        return CONFIG.format(pool=self._pool) + "".join(lines)

    def _url(self, repository: Repository) -> str:
        if not repository.hangs:
            return f"file:///does-not-exist/{repository.name}"
        path = Path(tempfile.mkdtemp(prefix="janitor-hangs-"))
        atexit.register(shutil.rmtree, path, ignore_errors=True)
        subprocess.run(["git", "init", "--quiet", "--bare", path], check=True)
        # Whoever reads its references waits for somebody who writes them.
        os.mkfifo(path / "packed-refs", 0o666)
        path.chmod(0o755)
        return f"file://{path}"

    def run(self, *repositories: Repository) -> tuple[UUID, list[UUID]]:
        """Write a run; returns its id and those of its validations."""
        return insert_run(
            self.settings.writer_url, deployment=self.settings.deployment, config=self.config(repositories)
        )

    def passes(self, count: int = 1) -> PassReport:
        """Make so many passes; returns what the last one did."""
        for _ in range(count):
            report = run_pass(self.settings)
            assert not report.is_elsewhere
        return report

    def until(self, is_there: Callable[[], Any], *, with_passes: bool = True) -> Any:
        """Make passes until something is there; returns that."""
        give_up_at = time.monotonic() + WITHIN.total_seconds()
        while not (found := is_there()):
            report = self.passes() if with_passes else None
            assert time.monotonic() < give_up_at, (report, self.workers(), self.tasks())
            time.sleep(_PAUSE_SECONDS)
        return found

    def hosted(self, validation_id: UUID) -> str:
        """What `launch` does: returns the worker's instance."""
        instance_id: str = self.until(lambda: self.hosted_later(validation_id))
        return instance_id

    def hosted_later(self, validation_id: UUID) -> str | None:
        """What one look of `launch` finds; None: it waits."""
        found = advance_task(self.settings, validation_id)
        assert isinstance(found, Hosted | Queued), found
        return found.instance_id if isinstance(found, Hosted) else None

    def watched(self, validation_id: UUID, meanwhile: Callable[[Watch], object] = lambda _: None) -> Conclusion:
        """What `validate` and `record` do, another worker included."""
        give_up_at = time.monotonic() + WITHIN.total_seconds()
        watch = Watch(self.settings, validation_id)
        while True:
            assert time.monotonic() < give_up_at, (self.workers(), self.tasks())
            outcome = watch.step()
            if outcome is None:
                meanwhile(watch)
                time.sleep(_PAUSE_SECONDS)
            elif goes_to_another(self.settings, watch, outcome):
                self.until(lambda: not isinstance(host_again(self.settings, validation_id), Queued))
                watch = Watch(self.settings, validation_id)
            else:
                watch.keep()
                return self.concluded(validation_id)

    def carried_out(self, validation_id: UUID) -> Conclusion:
        """A validation from `launch` to `terminate`."""
        self.hosted(validation_id)
        conclusion = self.watched(validation_id)
        self.released(validation_id)
        return conclusion

    def concluded(self, validation_id: UUID) -> Conclusion:
        """What `record` does."""
        return record_validation(self.settings, validation_id)

    def released(self, validation_id: UUID) -> str:
        """What `terminate` does; returns what became of the worker."""
        return release(self.settings, validation_id)

    def end_run(self, run_id: UUID) -> None:
        """The run is over."""
        with transaction(self.settings.writer_url) as connection:
            validations.finish_run(connection, run_id, RunStatus.FAILED, None)

    def workers(self) -> list[WorkerRecord]:
        """Those without an end."""
        with transaction(self.settings.writer_url) as connection:
            return workers.live(connection, self.settings.deployment)

    def ended_workers(self) -> list[WorkerRecord]:
        """Those that have ended, the last one first."""
        with transaction(self.settings.writer_url) as connection:
            return workers.ended(connection, self.settings.deployment, count=100)

    def tasks(self) -> list[TaskRecord]:
        """Those without an end."""
        with transaction(self.settings.writer_url) as connection:
            return tasks.open_tasks(connection, self.settings.deployment)

    def task(self, validation_id: UUID) -> TaskRecord:
        """A validation's."""
        with transaction(self.settings.writer_url) as connection:
            task = tasks.of_validation(connection, validation_id)
        assert task is not None
        return task

    def machines(self, *, live_only: bool = True) -> list[InstanceSeen]:
        """What EC2 shows of the deployment."""
        settings = self.settings
        return provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment, live_only=live_only)

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """The rows of one query."""
        with transaction(self.settings.writer_url) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def require_nothing_left(self) -> None:
        """No machine by EC2, no live row by the ledger, no worker or task without an end; each machine is paid."""
        assert [one.instance_id for one in self.machines() if one.state.value != "shutting-down"] == []
        statement = "select * from instances where deployment = %s and ended_at is null"
        assert self.rows(statement, self.settings.deployment) == []
        assert self.workers() == []
        assert self.tasks() == []
        assert all(one.state in (WorkerState.TERMINATED, WorkerState.FAILED) for one in self.ended_workers())
        open_turns = (
            "select from turns t join instances i using (ledger_id) where i.deployment = %s and t.ended_at is null"
        )
        assert self.rows(open_turns, self.settings.deployment) == []
        unpaid = (
            "select from instance_bills b where b.deployment = %s and b.total_usd is distinct from"
            " (select sum(p.total_usd) from bills p where p.ledger_id = b.ledger_id)"
        )
        assert self.rows(unpaid, self.settings.deployment) == []
        held = "select from tasks where deployment = %s and state::text = any(%s)"
        assert self.rows(held, self.settings.deployment, [TaskState.CLAIMED.value, TaskState.RUNNING.value]) == []

    def drained(self, run_id: UUID) -> None:
        """The run is over, and passes are made until the pool is empty."""
        self.end_run(run_id)
        self.until(lambda: not self.workers())
        self.require_nothing_left()
