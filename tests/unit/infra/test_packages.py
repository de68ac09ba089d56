"""What of the lock an image gets: the wanted packages, all that they need, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "infra" / "scripts" / "packages.py"
LOCK = """\
agent-library==1.0 \\
    --hash=sha256:aa
    # via -r requirements.txt
Base_Thing==2.0 ; python_full_version < '3.11' \\
    --hash=sha256:bb
    # via
    #   agent-library
    #   web
base-thing==2.1 ; python_full_version >= '3.11' \\
    --hash=sha256:cc
    # via agent-library
deep==3 \\
    --hash=sha256:dd
    # via base-thing
web[extra]==4 \\
    --hash=sha256:ee
    # via -r requirements.txt
"""


def packages(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_needs_are_followed_with_their_hashes(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text(LOCK)
    done = packages(str(lock), "Agent.Library")
    assert done.returncode == 0, done.stderr
    names = [line.split("==")[0] for line in done.stdout.splitlines() if "==" in line]
    assert names == ["agent-library", "Base_Thing", "base-thing", "deep"]
    assert re.findall(r"sha256:(\w+)", done.stdout) == ["aa", "bb", "cc", "dd"]
    assert "python_full_version >= '3.11'" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["lock"], ["/nowhere/lock", "x"]])
def test_bad_usage_ends_with_2(arguments):
    assert packages(*arguments).returncode == 2


def test_package_that_is_not_locked_is_named(tmp_path):
    (tmp_path / "lock").write_text(LOCK)
    done = packages(str(tmp_path / "lock"), "nothing")
    assert (done.returncode, "not in the lock: nothing" in done.stderr) == (2, True)


def test_image_gets_the_agents_packages_without_airflow():
    done = packages(str(ROOT / "requirements.lock"), "pydantic-ai-slim")
    assert done.returncode == 0, done.stderr
    names = {line.split("==")[0] for line in done.stdout.splitlines() if "==" in line}
    assert {"pydantic-ai-slim", "pydantic", "anthropic", "openai", "boto3"} <= names
    assert not any(name.startswith("apache-airflow") for name in names)
    assert done.stdout.count("--hash=sha256:") >= len(names)


def test_image_of_airflow_gets_what_airflow_lacks_and_nothing_else():
    done = packages("--alone", str(ROOT / "requirements.lock"), "aiosql", "psycopg", "psycopg-binary")
    assert done.returncode == 0, done.stderr
    names = [line.split("==")[0] for line in done.stdout.splitlines() if "==" in line]
    assert names == ["aiosql", "psycopg", "psycopg-binary"]
