"""An Airflow over the wire that carries out what it is asked for by the services themselves, as the DAG's tasks do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from janitor.domain.errors import JanitorError
from janitor.domain.identity import run_id_for
from janitor.domain.states import TerminationReason
from janitor.services.ending.terminate import end_scope, scope_of_run
from janitor.services.launch.plan import RunRequest, plan_run
from janitor.services.result.record import record_validation
from janitor.services.result.verdict import close_run
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from tests.integration.services.test_launching import launch
from tests.support.airflow_doors import Asked, listening

BUILT_WITHIN = timedelta(seconds=240)
Carry = Callable[[Settings, str, Mapping[str, Any]], Any]


def carry_out(settings: Settings, airflow_run_id: str, conf: Mapping[str, Any]) -> UUID:
    """A run from its plan to its verdict; returns its id."""
    experiment = conf.get("experiment")
    request = RunRequest(
        airflow_run_id=airflow_run_id,
        trigger="manual",
        config_path=conf.get("config_path", ""),
        experiment=UUID(experiment) if experiment else None,
    )
    run_id = run_id_for(settings.deployment, airflow_run_id)
    for each in plan_run(settings, request):
        launch(settings, each.validation_id)
        watch = Watch(settings, each.validation_id)
        deadline = time.monotonic() + BUILT_WITHIN.total_seconds()
        while watch.step() is None:
            assert time.monotonic() < deadline, "the watch did not end"
            time.sleep(0.1)
        watch.keep()
        record_validation(settings, each.validation_id)
    end_scope(settings, scope_of_run(run_id), TerminationReason.FINISHED, timeout=timedelta(seconds=60))
    assert close_run(settings, run_id) is not None
    return run_id


@dataclass
class StandIn:
    """What it was asked for."""

    settings: Settings
    """With the way to it."""
    triggered: list[str] = field(default_factory=list)
    """Each run once."""
    asked: list[Asked] = field(default_factory=list)
    refuses: bool = False
    """Whether it answers no request for a run."""
    ended: dict[str, str] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)


@contextmanager
def airflow(settings: Settings, carry: Carry = carry_out) -> Iterator[StandIn]:
    """Serve it until the block ends, and wait for what it began."""
    stand_in = StandIn(settings=settings)

    def carry_through(airflow_run_id: str, conf: Mapping[str, Any]) -> None:
        try:
            carry(stand_in.settings, airflow_run_id, conf)
            stand_in.ended[airflow_run_id] = "success"
        except (JanitorError, AssertionError):
            stand_in.ended[airflow_run_id] = "failed"

    def answer(asked: Asked) -> tuple[int, Any]:
        stand_in.asked.append(asked)
        if asked.method == "POST" and asked.path.endswith("/dagRuns"):
            if stand_in.refuses:
                return 503, {"detail": "no"}
            airflow_run_id = asked.body["dag_run_id"]
            if airflow_run_id in stand_in.triggered:
                return 409, {"detail": "it exists"}
            stand_in.triggered.append(airflow_run_id)
            thread = threading.Thread(target=carry_through, args=(airflow_run_id, asked.body["conf"]), daemon=True)
            stand_in.threads.append(thread)
            thread.start()
            return 200, {"dag_run_id": airflow_run_id}
        airflow_run_id = asked.path.rpartition("/")[2]
        if airflow_run_id not in stand_in.triggered:
            return 404, {"detail": "no such run"}
        return 200, {"state": stand_in.ended.get(airflow_run_id, "running")}

    with listening(answer) as server:
        stand_in.settings = settings.model_copy(update={"airflow_url": server.url, "airflow_token": SecretStr("known")})
        yield stand_in
        for thread in stand_in.threads:
            thread.join(BUILT_WITHIN.total_seconds())
