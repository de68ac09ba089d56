"""The Makefile: it lists its targets, passes values on untouched, and sets nothing up twice.

Its commands are stood in for by a program that writes down what it was called with, so that only the Makefile is
tested.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from janitor.cli.registry import COMMANDS

ROOT = Path(__file__).resolve().parents[3]

ODD = """a'b"c $(touch hacked) `touch hacked` ; touch hacked | & > x * ? [a] {b} ~ \\ # $HOME %s --env=prod é"""
FOR_MAKE = "$(shell touch hacked) ${shell touch hacked} $X"

RECORDER = """#!{python}
import json, os, sys
names = ("ENV",)
with open("calls.jsonl", "a") as file:
    file.write(json.dumps([sys.argv[1:], {{name: os.environ.get(name) for name in names}}]) + "\\n")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Any:
    """A folder with the Makefile, an environment that is set up, and the recorder in place of the commands."""
    folder = tmp_path / "a checkout"
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).touch()
    (binaries / "janitor").write_text(RECORDER.format(python=sys.executable))
    (binaries / "janitor").chmod(0o755)
    (folder / ".venv" / ".stamp").touch()
    return folder


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def called(folder: Path) -> list[str]:
    """The words of the only call."""
    (line,) = (folder / "calls.jsonl").read_text().splitlines()
    words: list[str] = json.loads(line)[0]
    return words


def targets() -> list[str]:
    return re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_help_is_the_default_and_lists_every_target(checkout: Path) -> None:
    for arguments in ((), ("help",)):
        answer = make(checkout, *arguments)
        assert answer.returncode == 0
        listed = re.findall(r"^  ([a-z-]+) +\S", answer.stdout, re.MULTILINE)
        assert listed == targets()


def test_every_command_has_a_target() -> None:
    # `janitor airflow` takes words of Airflow's own, which no make variable could carry.
    assert set(COMMANDS) - {"airflow"} <= set(targets())


def test_every_target_is_phony() -> None:
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (phony,) = re.findall(r"^\.PHONY:(.*)$", text, re.MULTILINE)
    assert set(phony.split()) == set(targets())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], ["run", "--"]),
        (["run", "CONFIG=infra/local/showcase.yaml"], ["run", "--", "infra/local/showcase.yaml"]),
        (["run", "REPO=a", "TIMEOUT_MINUTES=5"], ["run", "--repo=a", "--timeout-minutes=5", "--"]),
        (["up"], ["up"]),
        (["down"], ["down"]),
        (["status"], ["status"]),
        (["validate-all-workers"], ["validate-all-workers"]),
        (
            ["validate-all-workers", "CONFIG=c.yaml", "TIMEOUT_MINUTES=45", "REPO=a", "FOLLOW=0"],
            ["validate-all-workers", "--config=c.yaml", "--repo=a", "--timeout-minutes=45", "--no-follow"],
        ),
        (["validate-all-workers", "FOLLOW=1"], ["validate-all-workers"]),
        (["check-parallel-status"], ["check-parallel-status"]),
        (["query-parallel-run", "RUN_ID=550e"], ["query-parallel-run", "--", "550e"]),
        (["runs"], ["runs"]),
        (["runs", "LIMIT=50"], ["runs", "--limit=50"]),
        (["query-db", "REPO=worker-basic"], ["query-db", "--", "worker-basic"]),
        (["follow", "RUN_ID=550e"], ["follow", "--", "550e"]),
        (["instances"], ["instances"]),
        (["kill-all-workers"], ["kill-all-workers"]),
        (["reap"], ["reap"]),
        (["reap", "DRY_RUN=1"], ["reap", "--dry-run"]),
        (["reap", "VANISHED=1"], ["reap", "--vanished"]),
        (["reap", "ABANDON_PLACE=aws/1/us-east-1"], ["reap", "--abandon-place=aws/1/us-east-1"]),
        (["cancel", "RUN_ID=550e84"], ["cancel", "--", "550e84"]),
        (["cancel", "RUN_ID=550e84", "YES=1"], ["cancel", "--yes", "--", "550e84"]),
        (["terminate", "INSTANCE=i-1"], ["terminate", "--", "i-1"]),
        (["terminate", "INSTANCE=i-1", "YES=1"], ["terminate", "--yes", "--", "i-1"]),
        (["completion"], ["completion"]),
        (["rerun", "RUN_ID=550e84"], ["rerun", "--", "550e84"]),
        (
            ["rerun", "RUN_ID=550e84", "FAILED=1", "FOLLOW=0", "YES=1"],
            ["rerun", "--failed", "--no-follow", "--yes", "--", "550e84"],
        ),
        (["run", "YES=1"], ["run", "--yes", "--"]),
        (["validate-all-workers", "YES=1"], ["validate-all-workers", "--yes"]),
        (["report", "REPO=a"], ["report", "--", "a"]),
        (
            ["report", "RUN_ID=550e84", "FORMAT=html", "OUTPUT=a b.html"],
            ["report", "--html", "--output=a b.html", "--", "550e84"],
        ),
        (["keep", "REPO=a", "FOR=30m"], ["keep", "--repo=a", "--for=30m"]),
        (
            ["maintain", "RUN_IDS=a,b", "WORKERS=2", "REPOSITORIES=x", "MAX_COST_USD=2", "DRY_RUN=1"],
            ["maintain", "--run-ids=a,b", "--workers=2", "--repositories=x", "--max-cost-usd=2", "--dry-run"],
        ),
        (["list-worktrees", "JSON=1"], ["maintain", "--list-worktrees", "--json"]),
        (
            ["cleanup-worktrees", "OLDER_THAN=24h", "DRY_RUN=1"],
            ["maintain", "--cleanup", "--older-than=24h", "--dry-run"],
        ),
        (["shards", "SQLITE=a.db"], ["shards", "export", "--sqlite=a.db"]),
        (["repairs", "REPAIR=550e84"], ["repairs", "show", "550e84"]),
        (["keep", "REPO=a", "RUN_ID=550e84", "END=1"], ["keep", "--repo=a", "--run-id=550e84", "--end"]),
        (["pool", "POOL=default", "JSON=1"], ["pool", "status", "--pool=default", "--json"]),
        (["pool-decisions"], ["pool", "decisions"]),
        (["pool-stop", "POOL=default", "REASON=a b"], ["pool", "stop", "--reason=a b", "--", "default"]),
        (["pool-resume"], ["pool", "resume", "--"]),
        (["pool-run", "ONCE=1"], ["pool", "run", "--once"]),
        (["pool-run", "EVERY=5"], ["pool", "run", "--every=5"]),
        (
            ["pool-test", "PROVIDER=ec2", "SPAWN=1", "POOL=default", "YES=1"],
            ["pool", "test-connection", "--provider=ec2", "--spawn-test", "--pool=default", "--yes"],
        ),
        (["pool-test-task", "COUNT=2", "WAIT=5"], ["pool", "test-task", "--count=2", "--wait=5"]),
        (["breaker"], ["breaker"]),
        (["notify", "DRY_RUN=1"], ["notify", "--dry-run"]),
        (["notify", "TEST=1", "UNDELIVERED=1"], ["notify", "--test", "--undelivered"]),
        (["notify", "TEST=1", "CONFIG=a.yaml"], ["notify", "--test", "--config=a.yaml"]),
        (["breaker", "CLOSE=1", "SCOPE=acme/a"], ["breaker", "--close", "--scope=acme/a"]),
        (["logs", "REPO=a"], ["logs", "--", "a"]),
        (["logs", "REPO=a", "RUN_ID=550e", "FOLLOW=1"], ["logs", "--run-id=550e", "--follow", "--", "a"]),
        (["check-config"], ["check-config", "--"]),
        (["check-config", "CONFIG=a b.yaml"], ["check-config", "--", "a b.yaml"]),
        (["check-config", "REPOS_FILE=a b.yaml"], ["check-config", "--sequential", "--", "a b.yaml"]),
        (["estimate"], ["estimate", "--"]),
        (
            ["estimate", "CONFIG=c.yaml", "REPO=a", "TIMEOUT_MINUTES=5"],
            ["estimate", "--repo=a", "--timeout-minutes=5", "--", "c.yaml"],
        ),
        (["waste"], ["waste"]),
        (["waste", "DAYS=30"], ["waste", "--days=30"]),
        (["ami"], ["ami"]),
        (["ami", "AMI=ami-1"], ["ami", "--image=ami-1"]),
        (["ami", "BASE=ami-2", "CUDA_IMAGE=a b"], ["ami", "--base=ami-2", "--cuda-image=a b"]),
        (["ami", "TIDY=1", "DRY_RUN=1"], ["ami", "--tidy", "--dry-run"]),
        (["db-migrate"], ["db-migrate"]),
        (["doctor"], ["doctor"]),
    ],
)
def test_what_each_target_calls(checkout: Path, arguments: Any, words: Any) -> None:
    answer = make(checkout, *arguments)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert called(checkout) == words


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("query-db", "REPO"),
        ("query-parallel-run", "RUN_ID"),
        ("logs", "REPO"),
        ("cancel", "RUN_ID"),
        ("terminate", "INSTANCE"),
        ("report", "REPO"),
    ],
)
def test_a_missing_value_ends_with_2_and_the_usage(checkout: Path, target: Any, value: Any) -> None:
    answer = make(checkout, target)
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"usage: make {target} {value}=")
    assert not (checkout / "calls.jsonl").exists()


@pytest.mark.parametrize("value", [ODD, FOR_MAKE, "-rf", "--help"])
@pytest.mark.parametrize("by_environment", [False, True], ids=["argument", "environment"])
@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("query-db", "REPO"),
        ("query-parallel-run", "RUN_ID"),
        ("cancel", "RUN_ID"),
        ("terminate", "INSTANCE"),
        ("report", "REPO"),
        ("run", "CONFIG"),
    ],
)
def test_no_character_of_a_value_means_anything(
    checkout: Path, target: Any, name: Any, value: Any, by_environment: Any
) -> None:
    answer = make(checkout, target, **{name: value}) if by_environment else make(checkout, target, f"{name}={value}")
    assert answer.returncode == 0, answer.stderr
    assert called(checkout)[-2:] == ["--", value]
    assert not list(checkout.rglob("hacked"))


def test_a_newline_in_a_value(checkout: Path) -> None:
    assert make(checkout, "query-db", REPO="two\nlines").returncode == 0
    assert called(checkout)[-2:] == ["--", "two\nlines"]


def test_odd_characters_in_options(checkout: Path) -> None:
    answer = make(checkout, "validate-all-workers", f"CONFIG={ODD}", f"TIMEOUT_MINUTES={FOR_MAKE}", f"REPO={ODD}")
    assert answer.returncode == 0, answer.stderr
    assert called(checkout)[1:] == [f"--config={ODD}", f"--repo={ODD}", f"--timeout-minutes={FOR_MAKE}"]
    assert not list(checkout.rglob("hacked"))


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, None),
        (["ENV=dev"], {}, "dev"),
        ([], {"ENV": "dev"}, "dev"),
        (["ENV=prod"], {"ENV": "dev"}, "prod"),
        ([], {"ENV": "/root/.shrc"}, None),
        (["ENV=../x"], {}, "../x"),
    ],
)
def test_env_reaches_the_command(checkout: Path, arguments: Any, environment: Any, expected: Any) -> None:
    assert make(checkout, "status", *arguments, **environment).returncode == 0
    (line,) = (checkout / "calls.jsonl").read_text().splitlines()
    assert (json.loads(line)[1]["ENV"] or None) == expected


def test_a_failing_command_fails_the_target(checkout: Path) -> None:
    (checkout / ".venv/bin/janitor").write_text("#!/bin/sh\nexit 1\n")
    answer = make(checkout, "run")
    assert answer.returncode == 2
    assert "Error 1" in answer.stderr


def test_nothing_is_set_up_while_the_stamp_is_newer(checkout: Path) -> None:
    assert "setup.sh" not in make(checkout, "-n", "status").stdout
    stamp = checkout / ".venv/.stamp"
    os.utime(stamp, (1, 1))
    assert "setup.sh" in make(checkout, "-n", "status").stdout


def test_set_up_without_a_fitting_python_says_what_to_do(checkout: Path) -> None:
    shutil.copytree(ROOT / "infra/scripts", checkout / "infra/scripts")
    (checkout / ".venv/.stamp").unlink()
    answer = make(checkout, "status", "PYTHON=/none such/python")
    assert answer.returncode == 2
    assert answer.stderr.startswith(
        "error: PYTHON=/none such/python is not a Python 3.10, 3.11, 3.12 or 3.13 that runs"
    )
    assert "make PYTHON=" in answer.stderr
    assert not (checkout / "calls.jsonl").exists()


def test_a_second_set_up_does_nothing(checkout: Path) -> None:
    shutil.copytree(ROOT / "infra/scripts", checkout / "infra/scripts")
    answer = subprocess.run(
        [checkout / "infra/scripts/setup.sh"],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
