"""`janitor estimate` and `janitor waste` on a real database, and costs in what the other commands print."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.main import main
from janitor.domain.identity import run_id_for
from janitor.services.launch.plan import RunRequest, plan_run
from janitor.settings import Settings
from janitor.stores.database import transaction

WriteConfig = Callable[..., str]


@pytest.fixture
def janitor(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in this deployment; returns its exit code and what it printed."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def plan(settings: Settings, config: str) -> str:
    airflow_run_id = f"test__{uuid4()}"
    plan_run(settings, RunRequest(airflow_run_id=airflow_run_id, trigger="manual", config_path=config))
    return airflow_run_id


def test_estimate_of_an_accepted_run(janitor: Any, settings: Settings, write_config: WriteConfig) -> None:
    config = write_config("max_run_cost_usd: 3", "daily_budget_usd: 5")
    plan(settings, config)
    code, out, _ = janitor("estimate", config)
    assert code == ExitCode.OK
    assert out.splitlines()[1:] == [
        "",
        "  worker-1: g5.xlarge $1.006/h; 1.00 h; $1.017",
        "  worker-2: g5.xlarge $1.006/h; 1.00 h; $1.017",
        "Total: 2 instances, 2.00 h, $2.034",
        "",
        "Run: at most $3.00 (max_run_cost_usd)",
        "Day: at most $5.00 (daily_budget_usd); $2.03 reserved or spent, $2.97 left",
        "✓ accepted",
    ]


def test_estimate_of_a_refused_run(janitor: Any, settings: Settings, write_config: WriteConfig) -> None:
    config = write_config("daily_budget_usd: 3")
    plan(settings, config)
    code, out, _ = janitor("estimate", config)
    assert code == ExitCode.USAGE
    assert "✗ the run is refused: at the worst it costs $2.03, more than the $0.97" in out
    code, out, _ = janitor("estimate", config, "--repo", "worker-1", "--timeout-minutes", "30", "--json")
    assert code == ExitCode.OK
    answer = json.loads(out)
    assert answer["accepted"] is True
    assert (answer["worst_case_usd"], answer["day_left_usd"]) == ("0.5764", "0.9656")
    code, out, _ = janitor("estimate", config, "--json")
    assert code == ExitCode.USAGE
    assert json.loads(out)["refusal"]["fits"] == {
        "repositories": [],
        "timeout_minutes": 24,
        "instance_type": None,
    }


def test_estimate_with_the_database_down(
    janitor: Any, monkeypatch: pytest.MonkeyPatch, write_config: WriteConfig
) -> None:
    monkeypatch.setenv("JANITOR_READER_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    code, out, _ = janitor("estimate", write_config("daily_budget_usd: 3"))
    assert code == ExitCode.OK
    assert "unknown: database down" in out
    code, out, _ = janitor("estimate", write_config("daily_budget_usd: 3", "max_run_cost_usd: 1"))
    assert code == ExitCode.USAGE


def test_a_run_that_its_limit_refuses_is_refused_before_anything_starts(
    janitor: Any, write_config: WriteConfig
) -> None:
    config = write_config("max_run_cost_usd: 1")
    for command in (("validate-all-workers", "--config", config), ("run", config)):
        code, out, err = janitor(*command)
        assert (code, out) == (ExitCode.USAGE, "")
        assert err.startswith("error: the run is refused: at the worst it costs $2.03, above max_run_cost_usd ($1.00)")


def test_waste_of_nothing(janitor: Any) -> None:
    code, out, _ = janitor("waste")
    assert code == ExitCode.OK
    assert out.startswith("No instance was launched since ")


@pytest.fixture
def two_instances(settings: Settings, write_config: WriteConfig) -> tuple[str, datetime]:
    """One of ten minutes that never got a command and died of its own timer, and one that is as it should be."""
    airflow_run_id = plan(settings, write_config())
    run_id = run_id_for(settings.deployment, airflow_run_id)
    begin = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "insert into instances (owner_kind, owner_id, validation_id, run_id, deployment, generation, client_token,"
            " tags, instance_id,"
            " instance_type, market, state, launched_at, deadline_at, expires_at, price_usd_hour, volume_gib,"
            " volume_usd_gib_month, command_started_at, command_ended_at, ended_at, termination_reason,"
            " termination_detail, state_reason)"
            " select 'validation', validation_id, validation_id, run_id, %(deployment)s, 1, gen_random_uuid(), '{}',"
            "  'i-' || repository_name || '-' || %(deployment)s,"
            "  'g5.xlarge', 'on_demand', 'terminated', %(begin)s, %(expiry)s, %(expiry)s, 1.2,"
            "  0, 0, case repository_index when 1 then %(begin)s end, case repository_index when 1 then %(end)s end,"
            "  %(end)s, case repository_index when 0 then 'guest_timer'::termination_reason else 'finished' end, null,"
            "  case repository_index when 0 then 'Client.InstanceInitiatedShutdown' end"
            " from repository_validations where run_id = %(run)s",
            {
                "deployment": settings.deployment,
                "begin": begin,
                "expiry": begin + timedelta(minutes=9),
                "end": begin + timedelta(minutes=10),
                "run": run_id,
            },
        )
        connection.execute(
            "insert into validation_reports (validation_id, format, storage_key, sha256, partial, report, ledger_id)"
            " select validation_id, 'f', 'k', 's', false, '{}', ledger_id from instances where run_id = %s"
            " and command_started_at is not null",
            (run_id,),
        )
        connection.execute(
            "update instances set expires_at = expires_at + interval '5 minutes' where run_id = %s"
            " and command_started_at is not null",
            (run_id,),
        )
    return airflow_run_id, begin


def test_waste_explains_every_second_and_names_what_it_can_not(
    janitor: Any, settings: Settings, two_instances: tuple[str, datetime]
) -> None:
    airflow_run_id, begin = two_instances
    code, out, _ = janitor("waste")
    assert code == ExitCode.OK
    lines = out.splitlines()
    assert lines[0].startswith("2 instances since ")
    assert [" ".join(line.split()) for line in lines if line.startswith("  ") and " 0s " not in line] == [
        "idle 10m0s 50.0% $0.20",
        "unexplained 10m0s 50.0% $0.20",
        "total 20m0s 100.0% $0.40",
    ]
    ended = begin + timedelta(minutes=10)
    assert lines[-1] == (
        f"✗ i-worker-1-{settings.deployment} (g5.xlarge) of worker-1: 10m0s, $0.20; it never got a command;"
        " alive 60 s past its expiry;"
        f" ended {ended:%Y-%m-%d %H:%M:%S} UTC by its own timer (guest_timer); Client.InstanceInitiatedShutdown;"
        f" run {run_id_for(settings.deployment, airflow_run_id)}"
    )
    code, out, _ = janitor("waste", "--json", "--days", "2")
    answer = json.loads(out)
    assert answer["total_seconds"] == sum(phase["seconds"] for phase in answer["phases"].values()) == 1200
    assert [each["termination_reason"] for each in answer["unexplained"]] == ["guest_timer"]
    assert sum(Decimal(phase["usd"]) for phase in answer["phases"].values()) == Decimal(answer["total_usd"])


def test_runs_and_histories_show_their_cost(janitor: Any, two_instances: tuple[str, datetime]) -> None:
    airflow_run_id, _ = two_instances
    code, out, _ = janitor("query-parallel-run", airflow_run_id)
    assert code == ExitCode.OK
    assert "\nCost: $0.40\n" in out
    assert "$0.20)" in out
    code, out, _ = janitor("query-parallel-run", airflow_run_id, "--json")
    assert json.loads(out)["cost_usd"] == "0.4000"
    assert {each["cost_usd"] for each in json.loads(out)["validations"]} == {"0.2000"}
    code, out, _ = janitor("query-db", "worker-1")
    assert "\nCost: $0.20\n" in out


def test_one_sum_has_the_same_digits_in_every_answer(
    janitor: Any, settings: Settings, two_instances: tuple[str, datetime]
) -> None:
    airflow_run_id, _ = two_instances
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update instances set price_usd_hour ="
            " case when instance_id like 'i-worker-1-%%' then 0.1056 else 0.1032 end where deployment = %s",
            (settings.deployment,),
        )
    _, out, _ = janitor("query-parallel-run", airflow_run_id)
    assert "\nCost: $0.035\n" in out
    assert "$0.018" in next(line for line in out.splitlines() if line[2:].startswith("worker-1: "))
    assert "$0.017" in next(line for line in out.splitlines() if line[2:].startswith("worker-2: "))
    assert janitor("runs")[1].rstrip().endswith("  $0.035")
    assert "\nCost: $0.018\n" in janitor("query-db", "worker-1")[1]


def test_a_cost_is_told_to_the_end_or_not_at_all(
    janitor: Any, settings: Settings, two_instances: tuple[str, datetime]
) -> None:
    airflow_run_id, _ = two_instances
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update instances set state = 'running', ended_at = null, termination_reason = null"
            " where deployment = %s and instance_id like 'i-worker-1-%%'",
            (settings.deployment,),
        )
    _, out, _ = janitor("query-parallel-run", airflow_run_id)
    assert " so far\n" in next(line + "\n" for line in out.splitlines() if line.startswith("Cost: "))
    lines = {line.split()[1]: line for line in out.splitlines() if line[:2] in ("✓ ", "✗ ", "⏳ ")}
    assert "$" not in lines["worker-1:"]
    assert "$0.20" in lines["worker-2:"]
    _, out, _ = janitor("query-parallel-run", airflow_run_id, "--json")
    answer = json.loads(out)
    assert answer["cost_final"] is False
    assert {each["repository"]: each["cost_final"] for each in answer["validations"]} == {
        "worker-1": False,
        "worker-2": True,
    }


def test_runs_are_listed_newest_first_with_their_cost(
    janitor: Any, settings: Settings, write_config: WriteConfig, two_instances: tuple[str, datetime]
) -> None:
    first, _ = two_instances
    second = plan(settings, write_config(repositories=1))
    ids = [str(run_id_for(settings.deployment, each)) for each in (second, first)]
    code, out, _ = janitor("runs")
    assert code == ExitCode.OK
    lines = out.splitlines()
    assert [line.split()[1] for line in lines] == ids
    assert "  manual  " in lines[0]
    assert lines[0].endswith("  running  0/1 successful  –")  # noqa: RUF001  # as it is printed
    assert lines[1].endswith("  running  0/2 successful  $0.40")
    _, out, _ = janitor("runs", "--limit", "1", "--json")
    (run,) = json.loads(out)["runs"]
    assert (run["run_id"], run["trigger"], run["status"], run["cost_usd"]) == (ids[0], "manual", "running", None)


def test_a_deployment_without_runs_says_how_to_start_one(janitor: Any) -> None:
    assert janitor("runs")[:2] == (ExitCode.OK, "There is no run here yet; start one with `make run`.\n")
    assert json.loads(janitor("runs", "--json")[1]) == {"runs": []}
