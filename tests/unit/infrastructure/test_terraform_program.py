"""Finding Terraform and its provider, and ending it gently: with a program in its place that does what it is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.terraform import Terraform, find_mirror, find_program, write_cli_config

LIMIT = timedelta(seconds=60)


def program(folder: Path, body: str) -> Path:
    path = folder / "terraform"
    path.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\n{body}\n")
    path.chmod(0o755)
    return path


def terraform(folder: Path, body: str) -> Terraform:
    return Terraform(program=str(program(folder, body)), folder=folder, environment={"PATH": os.environ["PATH"]})


def mirror(folder: Path) -> Path:
    (folder / "registry.terraform.io" / "hashicorp" / "aws" / "5.100.0" / "linux_amd64").mkdir(parents=True)
    return folder


def test_a_missing_terraform_is_named(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="terraform is not on PATH"):
        find_program(str(tmp_path))
    assert find_program(str(program(tmp_path, "").parent)) == str(tmp_path / "terraform")


def test_a_mirror_is_named_or_found(tmp_path: Path) -> None:
    there = mirror(tmp_path / "root" / "some-mirror")
    (tmp_path / "root" / "other").mkdir()
    assert find_mirror(None, tmp_path / "root") == there
    assert find_mirror(None, tmp_path / "nowhere") is None
    assert find_mirror(there, tmp_path / "nowhere") == there
    with pytest.raises(InfrastructureError, match=r"JANITOR_TERRAFORM_MIRROR=.*there is no"):
        find_mirror(tmp_path, tmp_path)
    assert f'path    = "{there}"' in write_cli_config(tmp_path, there).read_text()


def test_its_output_is_kept_apart_from_its_warnings(tmp_path: Path) -> None:
    body = "print('{}'); sys.stderr.write('a warning')"
    assert terraform(tmp_path, body).read("output", "-json", limit=LIMIT) == "{}\n"


def test_a_failure_has_its_last_words(tmp_path: Path) -> None:
    failing = terraform(tmp_path, "sys.stderr.write('Error: no such thing'); sys.exit(1)")
    with pytest.raises(InfrastructureError, match=r"(?s)terraform plan ended with exit code 1.*no such thing"):
        failing.run("plan", limit=LIMIT, shown=False)
    assert terraform(tmp_path, "sys.exit(2)").run("plan", limit=LIMIT, allowed=(0, 2), shown=False) == 2


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    tell = terraform(tmp_path, "print(sys.argv[1:])")
    assert "['-chdir=" in (said := tell.read("show", "-json", "plan", limit=LIMIT))
    assert said.endswith("'show', '-no-color', '-json', 'plan']\n")
    leader, follower = os.openpty()
    shown = (
        "import sys; from datetime import timedelta; from pathlib import Path;"
        "from janitor.infrastructure.terraform import Terraform;"
        "folder = Path(sys.argv[1]);"
        "terraform = Terraform(program=str(folder / 'terraform'), folder=folder, environment={});"
        "terraform.run('plan', limit=timedelta(seconds=60))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        with subprocess.Popen(
            [sys.executable, "-c", shown, str(tmp_path)], stdout=follower, stderr=subprocess.PIPE, env=environment
        ) as process:
            _, errors = process.communicate(timeout=LIMIT.total_seconds())
        assert process.returncode == 0, errors
        assert b"'plan']" in os.read(leader, 4096)
    finally:
        os.close(leader)
        os.close(follower)


SLOW = """
def end(*_):
    print('state written', flush=True)
    open(os.path.join(os.path.dirname(sys.argv[0]), 'ended'), 'a').write('once')
    sys.exit(1)
signal.signal(signal.SIGINT, end)
open(os.path.join(os.path.dirname(sys.argv[0]), 'started'), 'w').close()
time.sleep(120)
"""


def test_one_that_takes_too_long_writes_its_state_first(tmp_path: Path) -> None:
    slow = terraform(tmp_path, SLOW)
    with pytest.raises(InfrastructureError, match=r"took longer than .* and was ended"):
        slow.run("apply", limit=timedelta(seconds=3), shown=False)
    assert (tmp_path / "ended").read_text() == "once"


def test_an_interruption_reaches_it_once_and_is_waited_for(tmp_path: Path) -> None:
    """As Ctrl-C in a terminal: the signal goes to this process, and Terraform is in a session of its own."""
    slow = terraform(tmp_path, SLOW)

    def interrupt() -> None:
        deadline = time.monotonic() + 30
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        slow.run("apply", limit=LIMIT, shown=False)
    assert (tmp_path / "ended").read_text() == "once"


def test_the_checks_say_by_name_what_is_missing(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(root / "include")}
    command = [sys.executable, str(root / "infra" / "scripts" / "check_terraform.py")]
    plain = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (plain.returncode, "skipped: terraform:" in plain.stderr) == (0, True), plain.stderr
    for strictly in ({"JANITOR_CHECK_STRICT": "1"}, {"CI": "true"}, {"CI": "1"}):
        failed = subprocess.run(
            command, env={**environment, **strictly}, capture_output=True, text=True, timeout=120, check=False
        )
        assert (failed.returncode, "error: terraform:" in failed.stderr) == (1, True), failed.stderr
