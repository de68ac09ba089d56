"""Which processes of a whole machine are a service's, and how far this process may touch anything at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from janitor.validator.reuse import processes
from janitor.validator.reuse.processes import _is_service, _parted
from janitor.validator.reuse.scope import is_agent, scope_of

AGENT_GROUP = "/system.slice/amazon-ssm-agent.service"


@pytest.fixture(autouse=True)
def _units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with three units, on which this process is below the agent."""
    for unit in ("logrotate.service", "getty@.service", "amazon-ssm-agent.service"):
        (tmp_path / unit).touch()
    monkeypatch.setattr(processes, "_UNIT_FOLDERS", (tmp_path,))
    monkeypatch.setattr(processes, "_group_of", lambda _pid: AGENT_GROUP)


@pytest.mark.parametrize(
    ("group", "program", "is_one"),
    [
        ("/system.slice/logrotate.service", "/usr/sbin/logrotate", True),
        ("/system.slice/system-getty.slice/getty@tty1.service", "/sbin/agetty", True),
        # A unit without a file, as who has root starts one in passing.
        ("/system.slice/run-r1234.service", "/usr/bin/python3", False),
        # A program that a task has brought, in a service's own group.
        ("/system.slice/logrotate.service", "/tmp/miner", False),
        ("/user.slice/user-0.slice/session-1.scope", "/usr/bin/bash", False),
        ("/", "/usr/bin/bash", False),
        # A task is in the agent's group as well: only the agent's programs are the agent's.
        (AGENT_GROUP, "/usr/bin/python3", False),
        (AGENT_GROUP, "/usr/bin/ssm-session-worker", True),
        (AGENT_GROUP, "/tmp/ssm-session-worker", False),
    ],
)
def test_a_service_has_a_unit_s_file_and_a_program_of_the_system(group: str, program: str, is_one: bool) -> None:
    assert _is_service(group, program) is is_one


def test_control_groups_are_read_of_one_hierarchy_and_of_several() -> None:
    assert _parted("0::/system.slice/a.service") == ("", ":", "/system.slice/a.service")
    assert _parted("9:name=systemd:/b") == ("name=systemd", ":", "/b")


@pytest.mark.parametrize("name", ["ssm-agent-worker", "amazon-ssm-agent", "ssm-document-worker"])
def test_a_machine_is_whole_where_the_agent_is_above(name: str) -> None:
    assert is_agent(f"/snap/amazon-ssm-agent/7993/{name}")
    parents = {os.getpid(): 40, 40: 20, 20: 1, 1: 0}
    scope = scope_of(parents, {20: f"/usr/bin/{name}", 40: "/bin/sh", 1: "/sbin/init"})
    assert (scope.is_whole, scope.reaper, scope.own) == (True, 1, frozenset({os.getpid(), 40, 20, 1}))


def test_beside_the_agent_is_not_below_it() -> None:
    parents = {os.getpid(): 40, 40: 1, 20: 1, 1: 0}
    scope = scope_of(parents, {20: "/usr/bin/amazon-ssm-agent", 40: "/usr/bin/not-an-ssm-agent", 1: "/sbin/init"})
    assert not scope.is_whole
