"""What a command does to outlive its sandbox or to reach the machine behind it, as the sandbox's first process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.agent.executors.jail import JailExecutor
from janitor.agent.repository_copy import pack_repository
from janitor.agent.settings import AgentSettings
from tests.integration.agent.conftest import needs_root

pytestmark = needs_root


def in_jail(checkout: Path, temporary: Path, *commands: str, seconds: float = 30):
    """The results of commands, one after the other in one sandbox."""

    async def work():
        executor = JailExecutor(AgentSettings(path=os.environ["PATH"], temporary=str(temporary)))
        try:
            await executor.start(pack_repository(checkout)[0])
            return [await executor.run(command, timedelta(seconds=seconds)) for command in commands]
        finally:
            await executor.stop()

    return asyncio.run(work())


def alive(mark: str, seconds: float = 5) -> list[str]:
    """The processes that still have this word on their command line after a while."""
    ends_at = time.monotonic() + seconds
    while True:
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                    found.append(entry.name)
        if not found or time.monotonic() > ends_at:
            return found
        time.sleep(0.05)


@pytest.mark.parametrize("form", ["exec setsid sleep {}", "trap '' TERM HUP; setsid sleep {}; true", "exec sleep {}"])
def test_first_process_of_the_namespace_ends_with_its_command(checkout, tmp_path, form):
    mark = f"301.{time.time_ns() % 10**9}"
    (result,) = in_jail(checkout, tmp_path, form.format(mark), seconds=1)
    assert result.timed_out
    left = alive(mark)
    for pid in left:
        os.kill(int(pid), 9)
    assert left == []


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """A file system of its own that anybody may write to, as instances have them for their fast disks."""
    folder = Path(tempfile.mkdtemp(prefix="janitor test ", dir="/opt"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(folder)], capture_output=True, check=False, timeout=20
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=20)
    folder.rmdir()


def test_no_other_file_system_of_the_machine_can_be_written(checkout, tmp_path, other_disk):
    (checkout / "write.sh").write_text(f"echo planted > '{other_disk}/planted' && echo written\n")
    (result,) = in_jail(checkout, tmp_path, "sh write.sh")
    assert "written" not in result.stdout
    assert list(other_disk.iterdir()) == []
