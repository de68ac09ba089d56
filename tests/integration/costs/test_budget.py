"""Budgets: reserved with the plan, refused as a whole, never passed by any number of plans at once."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timezone
from decimal import Decimal

import psycopg
import pytest

from janitor.domain.errors import BudgetRefusedError, DatabaseError
from janitor.domain.money.budget import BudgetRefusal
from janitor.services.launch.plan import check_request, plan_run
from janitor.services.money.budget import day_used, refusal_of
from janitor.settings import Settings, load_settings
from tests.integration.costs.planned_runs import HOUR, WriteConfig, request, reservations, rows
from tests.support.postgres import TestDatabase


def test_a_plan_reserves_the_worst_case_of_each_validation(settings: Settings, write_config: WriteConfig) -> None:
    ask = request(write_config("daily_budget_usd: 10", "max_run_cost_usd: 5"))
    planned = plan_run(settings, ask)
    reserved = reservations(settings)
    assert [(row["validation_id"], row["reserved_usd"]) for row in reserved] == [
        (each.validation_id, HOUR) for each in planned
    ]
    assert {row["day"] for row in reserved} == {datetime.now(timezone.utc).date()}
    (run,) = rows(settings, "select * from validation_runs where deployment = %s", settings.deployment)
    assert (run["max_run_cost_usd"], run["daily_budget_usd"]) == (5, 10)
    assert day_used(settings) == 2 * HOUR
    (day,) = rows(settings, "select * from budget_by_day where deployment = %s", settings.deployment)
    assert (day["used_usd"], day["spent_usd"], day["open_reservations"]) == (2 * HOUR, 0, 2)


def test_planning_again_finds_its_own_reservations(settings: Settings, write_config: WriteConfig) -> None:
    ask = request(write_config("daily_budget_usd: 2.1"))
    assert plan_run(settings, ask) == plan_run(settings, ask)
    assert day_used(settings) == 2 * HOUR


def test_a_run_above_its_limit_is_refused_and_only_the_refusal_is_kept(
    settings: Settings, write_config: WriteConfig
) -> None:
    ask = request(write_config("max_run_cost_usd: 2.5", repositories=3))
    with pytest.raises(BudgetRefusedError) as refused:
        plan_run(settings, ask)
    refusal = refused.value.refusal
    assert isinstance(refusal, BudgetRefusal)
    assert refusal.wanted_usd == 3 * HOUR
    assert refusal.fits.repositories == ("worker-1", "worker-2")
    assert str(refused.value).startswith("the run is refused: at the worst it costs $3.05, above max_run_cost_usd")
    assert reservations(settings) == []
    assert rows(settings, "select from validation_runs where deployment = %s", settings.deployment) == []
    assert refusal_of(settings, ask.airflow_run_id) == str(refused.value)
    # A retried task is refused again and keeps the later word.
    with pytest.raises(BudgetRefusedError):
        plan_run(settings, ask)
    (day,) = rows(settings, "select * from budget_by_day where deployment = %s", settings.deployment)
    assert (day["refused_runs"], day["used_usd"]) == (1, 0)


def test_the_days_budget_counts_earlier_runs(settings: Settings, write_config: WriteConfig) -> None:
    config = write_config("daily_budget_usd: 3")
    plan_run(settings, request(config))
    with pytest.raises(BudgetRefusedError, match=r"more than the \$0\.97 that is left of today's daily_budget_usd"):
        check_request(settings, request(config))
    with pytest.raises(BudgetRefusedError):
        plan_run(settings, request(config))
    other = settings.model_copy(update={"deployment": f"{settings.deployment}-other"})
    assert check_request(other, request(config)) == 2


def test_yesterday_is_another_budget(database: TestDatabase, settings: Settings, write_config: WriteConfig) -> None:
    config = write_config("daily_budget_usd: 3")
    plan_run(settings, request(config))
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(
            "update janitor.budget_reservations set day = day - 1 where deployment = %s", (settings.deployment,)
        )
    plan_run(settings, request(config))
    assert day_used(settings) == 2 * HOUR


def test_an_unknown_price_is_refused_only_under_a_budget(settings: Settings, write_config: WriteConfig) -> None:
    unpriced = ", instance_type: x9.mega"
    with pytest.raises(BudgetRefusedError, match=r"infra/prices\.yaml has no price of x9\.mega in us-east-1"):
        plan_run(settings, request(write_config("daily_budget_usd: 100", entry=unpriced)))
    ask = request(write_config(entry=unpriced))
    assert check_request(settings, ask) == 2
    plan_run(settings, ask)
    assert {row["reserved_usd"] for row in reservations(settings)} == {Decimal(0)}


def test_the_check_before_triggering_needs_no_database_without_a_daily_budget(
    environment: dict[str, str], write_config: WriteConfig
) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    settings = load_settings(
        "local", environ=environment | {"JANITOR_DATABASE_URL": nowhere, "JANITOR_READER_DATABASE_URL": nowhere}
    )
    assert check_request(settings, request(write_config("max_run_cost_usd: 5"))) == 2
    with pytest.raises(DatabaseError):
        check_request(settings, request(write_config("daily_budget_usd: 5")))
    # What the run's own limit refuses is refused, whether the day is known or not.
    with pytest.raises(BudgetRefusedError):
        check_request(settings, request(write_config("daily_budget_usd: 5", "max_run_cost_usd: 1")))


def _try_to_plan(environment: dict[str, str], config: str) -> bool:
    settings = load_settings("local", environ=environment)
    try:
        plan_run(settings, request(config))
    except BudgetRefusedError:
        return False
    return True


def test_many_plans_at_once_never_pass_the_budget(
    environment: dict[str, str], settings: Settings, write_config: WriteConfig
) -> None:
    # Room for seven runs of one repository, wanted by forty from four processes.
    config = write_config("daily_budget_usd: 8", repositories=1)
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        planned = list(pool.map(_try_to_plan, [environment] * 40, [config] * 40))
    assert sum(planned) == 7
    assert day_used(settings) == 7 * HOUR <= 8
    assert len(rows(settings, "select from validation_runs where deployment = %s", settings.deployment)) == 7
    (day,) = rows(settings, "select * from budget_by_day where deployment = %s", settings.deployment)
    assert day["refused_runs"] == 33


def test_one_run_planned_many_times_at_once_is_reserved_once(
    environment: dict[str, str], settings: Settings, write_config: WriteConfig
) -> None:
    ask = request(write_config("daily_budget_usd: 2.5"))
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        planned = list(pool.map(plan_run, [settings] * 12, [ask] * 12))
    assert len({tuple(each) for each in planned}) == 1
    assert day_used(settings) == 2 * HOUR
