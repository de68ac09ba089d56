"""The command as a whole: help, exit codes, messages, what is imported."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.main import cli, exit_code_for, main
from janitor.cli.registry import COMMANDS, GROUPS, ExampleCommand, every_command
from janitor.cli.terminal.console import Console, accept_any_text
from janitor.cli.terminal.terminal_settings import TerminalSettings
from janitor.domain import errors
from tests.support.leases import lease

ROOT = Path(__file__).resolve().parents[3]

GOOD = "repositories:\n  - {name: worker-one, organization: acme, prompt: go}\n"
BAD = "repositories:\n  - {name: worker-one, organization: acme, promt: go}\nmax_concurent_instances: 2\n"


@pytest.fixture
def config(tmp_path):
    def write(text: str) -> str:
        file = tmp_path / "workers.yaml"
        file.write_text(text)
        return str(file)

    return write


def janitor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    return subprocess.run(
        [sys.executable, "-m", "janitor.cli.main", *arguments],
        env=inherited | {"PYTHONPATH": str(ROOT / "include")} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def without_words(err: str) -> str:
    """Standard error without the words of a busy machine, where everything takes long."""
    return "".join(line for line in err.splitlines(keepends=True) if not line.startswith("⏳"))


def test_help_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from janitor.cli.main import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'pydantic', 'psycopg', 'boto3', 'botocore', 'rich', 'httpx', 'yaml', 'airflow', 'janitor.settings'}\n"
        "sys.stderr.write(repr(sorted(heavy & set(sys.modules))))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert answer.stderr == "[]"


def test_no_command_imports_airflow():
    program = (
        "import sys\n"
        "from janitor.cli.registry import every_command\n"
        "[entry.load() for entry in every_command().values()]\n"
        "sys.stderr.write(repr([name for name in sys.modules if name.split('.')[0] == 'airflow']))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert answer.stderr == "[]"


@pytest.mark.parametrize("name", every_command())
def test_every_command_has_help_and_an_example(name, capsys):
    entry = every_command()[name]
    command = entry.load()
    assert isinstance(command, ExampleCommand)
    assert command.name == name.split()[-1]
    assert (command.help or "").splitlines()[0] == entry.summary
    assert command.examples
    assert all(example.startswith(f"janitor {name}") for example in command.examples)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name

    assert main([*name.split(), "--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert f"  {command.examples[0]}\n" in shown
    assert "--env" in shown


@pytest.mark.parametrize("name", every_command())
def test_examples_are_accepted(name):
    """Every option that an example uses exists."""
    for example in every_command()[name].load().examples:
        words = shlex.split(example.split("#")[0].split("|")[0].split(">")[0])[1:]
        called = " ".join(words[:2]) if words[0] in GROUPS else words[0]
        assert called.startswith(name)
        every_command()[called].load().make_context(called, words[len(called.split()) :])


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert f"\n  {name} " in shown
        assert entry.summary.split()[0] in shown
    assert "Exit codes:" in shown


def test_the_help_of_a_group_lists_its_own(capsys):
    assert main(["pool", "--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    for name, entry in GROUPS["pool"].items():
        assert f"\n  {name} " in shown
        assert entry.summary.split()[0] in shown


def test_a_wrong_name_in_a_group_is_answered_with_the_nearest(capsys):
    assert main(["pool", "statsu"]) == ExitCode.USAGE
    assert "did you mean status?" in capsys.readouterr().err
    assert main(["pool", "xyz"]) == ExitCode.USAGE
    assert "see janitor pool --help" in capsys.readouterr().err


def test_group_knows_the_commands():
    assert cli.list_commands(click.Context(cli)) == list(COMMANDS)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError(()), ExitCode.USAGE),
        (errors.ConflictError("x"), ExitCode.USAGE),
        (errors.BudgetRefusedError("x"), ExitCode.USAGE),
        (errors.SettingsError("x"), ExitCode.USAGE),
        (errors.WrongEnvironmentError("x"), ExitCode.INFRASTRUCTURE),
        (errors.NotFoundError("x"), ExitCode.USAGE),
        (errors.StackError("x"), ExitCode.INFRASTRUCTURE),
        (errors.StackDownError("x"), ExitCode.INFRASTRUCTURE),
        (errors.CloudError("x"), ExitCode.INFRASTRUCTURE),
        (errors.NotOfferedError("x"), ExitCode.INFRASTRUCTURE),
        (errors.InfrastructureError("x"), ExitCode.INFRASTRUCTURE),
        (errors.WorkspaceError("x"), ExitCode.INFRASTRUCTURE),
        (errors.LeaseHeldError(lease(1)), ExitCode.INFRASTRUCTURE),
        (errors.LeaseLostError(lease(1)), ExitCode.INFRASTRUCTURE),
        (errors.WrongPlaceError("x is", ["there"], "here"), ExitCode.INFRASTRUCTURE),
        (errors.DatabaseError("x"), ExitCode.INFRASTRUCTURE),
        (errors.AirflowError("x"), ExitCode.INFRASTRUCTURE),
        (errors.AirflowRunEndedError("x"), ExitCode.INFRASTRUCTURE),
        (errors.AirflowUnaskedError("x"), ExitCode.INFRASTRUCTURE),
        (errors.LaunchRefusedError("capacity", "x"), ExitCode.INFRASTRUCTURE),
    ],
)
def test_exit_code_of_every_error(error, code):
    assert exit_code_for(error) is code


def test_every_error_has_an_exit_code_test():
    tree = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.JanitorError)}
    marks = test_exit_code_of_every_error.pytestmark[0]
    assert tree - {errors.JanitorError} == {type(error) for error, _ in marks.args[1]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chek-config"], "did you mean check-config?"),
        (["query-db"], "Missing argument 'REPO'"),
        (["query-parallel-run"], "Missing argument 'RUN_ID'"),
        (["query-db", "x", "--limit", "0"], "--limit"),
        (["run", "--timeout-minutes", "nan"], "is not a number of minutes up to 2,880"),
        (["run", "--timeout-minutes", "-3"], "is not a number of minutes up to 2,880"),
        (["run", "--timeout-minutes", "1e9"], "is not a number of minutes up to 2,880"),
        (["run", "--timeout-minutes", "soon"], "is not a number of minutes up to 2,880"),
        (["validate-all-workers", "--max-concurrent-instances", "0"], "--max-concurrent-instances"),
        (["run", "--bogus"], "--bogus"),
        (["check-config", "a", "b"], "unexpected extra argument"),
        (["check-config", "--env", "nowhere"], "ENV=nowhere"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what(arguments, said, capsys):
    assert main(arguments) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert without_words(err).startswith("error: ")
    assert said in err
    assert "Traceback" not in err


def test_no_arguments_show_the_help(capsys):
    assert main([]) == ExitCode.USAGE
    assert "Commands:" in capsys.readouterr().err


def test_check_config_of_a_good_file(config, capsys):
    path = config(GOOD)
    assert main(["check-config", path]) == ExitCode.OK
    assert capsys.readouterr().out.startswith(f"{path}: 1 repository, ")


def test_check_config_lists_all_problems(config, capsys):
    path = config(BAD)
    assert main(["check-config", path]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert without_words(err) == (
        f"error: {path}:2: repository worker-one: prompt: is missing\n"
        f"{path}:2: repository worker-one: promt: unknown key (did you mean prompt?)\n"
        f"{path}:3: max_concurent_instances: unknown key (did you mean max_concurrent_instances?)\n"
    )


def test_check_config_as_json(config, capsys):
    assert main(["check-config", "--json", config(GOOD)]) == ExitCode.OK
    good = json.loads(capsys.readouterr().out)
    assert (good["valid"], [each["name"] for each in good["repositories"]]) == (True, ["worker-one"])

    assert main(["check-config", "--json", config(BAD)]) == ExitCode.USAGE
    bad = json.loads(capsys.readouterr().out)
    assert (bad["valid"], bad["problems"][2]["line"], bad["problems"][2]["field"]) == (
        False,
        3,
        "max_concurent_instances",
    )


def test_check_config_of_no_file(capsys, tmp_path):
    assert main(["check-config", str(tmp_path / "none.yaml")]) == ExitCode.USAGE
    assert "none.yaml: there is no such file" in capsys.readouterr().err


def test_check_config_takes_a_path_from_the_current_folder(config, capsys, monkeypatch):
    monkeypatch.chdir(Path(config(GOOD)).parent)
    assert main(["check-config", "workers.yaml"]) == ExitCode.OK
    assert "workers.yaml: 1 repository" in capsys.readouterr().out


def test_check_config_shows_a_project_s_file_by_its_short_name(capsys, monkeypatch):
    monkeypatch.chdir(ROOT / "infra")
    assert main(["check-config", "workers-config.yaml"]) == ExitCode.OK
    assert capsys.readouterr().out.startswith("infra/workers-config.yaml: 3 repositories, ")


def test_schema_is_printed_as_it_is_kept(capsys):
    assert main(["check-config", "--schema"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == json.loads((ROOT / "infra/workers-config.schema.json").read_text())


def test_run_checks_the_configuration_before_anything(config, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JANITOR_STATE_DIR", str(tmp_path / "state"))
    assert main(["run", config(BAD)]) == ExitCode.USAGE
    assert "promt: unknown key" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_run_of_an_unknown_repository_starts_nothing(config, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JANITOR_STATE_DIR", str(tmp_path / "state"))
    assert main(["run", config(GOOD), "--repo", "worker-oen"]) == ExitCode.USAGE
    assert "did you mean worker-one?" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate-all-workers"],
        ["check-parallel-status"],
        ["query-parallel-run", "550e8400"],
        ["query-db", "worker-one"],
        ["logs", "worker-one"],
        ["follow", "550e8400"],
        ["db-migrate"],
    ],
)
def test_a_stack_that_was_never_started_is_said_with_the_next_step(arguments, config, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JANITOR_STATE_DIR", str(tmp_path / "state"))
    extra = ["--config", config(GOOD)] if arguments == ["validate-all-workers"] else []
    status = main([*arguments, *extra])
    assert status in {ExitCode.USAGE, ExitCode.INFRASTRUCTURE}
    err = capsys.readouterr().err
    assert "make up" in err
    assert "Traceback" not in err


def test_status_of_a_stack_that_is_down(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JANITOR_STATE_DIR", str(tmp_path / "state"))
    assert main(["status"]) == ExitCode.INFRASTRUCTURE
    assert capsys.readouterr().out.startswith("Local stack: down\n")
    assert main(["status", "--json"]) == ExitCode.INFRASTRUCTURE
    assert json.loads(capsys.readouterr().out)["running"] is False


def test_env_is_accepted_before_and_after_the_command(capsys):
    for arguments in (["--env", "nowhere", "check-config"], ["check-config", "--env", "nowhere"]):
        assert main(arguments) == ExitCode.USAGE
        assert "ENV=nowhere" in capsys.readouterr().err


def test_env_comes_from_the_environment():
    assert "ENV=nowhere" in janitor("check-config", ENV="nowhere").stderr
    assert "ENV=elsewhere" in janitor("check-config", ENV="nowhere", JANITOR_ENV="elsewhere").stderr


def test_traceback_only_with_debug(config):
    path = config(BAD)
    assert "Traceback" not in janitor("check-config", path).stderr
    debugged = janitor("check-config", "--debug", path)
    assert "Traceback" in debugged.stderr
    assert debugged.returncode == ExitCode.USAGE


def test_a_closed_pipe_is_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "janitor.cli.main", "check-config", "--schema"],
            env=os.environ | {"PYTHONPATH": str(ROOT / "include")},
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert (answer.returncode, without_words(answer.stderr.decode())) == (ExitCode.PIPE_CLOSED, "")


def test_marks_survive_a_terminal_without_unicode(config):
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "from janitor.cli.terminal.console import *; accept_any_text(); Console().result('✓ a ✗ b ⏳ … é')",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT / "include"), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert answer.stdout == b"[ok] a [x] b [..] ... ?\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "interactive", "colour"),
    [
        (_Terminal(), {"TERM": "xterm"}, True, True),
        (_Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        (_Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        (_Terminal(), {"TERM": "dumb"}, False, False),
        (io.StringIO(), {"TERM": "xterm"}, False, False),
    ],
)
def test_colour_and_progress_only_on_a_terminal(stream, environment, interactive, colour):
    assert TerminalSettings.of(stream, environment) == TerminalSettings(interactive=interactive, colour=colour)


def test_marks_are_coloured_only_where_colour_is_wanted(capsys):
    for colour, shown in ((True, "\x1b[32m✓\x1b[0m done\n"), (False, "✓ done\n")):
        Console(terminal=TerminalSettings(interactive=True, colour=colour)).result("✓ done")
        assert capsys.readouterr().out == shown


def test_any_text_can_be_accepted_twice():
    accept_any_text()
    accept_any_text()
