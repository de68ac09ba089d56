"""One stack whose cloud Terraform fills, with a validation through the DAG; the tests look at what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from janitor.cloud.session import CloudAccess
from janitor.domain.views import RunView
from janitor.settings import Settings
from tests.support.janitor_command import janitor
from tests.support.runs import Runs, eventually
from tests.support.stack import running_stack, stack_environ
from tests.support.terraform import require_terraform
from tests.support.workers import make_worker, write_config

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = (ROOT / "infra/local/workers/echo-worker/requirements.txt").read_text()
TIMER_SEEN_WITHIN = timedelta(seconds=180)
HANDLER = "time.sleep(8)\nreturn {'echo': job['input']['text']}"


def client_of(settings: Settings, service: str) -> Any:
    """A boto3 client of the stack's cloud that is in no record of calls."""
    return CloudAccess.of(settings.model_copy(update={"aws_calls_file": None})).client(service)


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A stack after `infra-apply` and one run."""

    before: Settings
    settings: Settings
    environment: dict[str, str]
    calls_file: Path
    """What was sent from the beginning of the run on."""
    second_plan: str
    run: RunView
    timers: tuple[str, ...]
    """The external timers that were seen in Terraform's group while the run was going on."""
    instances: tuple[dict[str, Any], ...]
    """As EC2 showed the deployment's instances then: one that has ended has no profile any more."""

    def client(self, service: str) -> Any:
        """A boto3 client of the stack's cloud."""
        return client_of(self.settings, service)


@pytest.fixture(scope="package")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """Start, apply, plan again, validate one repository."""
    require_terraform()
    folder = tmp_path_factory.mktemp("applied")
    calls = folder / "calls"
    overrides = {"JANITOR_AWS_CALLS_FILE": str(calls), "JANITOR_WORKER_WAIT_SECONDS": "4"}
    worker = make_worker(folder, "healthy-worker", body=HANDLER, requirements=REQUIREMENTS)
    config = write_config(folder / "workers.yaml", [worker.entry()])
    with running_stack(folder / "state", overrides) as before:
        environment = stack_environ(folder / "state", overrides)
        done = janitor(environment, "infra-apply", "--env", "local")
        assert done.returncode == 0, done.stdout
        second = janitor(environment, "infra-plan", "--env", "local")
        assert second.returncode == 0, second.stdout
        calls.unlink(missing_ok=True)  # what the stack made for itself is no controller's call
        settings = before.reload()
        runs = Runs(settings)
        started = runs.start(config)
        timers = eventually(lambda: _timers(settings), within=TIMER_SEEN_WITHIN)
        instances = _instances(settings)
        yield Applied(
            before=before,
            settings=settings,
            environment=environment,
            calls_file=calls,
            second_plan=second.stdout,
            run=runs.finished(started),
            timers=timers,
            instances=instances,
        )


def _timers(settings: Settings) -> tuple[str, ...] | None:
    listed = client_of(settings, "scheduler").list_schedules(GroupName=settings.schedule_group)["Schedules"]
    return tuple(one["Name"] for one in listed) or None


def _instances(settings: Settings) -> tuple[dict[str, Any], ...]:
    tag = {"Name": "tag:janitor:deployment", "Values": [settings.deployment]}
    reservations = client_of(settings, "ec2").describe_instances(Filters=[tag])["Reservations"]
    return tuple(one for reservation in reservations for one in reservation["Instances"])
