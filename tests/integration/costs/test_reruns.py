"""A run is done again as it was planned, and what it will probably cost comes from what its repositories took."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from janitor.domain.errors import BudgetRefusedError, ConflictError, NotFoundError
from janitor.domain.identity import run_id_for
from janitor.domain.money.costs import cost_of
from janitor.services.launch.blueprint import RunRequest, blueprint_of, check_blueprint
from janitor.services.launch.plan import check_request, plan_run
from janitor.services.money.expected import forecast
from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.integration.costs.planned_runs import rows

WriteConfig = Callable[..., str]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
STATUSES = ("success", "failed", "error", "cancelled")


def planned(settings: Settings, config: str, **changes: Any) -> UUID:
    request = RunRequest(airflow_run_id=f"test__{uuid4()}", trigger="manual", config_path=config, **changes)
    plan_run(settings, request)
    return run_id_for(settings.deployment, request.airflow_run_id)


def end(settings: Settings, run_id: UUID, *statuses: str) -> None:
    with transaction(settings.writer_url) as connection:
        for index, status in enumerate(statuses):
            connection.execute(
                "update repository_validations set status = %s, finished_at = now(), commit_sha = %s,"
                " proof_level = 'environment' where run_id = %s and repository_index = %s",
                (status, COMMIT, run_id, index),
            )
        connection.execute(
            "update validation_runs set status = 'failed', completed_at = now() where run_id = %s", (run_id,)
        )


def again(run_id: UUID | str, *, only_unsuccessful: bool = False) -> RunRequest:
    return RunRequest(
        airflow_run_id=f"test__{uuid4()}",
        trigger="manual",
        config_path="gone.yaml",
        rerun_of=str(run_id),
        only_unsuccessful=only_unsuccessful,
    )


def validations(settings: Settings, run_id: UUID) -> list[dict[str, Any]]:
    return rows(
        settings,
        "select repository_index, repository_name, plan, timeout_minutes, grace_minutes, custom_prompt, status"
        " from repository_validations where run_id = %s order by repository_index",
        run_id,
    )


def run_row(settings: Settings, run_id: UUID) -> dict[str, Any]:
    (row,) = rows(settings, "select * from validation_runs where run_id = %s", run_id)
    return row


@pytest.fixture
def config(write_config: WriteConfig) -> str:
    return write_config("max_run_cost_usd: 9", "max_concurrent_instances: 3", repositories=4)


def test_a_run_is_planned_again_as_it_was_though_its_config_is_gone(settings: Settings, config: str) -> None:
    first = planned(settings, config, timeout=timedelta(minutes=7))
    end(settings, first, *STATUSES)
    Path(config).unlink()
    request = again(first)
    plan_run(settings, request)
    second = run_id_for(settings.deployment, request.airflow_run_id)
    before, after = validations(settings, first), validations(settings, second)
    assert [{**each, "status": None} for each in before] == [{**each, "status": None} for each in after]
    assert {each["status"] for each in after} == {"queued"}
    same = ("config_file_path", "config_sha256", "timeout_minutes", "max_concurrent_instances", "max_run_cost_usd")
    assert {key: run_row(settings, first)[key] for key in same} == {key: run_row(settings, second)[key] for key in same}
    # A task that is repeated finds what it planned.
    assert [one.repository_name for one in plan_run(settings, request)] == [f"worker-{n}" for n in range(1, 5)]


def test_only_what_was_not_successful_whatever_the_reason(settings: Settings, config: str) -> None:
    first = planned(settings, config)
    end(settings, first, *STATUSES)
    request = again(str(first)[:8], only_unsuccessful=True)
    assert check_request(settings, request) == 3
    assert [one.repository_name for one in plan_run(settings, request)] == ["worker-2", "worker-3", "worker-4"]
    second = run_id_for(settings.deployment, request.airflow_run_id)
    assert run_row(settings, second)["total_repositories"] == 3
    assert [each["repository_index"] for each in validations(settings, second)] == [0, 1, 2]


def test_nothing_to_do_again_an_unknown_run_and_one_that_goes_on_are_refused(settings: Settings, config: str) -> None:
    first = planned(settings, config)
    with pytest.raises(ConflictError, match=rf"run {first} still goes on.*make cancel RUN_ID={first}"):
        blueprint_of(settings, again(first))
    end(settings, first, *("success",) * 4)
    with pytest.raises(ConflictError, match=r"every repository of run .* is successful"):
        blueprint_of(settings, again(first, only_unsuccessful=True))
    with pytest.raises(NotFoundError, match="there is no run"):
        blueprint_of(settings, again(uuid4()))


def test_its_budget_holds_again(settings: Settings, write_config: WriteConfig) -> None:
    first = planned(settings, write_config("daily_budget_usd: 3"))
    end(settings, first, "failed", "failed")
    with pytest.raises(BudgetRefusedError, match="daily_budget_usd"):
        check_request(settings, again(first))


def test_whom_to_ask_comes_from_the_config_as_it_is_now(settings: Settings, write_config: WriteConfig) -> None:
    path = write_config("confirm_above_usd: 2")
    first = planned(settings, path)
    end(settings, first, "failed", "failed")
    assert blueprint_of(settings, again(first)).confirm_above_usd == 2
    Path(path).unlink()
    assert blueprint_of(settings, again(first)).confirm_above_usd is None


def took(settings: Settings, run_id: UUID, index: int, length: timedelta, status: str) -> None:
    """A repository's instance lived so long, and came to this end."""
    begin = datetime.now(timezone.utc) - timedelta(hours=3)
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "insert into instances (owner_kind, owner_id, validation_id, run_id, deployment, generation, client_token,"
            " tags, instance_id, instance_type, market, state, launched_at, deadline_at, expires_at, price_usd_hour,"
            " volume_gib, volume_usd_gib_month, ended_at, termination_reason)"
            " select 'validation', validation_id, validation_id, run_id, %(deployment)s, 1, gen_random_uuid(), '{}',"
            " %(id)s, 'g5.xlarge', 'on_demand', 'terminated', %(begin)s, %(begin)s, %(begin)s, 1.2, 100, 0.08,"
            " %(end)s, 'finished' from repository_validations where run_id = %(run)s and repository_index = %(index)s",
            {
                "deployment": settings.deployment,
                "id": f"i-{uuid4().hex[:17]}",
                "begin": begin,
                "end": begin + length,
                "run": run_id,
                "index": index,
            },
        )
        connection.execute(
            "update repository_validations set status = %s, launched_at = %s, finished_at = %s, commit_sha = %s,"
            " proof_level = 'environment'"
            " where run_id = %s and repository_index = %s",
            (status, begin, begin + length, COMMIT, run_id, index),
        )


def test_what_is_expected_is_the_median_of_the_last_verdicts_at_today_s_price(
    settings: Settings, write_config: WriteConfig
) -> None:
    config = write_config()
    for minutes, status in ((4, "success"), (10, "failed"), (6, "success"), (500, "error"), (400, "cancelled")):
        run_id = planned(settings, config)
        took(settings, run_id, 0, timedelta(minutes=minutes), status)
    request = RunRequest(airflow_run_id="x", trigger="manual", config_path=config)
    blueprint = blueprint_of(settings, request)
    expected = forecast(settings, blueprint.plans, check_blueprint(settings, blueprint).estimate)
    first, second = expected.repositories
    assert first.usual is not None
    assert (first.usual.median, first.usual.times) == (timedelta(minutes=6), 3)
    assert first.expected_usd == cost_of(
        timedelta(minutes=6), usd_hour=Decimal("1.006"), volume_gib=100, volume_usd_gib_month=Decimal("0.08")
    )
    assert (second.usual, second.expected_usd) == (None, None)
    assert (expected.expected_usd, expected.unknown) == (first.expected_usd, 1)


def test_a_ledger_that_is_away_makes_it_unknown_and_nothing_else(settings: Settings, write_config: WriteConfig) -> None:
    request = RunRequest(airflow_run_id="x", trigger="manual", config_path=write_config())
    blueprint = blueprint_of(settings, request)
    away = settings.model_copy(update={"reader_database_url": None})
    expected = forecast(away, blueprint.plans, check_blueprint(settings, blueprint).estimate)
    assert expected.expected_usd is None
    assert expected.worst_case_usd is not None
    assert {each.usual for each in expected.repositories} == {None}
