"""Errors under `--json`: one JSON document on standard output, the words for people on standard error."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.json_errors import next_step_of, wants_json
from janitor.cli.main import main
from janitor.cli.registry import every_command
from janitor.domain import errors


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local stack that was never started."""
    monkeypatch.setenv("JANITOR_STATE_DIR", str(tmp_path / "state"))


def with_json() -> list[str]:
    every = every_command().items()
    found = [name for name, entry in every if any("--json" in each.opts for each in entry.load().params)]
    assert len(found) >= 13
    return found


@pytest.mark.parametrize("name", with_json())
def test_an_option_that_isnt_there_is_json_for_every_command_that_has_it(name, capsys):
    code = main([*name.split(), "--json", "--bogus"])
    out, err = capsys.readouterr()
    assert code == ExitCode.USAGE
    document = json.loads(out)
    assert set(document) == {"error"}
    assert document["error"]["exit_code"] == ExitCode.USAGE
    assert "--bogus" in document["error"]["message"]
    assert document["error"]["next_step"] == f"See `janitor {name} --help`."
    assert "error: " in err
    assert f"janitor {name} --help" in err


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("arguments", "code", "next_step"),
    [
        (["query-db", "nosuch", "--json"], None, None),
        (["--env", "nowhere", "status", "--json"], ExitCode.USAGE, "correct the setting"),
        (["run", "--json", "gone.yaml"], ExitCode.USAGE, "check-config"),
        (["check-parallel-status", "--json"], None, None),
    ],
)
def test_an_error_says_the_same_to_both(arguments, code, next_step, capsys):
    ended = main(arguments)
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert error["exit_code"] == ended
    assert ended in ((code,) if code else (ExitCode.USAGE, ExitCode.INFRASTRUCTURE))
    assert error["message"] in err
    if next_step:
        assert next_step in error["next_step"]


def test_without_json_standard_output_stays_empty(capsys):
    assert main(["query-db", "x", "--limit", "abc"]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert "'abc' is not a whole number from 1 to 1,000" in err


def test_an_answer_that_is_json_already_stays_the_one_document(tmp_path, capsys):
    config = tmp_path / "workers.yaml"
    config.write_text("repositories: 3\n")
    assert main(["check-config", "--json", str(config)]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["valid"] is False


@pytest.mark.parametrize("value", ["0", "1001", "1.5", "-1", "٣", "9" * 5000, ""])
def test_a_number_is_named_with_its_bounds(value, capsys):
    assert main(["query-db", "x", "--limit", value]) == ExitCode.USAGE
    assert "is not a whole number from 1 to 1,000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["query-db", "x", "--json"], True),
        (["--debug", "query-db", "--json", "x"], True),
        (["query-db", "x"], False),
        (["query-db", "--", "--json"], False),
        (["logs", "x", "--json"], False),
        (["nonsense", "--json"], True),
        (["nonsense", "--", "--json"], False),
        (["airflow", "--", "dags", "list", "--json"], False),
        (["--json"], False),
    ],
)
def test_who_asks_for_json(words, asked):
    assert wants_json(words) is asked


def test_the_narrowest_kind_says_the_next_step():
    assert next_step_of(errors.StackDownError("x")) == "start it with `make up`"
    assert "Wrong place" in (next_step_of(errors.WrongPlaceError("x is", ["there"], "here")) or "")
    assert next_step_of(errors.NotFoundError("x; y. `z`")) is None
    assert next_step_of(click.ClickException("x")) is None


@pytest.mark.parametrize(
    ("message", "step"),
    [
        ("there is no run here yet; start one with `make run`", "start one with `make run`"),
        (
            "none is alive: it runs. Start one with `make run FOLLOW=0`, and keep it",
            "Start one with `make run FOLLOW=0`, and keep it",
        ),
        (
            "run x goes on; wait (`make follow RUN_ID=x`), or stop it (`make cancel RUN_ID=x`)",
            "wait (`make follow RUN_ID=x`), or stop it (`make cancel RUN_ID=x`)",
        ),
    ],
)
def test_a_step_that_the_message_names_is_the_next_step(message, step):
    assert next_step_of(errors.NotFoundError(message)) == step


def test_a_mistyped_command_is_answered_in_json(capsys):
    assert main(["query-bd", "--json"]) == ExitCode.USAGE
    error = json.loads(capsys.readouterr().out)["error"]
    assert "no such command 'query-bd'; did you mean query-db?" in error["message"]
    assert error["next_step"]


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("arguments", [["--for", "5m"], ["--end"]])
def test_keeping_with_the_stack_down_says_nothing_of_telling(arguments, capsys):
    assert main(["keep", "--repo", "nosuch", *arguments]) in (ExitCode.USAGE, ExitCode.INFRASTRUCTURE)
    out, err = capsys.readouterr()
    assert "Telling" not in out + err
    assert "make up" in err


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "..", "a\\b"])
def test_a_path_is_no_environment(name, capsys):
    assert main(["check-config", "--env", name]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert f"ENV={name}: an environment's name is no path; environments here: dev, local, prod" in err
