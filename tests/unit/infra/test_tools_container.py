"""`make TOOLS=docker`: what is asked for runs in the container, and no value stands on a command line.

The docker command is stood in for by a program that writes down what it was called with: no test builds the container.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RECORDER = f"""#!{sys.executable}
import json, sys
if sys.argv[1] == "version":
    print("20.10.24 20.10.24")
else:
    with open("calls.jsonl", "a") as file:
        file.write(json.dumps(sys.argv[1:]) + "\\n")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and the script, and the recorder as docker."""
    (tmp_path / "infra/docker").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("tools.sh", "docker_command.sh"):
        shutil.copy(ROOT / "infra/docker" / name, tmp_path / "infra/docker")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(RECORDER)
    (tmp_path / "bin/docker").chmod(0o755)
    return tmp_path


def make(checkout: Path, *words: str, **environment: str) -> list[list[str]]:
    own = {"PATH": f"{checkout / 'bin'}:/usr/bin:/bin", "HOME": str(checkout)}
    done = subprocess.run(
        ["make", *words], cwd=checkout, env=own | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (checkout / "calls.jsonl").read_text().splitlines()]


def test_targets_run_in_the_container(checkout: Path) -> None:
    (checkout / ".aws").mkdir()
    build, run = make(
        checkout, "TOOLS=docker", "infra-plan", "lint", "ENV=dev", AWS_SECRET_ACCESS_KEY="secret", FOO="x"
    )
    assert build[0] == "build"
    assert build[-1] == "infra/docker/tools"
    assert run[0] == "run"
    end = run.index("janitor-tools:latest")
    assert run[end:] == ["janitor-tools:latest", "make", "TOOLS=", "infra-plan", "lint"]
    named = {run[place + 1] for place, word in enumerate(run) if word == "--env"}
    assert named >= {"ENV", "AWS_SECRET_ACCESS_KEY"}
    assert "FOO" not in named
    assert not any("secret" in word for word in run)
    mounted = {run[place + 1] for place, word in enumerate(run) if word == "--volume"}
    assert f"{checkout}:/work" in mounted
    assert f"{checkout / '.aws'}:/tmp/home/.aws:ro" in mounted
    assert run[run.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"


def test_without_a_target_it_lists_them(checkout: Path) -> None:
    assert make(checkout, "TOOLS=docker")[-1][-2:] == ["TOOLS=", "help"]


def test_an_image_that_is_there_is_not_built(checkout: Path) -> None:
    (run,) = make(checkout, "TOOLS=docker", "lint", TOOLS_IMAGE="registry/tools:1")
    assert run[run.index("registry/tools:1") :] == ["registry/tools:1", "make", "TOOLS=", "lint"]


def test_without_an_engine_it_says_so(checkout: Path) -> None:
    (checkout / "bin/docker").unlink()
    done = subprocess.run(
        ["make", "TOOLS=docker", "lint"],
        cwd=checkout,
        env={"PATH": f"{checkout / 'bin'}:/usr/bin:/bin", "HOME": str(checkout), "DOCKER_HOST": "unix:///nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "TOOLS=docker: the tools' container can't be run" in done.stderr
