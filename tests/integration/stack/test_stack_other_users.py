"""What another user of the same machine gets of a stack that runs: nothing to read, write, guess or talk to."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from janitor.settings import Settings
from janitor.stack.state.layout import Layout
from janitor.stack.supervisor.processes import stack_processes
from tests.integration.stack.conftest import SHELL_SECRET
from tests.support import other_user

PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin")
NOBODY = 65_534
SHORTEST_SECRET = 12

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="skipped: only root can act as another user"),
    pytest.mark.skipif(
        not PYTHON or not shutil.which("setpriv"), reason="skipped: setpriv or a Python for every user is missing"
    ),
]


@pytest.fixture(scope="module")
def reachable(settings: Settings) -> Iterator[Path]:
    """The state folder, with every folder above it open to be passed through."""
    folder = Layout.of(settings).state_dir
    closed = [above for above in folder.parents if not above.stat().st_mode & stat.S_IXOTH]
    modes = {above: stat.S_IMODE(above.stat().st_mode) for above in closed}
    for above in closed:
        above.chmod(modes[above] | stat.S_IXOTH)
    yield folder
    for above in closed:
        above.chmod(modes[above])


@pytest.fixture(scope="module")
def seen(settings: Settings, reachable: Path) -> dict[str, Any]:
    """What the other user could get."""
    running = stack_processes(Layout.of(settings))
    ports = sorted({c.laddr.port for p in running for c in _connections(p) if c.status == psutil.CONN_LISTEN})
    order = {
        "folder": str(reachable),
        "pids": [process.pid for process in running],
        "ports": ports,
        "database": _ports(settings)["postgres"],
    }
    # Not in the test's own folder, which the other user can't pass through.
    with tempfile.TemporaryDirectory(prefix="janitor-other-") as folder:
        script = shutil.copy(other_user.__file__, folder)
        Path(folder).chmod(0o755)
        Path(script).chmod(0o644)
        done = subprocess.run(
            [
                *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"),
                *(str(PYTHON), "-I", script, json.dumps(order)),
            ],
            env={"PATH": "/usr/bin:/bin"},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["uid"] == NOBODY
    return found


def _connections(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections("inet"))
    except psutil.Error:
        return []


def _ports(settings: Settings) -> dict[str, int]:
    text = Layout.of(settings).stack_env.read_text(encoding="utf-8")
    lines = [line.partition("=") for line in text.splitlines() if line.startswith("STACK_PORT_")]
    return {name.removeprefix("STACK_PORT_").lower(): int(value) for name, _, value in lines}


def _secrets(layout: Layout) -> set[str]:
    """Every password and key of the stack."""
    found = {layout.secrets.joinpath("postgres-superuser").read_text().strip()}
    for name in ("stack.json", "cloud-key.json", "airflow-passwords.json"):
        found |= {str(value) for value in json.loads((layout.secrets / name).read_text()).values()}
    return {secret for secret in found if len(secret) >= SHORTEST_SECRET}


def test_no_file_of_the_stack_is_open(seen: dict[str, Any]) -> None:
    assert seen["readable"] == []


def test_no_secret_stands_on_a_command_line(seen: dict[str, Any], settings: Settings) -> None:
    lines = "\n".join(seen["processes"]["lines"])
    assert "airflow" in lines
    assert "postgres" in lines
    secrets = _secrets(Layout.of(settings))
    assert len(secrets) >= 8
    assert [secret for secret in secrets if secret in lines] == []
    assert SHELL_SECRET not in lines


def test_no_process_of_the_stack_can_be_looked_into(seen: dict[str, Any]) -> None:
    assert seen["processes"]["opened"] == []


def test_every_port_asks_who_it_is(seen: dict[str, Any], settings: Settings) -> None:
    ports = _ports(settings)
    answers = seen["ports"]
    assert set(map(str, ports.values())) <= set(answers)
    # PostgreSQL asks for a password by SCRAM: R, 10. Source: PostgreSQL, "Message Formats".
    assert seen["database"] == "R 10"
    assert set(answers[str(ports["supervisor"])].values()) == {"401"}
    assert set(answers[str(ports["cloud"])].values()) <= {"403"}
    web = answers[str(ports["web"])]
    for path in ("/api/v2/dags", "/api/v2/connections", "/api/v2/variables", "/api/v2/config"):
        assert web[path] == "401", path
    others = {port: found for port, found in answers.items() if int(port) not in ports.values()}
    for port, found in others.items():
        # Airflow's servers of task logs: without a token that the stack signed they show none.
        assert {"200 application/json", "200 text/plain"}.isdisjoint(found.values()), (port, found)
