"""The DAG of the pools' passes makes one pass at a time; a deferred wait for a worker survives another triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from airflow.triggers.base import TriggerEvent

from janitor.domain.errors import WrongEnvironmentError
from janitor.orchestration.pool.trigger import WorkerTrigger
from janitor.orchestration.wiring import current_settings
from tests.support.dag_shape import described

VALIDATION = UUID(int=7)
_DESCRIBE = """
import json, sys
sys.path.insert(0, "dags")
import gpu_pool
dag = gpu_pool.gpu_pool()
print(json.dumps({
    "tasks": {t.task_id: [t.retries, t.execution_timeout is not None] for t in dag.tasks},
    "at_once": dag.max_active_runs, "schedule": dag.schedule.total_seconds(), "catchup": dag.catchup, "doc": dag.doc_md,
}))
"""


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAG as a fresh process sees it."""
    return described(_DESCRIBE, tmp_path_factory.mktemp("home"))


def test_a_pass_is_made_every_minute_and_one_at_a_time(dag: dict[str, Any]) -> None:
    assert dag["tasks"] == {"pool_pass": [0, True]}
    assert (dag["at_once"], dag["schedule"], dag["catchup"]) == (1, 60.0, False)
    assert dag["doc"].startswith("# gpu_pool")


@pytest.fixture
def _local(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("JANITOR_ENV", "local")
    current_settings.cache_clear()
    yield
    current_settings.cache_clear()


async def _first_event(trigger: WorkerTrigger) -> tuple[TriggerEvent, datetime]:
    async for event in trigger.run():
        return event, datetime.now(timezone.utc)
    raise AssertionError("no event")


@pytest.mark.usefixtures("_local")
def test_a_wait_for_a_worker_is_made_again_and_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime.now(timezone.utc)
    monkeypatch.setattr("janitor.orchestration.pool.trigger.EARLIEST_EVENT", timedelta(milliseconds=300))
    trigger = WorkerTrigger.of(VALIDATION, not_after=began)
    path, values = trigger.serialize()
    assert path == f"{WorkerTrigger.__module__}.{WorkerTrigger.__qualname__}"
    event, at = asyncio.run(_first_event(WorkerTrigger(**values)))
    assert event.payload == {"validation_id": str(VALIDATION), "reason": "no worker became free"}
    assert at >= began + timedelta(milliseconds=300)


@pytest.mark.usefixtures("_local")
def test_a_triggerer_of_another_environment_refuses() -> None:
    trigger = WorkerTrigger.of(VALIDATION, not_after=datetime.now(timezone.utc), environment="prod")
    with pytest.raises(WrongEnvironmentError):
        asyncio.run(_first_event(trigger))
