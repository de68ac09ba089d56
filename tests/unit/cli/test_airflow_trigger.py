"""A trigger by Airflow's command: refused with a mistaken key, and told the run's id."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from janitor.cli.airflow_trigger import Trigger, read_trigger
from janitor.domain.errors import ConflictError
from janitor.domain.identity import run_id_for

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
TRIGGER = ("dags", "trigger", "validate_workers")


def read(*arguments: str) -> Trigger | None:
    return read_trigger(arguments, deployment="local-1", dag_id="validate_workers", now=NOW)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dags", "list"),
        ("dags", "trigger", "reap_instances", "--conf", '{"dry_run": true}'),
        (*TRIGGER, "--help"),
        ("tasks", "test", "validate_workers"),
    ],
)
def test_other_commands_are_left_alone(arguments: tuple[str, ...]) -> None:
    assert read(*arguments) is None


@pytest.mark.parametrize("given", [("--run-id", "mine"), ("--run-id=mine",), ("-r", "mine")])
def test_a_run_that_has_a_name_keeps_it(given: tuple[str, ...]) -> None:
    assert read(*TRIGGER, *given) == Trigger(arguments=(*TRIGGER, *given), run_id=run_id_for("local-1", "mine"))


def test_a_run_without_a_name_gets_one_so_that_its_id_is_known() -> None:
    name = "manual__2026-01-01T12:00:00+00:00"
    assert read(*TRIGGER) == Trigger(arguments=(*TRIGGER, "--run-id", name), run_id=run_id_for("local-1", name))


@pytest.mark.parametrize(
    "given", [("--conf", '{"config": "x"}'), ("-c", '{"config": 1}'), ('--conf={"config": null}',)]
)
def test_a_mistaken_key_is_refused_at_once(given: tuple[str, ...]) -> None:
    with pytest.raises(ConflictError, match=r"'config' \(did you mean config_path\?\); known: config_path"):
        read(*TRIGGER, *given)


@pytest.mark.parametrize("conf", ['{"config_path": "x"}', '{"config_path": 1}', "{}", "", "null"])
def test_what_else_is_wrong_the_plan_says(conf: str) -> None:
    assert read(*TRIGGER, "--conf", conf) is not None


@pytest.mark.parametrize("conf", ["not json", '{"nosuch": 1', "[1]", "1", '"x"', "false", "[" * 100_000])
@pytest.mark.parametrize("equals", [True, False])
def test_a_conf_that_is_no_object_is_refused_before_airflow_is_called(conf: str, equals: bool) -> None:
    given = (f"--conf={conf}",) if equals else ("--conf", conf)
    with pytest.raises(ConflictError, match=r"^the run's conf is .*Nothing was triggered$") as refused:
        read(*TRIGGER, *given)
    assert "\n" not in str(refused.value)


def test_of_two_confs_the_last_one_counts() -> None:
    assert read(*TRIGGER, "--conf", "[1]", "--conf", "{}") is not None
    with pytest.raises(ConflictError):
        read(*TRIGGER, "--conf={}", "-c", "[1]")
