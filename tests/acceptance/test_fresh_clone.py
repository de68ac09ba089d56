"""What a newcomer does, with an empty HOME: clone, `make run`, again, smoke_run.sh, the showcase."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP_AND_RUN_SECONDS = 900
RUN_SECONDS = 240
pytestmark = pytest.mark.timeout(1500)


@dataclass(frozen=True)
class Checkout:
    """A fresh clone, and the environment of somebody who has nothing."""

    path: Path
    environment: dict[str, str]

    def run(self, *command: str, timeout: float = RUN_SECONDS, **values: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone; its output is one text."""
        return subprocess.run(
            command,
            cwd=self.path,
            env={**self.environment, **values},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def janitor(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command itself, whose exit codes make hides."""
        return self.run(".venv/bin/janitor", *arguments)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clone of what is committed, with what isn't on top, so that the test speaks of the tree that it is run in."""
    folder = tmp_path_factory.mktemp("fresh")
    path, home = folder / "checkout", folder / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(path)], check=True, timeout=120)
    changed = subprocess.run(
        ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split("\0")
    for name in filter(None, changed):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    kept = ("LANG", "SSL_", "PIP_", "UV_", "REQUESTS_CA", "CURL_CA", "GIT_SSL", "HTTP", "NO_PROXY", "http", "no_proxy")
    environment = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    search = [part for part in os.environ["PATH"].split(os.pathsep) if ".venv" not in part]
    fresh = Checkout(path, {**environment, "PATH": os.pathsep.join(search), "HOME": str(home)})
    try:
        yield fresh
    finally:
        fresh.run("make", "down")
        left = [one for one in psutil.process_iter() if _works_in(one, path)]
        assert left == [], f"make down left {left}"


def _works_in(process: psutil.Process, path: Path) -> bool:
    try:
        return str(path) in " ".join(process.cmdline()) or process.cwd().startswith(str(path))
    except (psutil.Error, OSError):
        return False


@pytest.fixture(scope="module")
def first_run(checkout: Checkout) -> subprocess.CompletedProcess[str]:
    """`make run` on nothing."""
    return checkout.run("make", "run", timeout=SETUP_AND_RUN_SECONDS)


def test_make_run_on_nothing_validates_the_examples(first_run: subprocess.CompletedProcess[str]) -> None:
    assert first_run.returncode == 0, first_run.stdout
    assert "✓ echo-worker: Instance i-" in first_run.stdout
    assert re.search(r"✓ echo-worker: success \(\d+", first_run.stdout)
    assert re.search(r"✓ stream-worker: success \(\d+", first_run.stdout)
    assert "Overall Status: 2/2 repositories successful" in first_run.stdout


def test_a_second_make_run_sets_nothing_up(checkout: Checkout, first_run: subprocess.CompletedProcess[str]) -> None:
    assert "Setting up" in first_run.stdout
    second = checkout.run("make", "run")
    assert second.returncode == 0, second.stdout
    assert "Setting up" not in second.stdout
    assert "Starting" not in second.stdout


@pytest.mark.usefixtures("first_run")
def test_smoke_run_passes_and_says_so(checkout: Checkout) -> None:
    smoke = checkout.run("./smoke_run.sh", PARALLEL_LIMIT="1")
    assert smoke.returncode == 0, smoke.stdout
    for line in ("2 of 2 repositories have a row", "No instance of the run is left", "Smoke run passed"):
        assert f"[SUCCESS] {line}" in smoke.stdout
    assert "\033[" not in smoke.stdout  # no colour where no terminal is


@pytest.mark.usefixtures("first_run")
def test_smoke_run_fails_on_a_failing_worker(checkout: Checkout) -> None:
    smoke = checkout.run("./smoke_run.sh", CONFIG="infra/local/showcase.yaml", REPO="broken-worker")
    assert smoke.returncode == 1, smoke.stdout
    assert "[ERROR] The run's status is failed" in smoke.stdout
    assert "[SUCCESS] No instance of the run is left" in smoke.stdout


@pytest.mark.usefixtures("first_run")
def test_the_showcase_shows_every_verdict(checkout: Checkout) -> None:
    showcase = checkout.janitor("run", "infra/local/showcase.yaml", "--json")
    assert showcase.returncode == 1, showcase.stdout
    run = json.loads(showcase.stdout[showcase.stdout.index("{") : showcase.stdout.rindex("}") + 1])
    assert {row["repository"]: row["status"] for row in run["validations"]} == {
        "echo-worker": "success",
        "stream-worker": "success",
        "broken-worker": "failed",
        "silent-worker": "failed",
        "hanging-worker": "timed_out",
    }
    hanging = next(row for row in run["validations"] if row["repository"] == "hanging-worker")
    assert hanging["timeout_enforced"] is True
    assert json.loads(checkout.janitor("instances", "--json").stdout) == []


@pytest.mark.usefixtures("first_run")
def test_questions_have_answers_and_mistakes_next_steps(checkout: Checkout) -> None:
    history = checkout.run("make", "query-db", "REPO=echo-worker")
    assert history.returncode == 0, history.stdout
    for line in ("Repository: echo-worker", "Status: success", "Build: ✓ succeeded", "Custom Prompt: "):
        assert line in history.stdout
    log = checkout.run("make", "logs", "REPO=echo-worker")
    assert log.returncode == 0, log.stdout
    assert "handler_local" in log.stdout
    for arguments, code, words in (
        (("query-parallel-run", "ffffffff"), 2, "there is no run 'ffffffff'"),
        (("query-db", "ecko-worker"), 2, "echo-worker"),
        (("run", "infra/none.yaml"), 2, "no such file"),
        (("validate-all-workers", "--repo", "nope"), 2, "not in the configuration"),
        (("logs", "nope"), 2, "never validated"),
    ):
        answer = checkout.janitor(*arguments)
        assert (answer.returncode, words in answer.stdout) == (code, True), answer.stdout


@pytest.mark.usefixtures("first_run")
def test_a_stack_that_is_down_is_said(checkout: Checkout) -> None:
    assert checkout.run("make", "down").returncode == 0
    for command in (("validate-all-workers",), ("check-parallel-status",), ("kill-all-workers",)):
        answer = checkout.janitor(*command)
        assert answer.returncode == 3, answer.stdout
        assert "make up" in answer.stdout, answer.stdout
