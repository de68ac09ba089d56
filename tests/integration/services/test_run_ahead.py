"""What a run waits for that Airflow has queued: an Airflow over the wire, and what the records say of limits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from janitor.domain.identity import run_id_for
from janitor.domain.states import RunKind
from janitor.domain.watch.sequential import LONGEST_RUN
from janitor.services.airflow.trigger import TriggeredRun
from janitor.services.airflow.turn import RunAhead, run_ahead
from janitor.services.report.reports import run_view
from janitor.settings import Settings
from tests.integration.services.test_sequential import CONFIG, plan
from tests.support.airflow_doors import Asked, listening

MINE = "janitor__mine"


def ahead(
    settings: Settings, under_way: list[str], *, state: str = "queued", most: int | None = 1, kind: RunKind
) -> RunAhead | None:
    """What `run_ahead` makes of an Airflow with these runs."""

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.path.endswith(f"/dagRuns/{MINE}"):
            return (200, {"state": state}) if state else (404, {"detail": "no such run"})
        if asked.path.endswith("/details"):
            return 200, {"max_active_runs": most}
        assert "state=running&order_by=start_date" in asked.path
        return 200, {"dag_runs": [{"dag_run_id": each} for each in under_way]}

    with listening(answer) as airflow:
        reached = settings.model_copy(update={"airflow_url": airflow.url, "airflow_token": SecretStr("known")})
        mine = run_id_for(settings.deployment, MINE)
        return run_ahead(reached, TriggeredRun(run_id=mine, airflow_run_id=MINE, total_repositories=1, kind=kind))


def test_a_queued_run_waits_for_the_one_under_way_until_its_limit(settings: Settings, tmp_path: Path) -> None:
    run_id = plan(settings, tmp_path, f"{CONFIG}total_timeout_minutes: 90\n")
    first = run_view(settings, str(run_id)).airflow_run_id
    seen = ahead(settings, [first], kind=RunKind.SEQUENTIAL)
    assert seen == RunAhead(run_id=run_id, at_a_time=1, left=timedelta(minutes=90.05))


def test_of_a_run_that_is_not_planned_the_longest_is_expected(settings: Settings) -> None:
    seen = ahead(settings, ["manual__unplanned"], kind=RunKind.SEQUENTIAL)
    run_id: UUID = run_id_for(settings.deployment, "manual__unplanned")
    assert seen == RunAhead(run_id=run_id, at_a_time=1, left=LONGEST_RUN)


def test_nothing_is_ahead_where_airflow_has_a_place(settings: Settings) -> None:
    eight = [f"manual__{number}" for number in range(8)]
    full = ahead(settings, eight, most=8, kind=RunKind.PARALLEL)
    assert full is not None
    assert (full.run_id, full.at_a_time) == (run_id_for(settings.deployment, eight[0]), 8)
    assert ahead(settings, eight[:7], most=8, kind=RunKind.PARALLEL) is None
    assert ahead(settings, eight, most=None, kind=RunKind.PARALLEL) is None
    assert ahead(settings, [], kind=RunKind.SEQUENTIAL) is None
    assert ahead(settings, [MINE], state="running", kind=RunKind.SEQUENTIAL) is None
    assert ahead(settings, ["manual__1"], state="", kind=RunKind.SEQUENTIAL) is None
