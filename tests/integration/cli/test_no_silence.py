"""Every command against services that take the connection and never answer: a word in time, and an end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import GROUPS, every_command
from janitor.cli.terminal.teller import PROMISE
from janitor.settings import load_settings
from janitor.stack.state.layout import Layout
from janitor.stack.state.secrets import ensure_secrets
from tests.integration.cli.hanging import Told, environment_of, hanging_service, run_janitor
from tests.support.own_stack import as_own_stack
from tests.support.stack import ROOT

LONGEST_SECONDS = 240
"""More than the waits that a command has one after the other, each of which states its own end."""
CONFIG = "repositories:\n  - {name: worker-one, organization: acme, prompt: go}\n"
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "run": ("{config}",),
    "repair-demo": (),
    "pool-demo": (),
    "up": (),
    "down": (),
    "status": ("--json",),
    "validate-all-workers": ("--config", "{config}", "--json"),
    "run-janitor": ("{config}", "--json"),
    "fetch-report": ("550e8400", "--to", "{folder}/reports", "--json"),
    "follow": ("550e8400", "--json"),
    "check-parallel-status": ("--json",),
    "runs": ("--json",),
    "cancel": ("550e8400", "--yes", "--json"),
    "rerun": ("550e8400", "--yes", "--json"),
    "report": ("worker-one", "--json"),
    "query-parallel-run": ("550e8400",),
    "query-db": ("worker-one", "--json"),
    "dashboard": (),
    "notify": (),
    "failures": (),
    "culprit": ("worker-one", "--here", "--json"),
    "instances": ("--json",),
    "terminate": ("i-0123456789abcdef0", "--yes", "--json"),
    "kill-all-workers": ("--json",),
    "reap": (),
    "keep": ("--repo", "worker-one", "--for", "30m"),
    "maintain": ("--run-ids", "a", "--json"),
    "shards": ("--json",),
    "repairs": ("--json",),
    "pool status": ("--json",),
    "pool list": ("--json",),
    "pool queue": (),
    "pool decisions": ("--json",),
    "pool drain": ("550e8400",),
    "pool stop": ("default", "--json"),
    "pool resume": ("default",),
    "pool spawn": ("--pool", "default", "--json"),
    "pool terminate": ("550e8400", "--yes", "--json"),
    "pool retry": ("550e8400",),
    "pool run": ("--once", "--json"),
    "pool test-task": ("--json",),
    "pool test-connection": ("--json",),
    "pool worker": ("--pool", "default", "--json"),
    "breaker": (),
    "ami": ("--tidy",),
    "logs": ("worker-one",),
    "validate": ("{folder}",),
    "check-config": ("{config}", "--json"),
    "estimate": ("{config}",),
    "waste": (),
    "db-migrate": (),
    "db-roles": (),
    "infra-plan": (),
    "infra-apply": ("--yes",),
    "env-file": (),
    "destroy": ("--yes",),
    "idle-cost": (),
    "airflow": ("version",),
    "completion": ("bash",),
    "doctor": ("--json",),
}
ASK_NOBODY = {
    "completion",
    "up",
    "down",
    "airflow",
    "validate",
    "check-config",
    "estimate",
    "doctor",
    "repair-demo",
    "pool-demo",
}
"""Commands that need no service of an external deployment (an estimate: without a day's budget), or refuse one."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Told]]]:
    """All commands, some at a time; each test waits for its own."""
    folder = tmp_path_factory.mktemp("hanging")
    (folder / "worker").mkdir()
    config = folder / "workers.yaml"
    config.write_text(CONFIG)
    with hanging_service() as port, ThreadPoolExecutor(6) as pool:
        environment = environment_of(folder / "state", port)
        yield {
            name: pool.submit(
                run_janitor,
                [*name.split(), *(word.format(config=config, folder=folder / "worker") for word in words)],
                environment,
                limit=LONGEST_SECONDS,
            )
            for name, words in ARGUMENTS.items()
        }


@pytest.fixture(scope="module")
def start_of_python(tmp_path_factory: pytest.TempPathFactory) -> float:
    """What a command may take here before its first line of ours runs: a busy machine's matter, not the command's.

    Three times what it took once: others are at work while a command starts.
    """
    environment = environment_of(tmp_path_factory.mktemp("help"), 9)
    began = time.monotonic()
    assert run_janitor(["--help"], environment, limit=60).exit_code == 0
    return 3 * (time.monotonic() - began)


def test_every_command_is_tried() -> None:
    assert set(ARGUMENTS) == set(every_command()) - set(GROUPS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_word_in_time_and_an_end(name: str, told: dict[str, Future[Told]], start_of_python: float) -> None:
    answer = told[name].result(10 * LONGEST_SECONDS)
    allowed = PROMISE.total_seconds() + start_of_python
    assert answer.first_word < allowed, answer
    assert answer.took < LONGEST_SECONDS, answer
    assert "Traceback" not in answer.err
    if name not in ASK_NOBODY:
        assert answer.exit_code == ExitCode.INFRASTRUCTURE, answer
        assert "⏳ waiting for " in answer.err, answer
        assert " at the latest" in answer.err
        assert "hidden" not in answer.err
    if "--json" in ARGUMENTS[name] and answer.out:
        json.loads(answer.out)


def test_the_word_names_the_call(told: dict[str, Future[Told]]) -> None:
    answer = told["instances"].result(10 * LONGEST_SECONDS)
    assert "waiting for EC2 at http://127.0.0.1:" in answer.err
    assert "(DescribeInstances), since " in answer.err


@pytest.mark.parametrize("name", ["status", "down", "query-db"])
def test_a_supervisor_of_the_local_stack_that_hangs(name: str, tmp_path: Path, start_of_python: float) -> None:
    with hanging_service() as port:
        ports = "".join(f"STACK_PORT_{each}={port}\n" for each in ("WEB", "POSTGRES", "CLOUD", "SUPERVISOR"))
        environment = environment_of(tmp_path, port, JANITOR_STACK="embedded", JANITOR_DEPLOYMENT="")
        environment = as_own_stack(tmp_path, environment, "hanging", ports)
        layout = Layout.of(load_settings("local", environ=environment, project_root=ROOT))
        layout.create()
        ensure_secrets(layout)
        answer = run_janitor(
            [name, *(("worker-one",) if name == "query-db" else ())], environment, limit=LONGEST_SECONDS
        )
    assert answer.first_word < PROMISE.total_seconds() + start_of_python, answer
    assert "waiting for " in answer.err
    assert answer.took < LONGEST_SECONDS
