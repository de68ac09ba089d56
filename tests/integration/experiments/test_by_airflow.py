"""Experiments on instances of a real local cloud, with real rows; Airflow's part is done by the services themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from janitor.domain.errors import AirflowError, BudgetRefusedError, ConflictError, NotFoundError
from janitor.domain.experiment.experiment import ExperimentPurpose, Observed, Repeated
from janitor.domain.identity import run_id_for
from janitor.domain.states import RunPurpose, RunStatus
from janitor.protocol.order.patch import Patch
from janitor.services.badges import publish_badges
from janitor.services.completing import Known, completions
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.experiments.by_airflow import AirflowLaboratory, airflow_run_id_of
from janitor.services.experiments.repeated import repeated_validation
from janitor.services.launch.blueprint import RunRequest, blueprint_of
from janitor.services.launch.plan import plan_run
from janitor.services.money.expected import forecast
from janitor.services.news.telling import write_messages_if_possible
from janitor.services.report.failures import failure_report
from janitor.services.report.reports import repository_history, run_view
from janitor.services.report.repository_page import repository_page
from janitor.services.report.run_list import latest_runs
from janitor.services.snapshot.grid import cause_grid, fleet_grid
from janitor.services.snapshot.take import take_snapshot
from janitor.services.watch.build_history import earlier_builds
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries
from tests.integration.experiments.stand_in import airflow, carry_out
from tests.integration.validator.conftest import DOCKERFILE, commit_all, handler, new_repository, worker_files
from tests.support.experiments import change_of, experiment_of

REPOSITORY = "acme/worker-a"
PAUSE = timedelta(milliseconds=200)
LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)
_NOT_TOLD = ("at", "money", "breakers")


Broken = tuple[Settings, Repeated, Patch]


@pytest.fixture(scope="module")
def broken(services_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """A deployment with a validation to repeat, for whoever adds experiments alone to it."""
    settings = services_settings.model_copy(update={"deployment": f"test-{uuid4().hex[:8]}"})
    return settings, *validated_red(settings, tmp_path_factory.mktemp("broken"))


def validated_red(settings: Settings, folder: Path) -> tuple[Repeated, Patch]:
    """A fleet whose one worker has lost its Dockerfile, validated red; and what repairs it."""
    worker = new_repository(folder / "worker", worker_files(handler('return {"answer": 42}'), {"Dockerfile": None}))
    config = folder / "workers.yaml"
    config.write_text(
        "default_timeout_minutes: 5\ndefault_required_proof: environment\nbadges: public\n"
        "fallback_instance_types: [g5.xlarge]\nrepositories:\n"
        f"  - {{name: worker-a, organization: acme, prompt: go, gpu_required: false, url: '{worker.as_uri()}',"
        " instance_type: g4dn.xlarge}\n"
    )
    run_id = carry_out(settings, f"test__{uuid4()}", {"config_path": str(config)})
    (validation,) = run_view(settings, str(run_id)).validations
    assert validation.status.value == "failed", validation.summary
    (worker / "Dockerfile").write_text(DOCKERFILE)
    patch = change_of(worker)
    (worker / "later.txt").write_text("the branch has moved on\n")
    commit_all(worker)
    return repeated_validation(settings, validation.validation_id), patch


def laboratory(settings: Settings, **options: Any) -> AirflowLaboratory:
    return AirflowLaboratory(settings, asked_by="run/acme/worker-a/1", pause=PAUSE, **options)


def faces(settings: Settings) -> dict[str, Any]:
    """What is told of the fleet, by whoever tells it; without the instant and the money."""
    now = datetime.now(timezone.utc)
    with transaction(settings.writer_url) as connection:
        write_messages_if_possible(connection, settings)
    snapshot = take_snapshot(settings, ask_airflow=False)
    page = repository_page(settings, "acme", "worker-a", last=50)
    run_id = page.validations[0].run_id
    plans = blueprint_of(
        settings, RunRequest(airflow_run_id="x", trigger="manual", config_path="", rerun_of=str(run_id))
    ).plans
    with transaction(settings.writer_url) as connection:
        builds = earlier_builds(connection, settings.deployment, "acme", "worker-a")
        queries, deployment = named_queries(), settings.deployment
        asked = {
            "began": queries.last_run_began(connection, deployment=deployment),
            "budget": queries.last_daily_budget(connection, deployment=deployment),
            "causes' money": list(queries.cost_by_cause(connection, deployment=deployment, since=LONG_AGO, most=9)),
            "usual": list(queries.last_times_of_run(connection, run_id=run_id)),
        }
        rows = {
            table: connection.execute(
                f"select * from janitor.{table} where deployment = %s order by 1".encode(), (settings.deployment,)
            ).fetchall()
            for table in ("repository_standings", "news", "published_badges", "repository_health", "failures")
        }
    return {
        "today": {each.name: getattr(snapshot, each.name) for each in fields(snapshot) if each.name not in _NOT_TOLD},
        "causes": causes_of_snapshot(settings, snapshot),
        "fleet": fleet_grid(settings, runs=60, before=now),
        "cause grid": cause_grid(settings, runs=60, before=now),
        "history": repository_history(settings, REPOSITORY, 50),
        "page": page,
        "failures of the last run": failure_report(settings, 1),
        "repositories": completions(settings, Known.REPOSITORY, limit=9, beginning=""),
        "expected": [each.usual for each in forecast(settings, plans, _estimate(settings, plans)).repositories],
        "builds": builds,
        "badges": publish_badges(settings),
        **asked,
        **rows,
    }


def _estimate(settings: Settings, plans: Any) -> Any:
    from janitor.services.money.estimate import estimate_plans

    return estimate_plans(settings, timedelta(minutes=2), plans)


def test_green_with_the_patch_red_without_and_no_face_says_anything_else(settings: Settings, tmp_path: Path) -> None:
    repeated, patch = validated_red(settings, tmp_path)
    faces(settings)  # what waits to be told is told
    before = faces(settings)
    with airflow(settings) as stand_in:
        there = laboratory(stand_in.settings)
        control, patched = experiment_of(repeated), experiment_of(repeated, patch)
        red, green = there.observe(control), there.observe(patched)
    assert red.observed is Observed.RED, red.reason
    assert (red.signature, repeated.signature) == (repeated.signature, red.signature)
    assert green.observed is Observed.GREEN, green.reason
    # One judge, on the type that it really ran on, at the commit that was red: the branch has moved on.
    for seen in (red, green):
        assert seen.report is not None
        assert seen.report.provenance is not None
        assert seen.report.provenance.machine is not None
        assert seen.report.provenance.machine.instance_type == repeated.instance_type == "g4dn.xlarge"
        assert repeated.report.provenance is not None
        assert seen.report.provenance.validator_sha256 == repeated.report.provenance.validator_sha256
        assert seen.report.repository.commit_sha == repeated.commit_sha
        assert seen.cost_usd is not None
        assert seen.cost_usd > 0
    assert faces(settings) == before

    listed = {each.airflow_run_id: each for each in latest_runs(settings, 10)}
    ran = [listed[airflow_run_id_of(each.experiment_id)] for each in (control, patched)]
    assert [each.purpose for each in ran] == [RunPurpose.EXPERIMENT] * 2
    assert [each.status for each in ran] == [RunStatus.FAILED, RunStatus.SUCCESS]
    # Its money counts in full.
    spent = sum((each.cost_usd or Decimal(0) for each in listed.values()), Decimal(0))
    day = take_snapshot(settings, ask_airflow=False).money
    assert day.used_usd >= round(spent, 4) - Decimal("0.001")
    assert sum((each.cost_usd or Decimal(0) for each in ran), Decimal(0)) == (red.cost_usd or 0) + (green.cost_usd or 0)


def test_asked_again_it_is_the_same_and_found_after_a_crash_at_any_point(broken: Broken) -> None:
    settings, repeated, _ = broken
    control = experiment_of(repeated)
    with airflow(settings) as stand_in:
        stand_in.refuses = True
        with pytest.raises(AirflowError):  # its row is written, and Airflow wasn't reached
            laboratory(stand_in.settings).ask(control)
        stand_in.refuses = False
        laboratory(stand_in.settings).ask(control)  # whoever asked dies here
        seen = laboratory(stand_in.settings).observe(control)
        assert seen.observed is Observed.RED, seen.reason
        assert laboratory(stand_in.settings).observe(control) == seen
        assert len(stand_in.triggered) == 1
    # And without an Airflow, from what is kept.
    gone = settings.model_copy(update={"airflow_url": "http://127.0.0.1:9", "airflow_token": None})
    assert laboratory(gone).observe(control) == seen


def test_one_id_is_one_experiment(broken: Broken) -> None:
    settings, repeated, patch = broken
    control = experiment_of(repeated)
    with airflow(settings, lambda *_: None) as stand_in:
        laboratory(stand_in.settings).ask(control)
        other = replace(control, purpose=ExperimentPurpose.PATCHED, patch=patch)
        with pytest.raises(ConflictError, match="an id of its own"):
            laboratory(stand_in.settings).ask(other)
        seen = laboratory(stand_in.settings).observe(other)
        assert (seen.observed, "can't be carried out" in seen.reason) == (Observed.INCONCLUSIVE, True)
        # Airflow's run has ended, and nothing of it was planned.
        seen = laboratory(stand_in.settings).observe(control)
        assert (seen.observed, "before it was planned" in seen.reason) == (Observed.INCONCLUSIVE, True)


def test_what_is_not_over_in_time_goes_on(broken: Broken) -> None:
    settings, repeated, _ = broken
    control = experiment_of(repeated)
    with airflow(settings) as stand_in:
        hurried = laboratory(stand_in.settings, patience=timedelta(milliseconds=300))
        seen = hurried.observe(control)
        assert (seen.observed, "it goes on as Airflow's run" in seen.reason) == (Observed.INCONCLUSIVE, True)
        assert laboratory(stand_in.settings).observe(control).observed is Observed.RED


def test_an_airflow_that_can_not_be_reached_is_asked_for_a_while(broken: Broken) -> None:
    settings, repeated, _ = broken
    control = experiment_of(repeated)
    with airflow(settings) as stand_in:
        stand_in.refuses = True
        with pytest.raises(AirflowError):
            laboratory(stand_in.settings, reach=timedelta(seconds=1)).observe(control)
        assert len(stand_in.asked) > 1
        # What was never begun is begun by whoever asks later.
        stand_in.refuses = False
        assert laboratory(stand_in.settings).observe(control).observed is Observed.RED


def test_the_budget_holds_before_and_when_it_is_planned(broken: Broken) -> None:
    settings, repeated, _ = broken
    run_id = _run_of(settings, repeated)
    early, late = experiment_of(repeated), experiment_of(repeated)
    with airflow(settings) as stand_in:
        _limit(settings, run_id, Decimal("0.0001"))
        with pytest.raises(BudgetRefusedError):
            laboratory(stand_in.settings).observe(early)
        assert stand_in.triggered == []
        _limit(settings, run_id, None)

        def too_late(there: Settings, airflow_run_id: str, conf: Mapping[str, Any]) -> None:
            _limit(settings, run_id, Decimal("0.0001"))
            carry_out(there, airflow_run_id, conf)

    with airflow(settings, too_late) as stand_in, pytest.raises(BudgetRefusedError):
        laboratory(stand_in.settings).observe(late)
    _limit(settings, run_id, None)
    with transaction(settings.writer_url) as connection:
        news = connection.execute(
            "select from janitor.news where deployment = %s and event = 'budget_refused'", (settings.deployment,)
        ).fetchall()
    assert news == []


def test_an_experiment_is_neither_done_again_nor_repeated_nor_carried_out_by_hand(broken: Broken) -> None:
    settings, repeated, _ = broken
    control = experiment_of(repeated)
    with airflow(settings) as stand_in:
        seen = laboratory(stand_in.settings).observe(control)
        again = experiment_of(replace(repeated, validation_id=seen.validation_id or uuid4()))
        answer = laboratory(stand_in.settings).observe(again)
        assert "is an experiment itself" in answer.reason
    run_id = run_id_for(settings.deployment, airflow_run_id_of(control.experiment_id))
    with pytest.raises(ConflictError, match="is an experiment; whoever asked"):
        plan_run(settings, _request(rerun_of=str(run_id)))
    with pytest.raises(ConflictError, match="is carried out by run experiment__"):
        plan_run(settings, _request(experiment=control.experiment_id))
    with pytest.raises(NotFoundError, match="there is no experiment"):
        plan_run(settings, _request(experiment=uuid4()))
    with pytest.raises(ConflictError, match="is an experiment itself"):
        repeated_validation(settings, seen.validation_id or uuid4())
    with pytest.raises(NotFoundError):
        laboratory(settings).ask(experiment_of(replace(repeated, validation_id=uuid4())))


def test_the_plan_is_the_repeated_ones_with_its_change(broken: Broken) -> None:
    settings, repeated, patch = broken
    experiment = experiment_of(repeated, patch)
    with airflow(settings, lambda *_: None) as stand_in:
        laboratory(stand_in.settings).ask(experiment)
    blueprint = blueprint_of(
        settings,
        _request(experiment=experiment.experiment_id, airflow_run_id=airflow_run_id_of(experiment.experiment_id)),
    )
    assert repeated.plan.instance_types == ("g4dn.xlarge", "g5.xlarge")
    assert blueprint.plans == (
        replace(repeated.plan, ref=repeated.commit_sha, instance_types=("g4dn.xlarge",), patch=patch),
    )
    assert (blueprint.purpose, blueprint.badges, blueprint.news_routes) == (RunPurpose.EXPERIMENT, False, None)


def _request(**changes: Any) -> RunRequest:
    return RunRequest(**{"airflow_run_id": f"test__{uuid4()}", "trigger": "manual", "config_path": "", **changes})


def _run_of(settings: Settings, repeated: Repeated) -> UUID:
    return repository_history(settings, REPOSITORY, 1)[0].run_id


def _limit(settings: Settings, run_id: UUID, usd: Decimal | None) -> None:
    with transaction(settings.writer_url) as connection:
        connection.execute("update janitor.validation_runs set max_run_cost_usd = %s where run_id = %s", (usd, run_id))
