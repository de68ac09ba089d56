"""A whole stack for the tests of this folder: real Airflow, PostgreSQL, local cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from janitor.settings import Settings
from tests.support.runs import Runs
from tests.support.stack import running_stack
from tests.support.workers import WorkerRepository, make_worker

REQUIREMENTS = (Path(__file__).resolve().parents[2] / "infra/local/workers/echo-worker/requirements.txt").read_text()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One stack that defers early, so that short validations meet the triggerer too."""
    with running_stack(tmp_path_factory.mktemp("stack"), {"JANITOR_WORKER_WAIT_SECONDS": "4"}) as settings:
        yield settings


@pytest.fixture(scope="package")
def runs(stack: Settings) -> Runs:
    """Starting and awaiting runs on the stack."""
    return Runs(stack)


@pytest.fixture(scope="package")
def workers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WorkerRepository]:
    """Workers that a test may combine as it likes."""
    folder = tmp_path_factory.mktemp("workers")
    bodies = {
        "healthy": "return {'echo': job['input']['text']}",
        "failing": "raise RuntimeError('the model is gone')",
        "slow": "time.sleep(12)\nreturn {'echo': job['input']['text']}",
        "crashing": "os.kill(os.getpid(), 9)",
        "endless": "while True:\n    time.sleep(1)",
    }
    return {
        name: make_worker(folder, f"{name}-worker", body=body, requirements=REQUIREMENTS)
        for name, body in bodies.items()
    }
