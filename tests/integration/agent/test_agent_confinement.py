"""What leads round the sandbox's namespaces, and what would be left for others to clear away or to starve of."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.agent.executors.base import ExecutorError
from janitor.agent.executors.jail import JailExecutor
from janitor.agent.repository_copy import pack_repository
from janitor.agent.settings import AgentSettings
from tests.integration.agent.conftest import needs_root
from tests.integration.agent.test_agent_escape import alive, in_jail

pytestmark = needs_root

PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or "python3"
needs_python = pytest.mark.skipif(
    not Path(PYTHON).exists(), reason="skipped: the sandbox's user can read no Python of this machine"
)
FAMILIES = """\
import socket
for name in ("AF_VSOCK", "AF_ALG", "AF_PACKET", "AF_CAN", "AF_BLUETOOTH", "AF_TIPC"):
    try:
        socket.socket(getattr(socket, name), socket.SOCK_SEQPACKET if name == "AF_ALG" else socket.SOCK_STREAM)
        print("OPEN", name)
    except OSError as exc:
        print("refused", name, exc.errno)
socket.socketpair(); socket.socket(socket.AF_INET)
print("plain sockets are there")
"""
CALLS = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (425, 250, 321, 298, 323), "aarch64": (425, 219, 280, 241, 282)}[os.uname().machine]
for name, number in zip(("io_uring_setup", "keyctl", "bpf", "perf_event_open", "userfaultfd"), numbers):
    ctypes.set_errno(0)
    libc.syscall(number, 0, 0, 0, 0, 0)
    print(name, ctypes.get_errno())
"""


@pytest.fixture
def open_socket() -> Iterator[tuple[Path, socket.socket]]:
    """A service of this machine that anybody may connect to, in a folder that anybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="janitor test ", dir="/opt"))
    folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "service.sock"))
        (folder / "service.sock").chmod(0o777)
        listening.listen()
        yield folder / "service.sock", listening
    shutil.rmtree(folder)


@needs_python
def test_sockets_of_the_machine_lead_nowhere(checkout, tmp_path, open_socket):
    path, listening = open_socket
    (checkout / "reach.py").write_text(
        f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(path)!r})\nprint('REACHED')\n"
    )
    (result,) = in_jail(checkout, tmp_path, f"{PYTHON} reach.py")
    assert "REACHED" not in result.stdout
    assert "refused" in result.stderr, result
    listening.settimeout(0.2)
    with pytest.raises(TimeoutError):
        listening.accept()


@needs_python
def test_no_kind_of_socket_belongs_to_the_machine(checkout, tmp_path):
    (checkout / "families.py").write_text(FAMILIES)
    (result,) = in_jail(checkout, tmp_path, f"{PYTHON} families.py")
    assert "OPEN" not in result.stdout, result
    assert result.stdout.count("refused") == 6
    assert result.stdout.endswith("plain sockets are there\n")


@needs_python
def test_calls_that_nobody_needs_are_refused(checkout, tmp_path):
    (checkout / "calls.py").write_text(CALLS)
    (result,) = in_jail(checkout, tmp_path, f"{PYTHON} calls.py")
    said = dict(line.split() for line in result.stdout.splitlines())
    # ENOSYS; the rest EPERM.
    assert said == {"io_uring_setup": "38", "keyctl": "1", "bpf": "1", "perf_event_open": "1", "userfaultfd": "1"}


def test_dropped_capabilities_do_not_come_back(checkout, tmp_path):
    """In a user namespace of its own a command would be root: it could mount, and take memory that nobody counts."""
    take = "unshare --user --map-root-user --mount sh -c 'mount -t tmpfs x /opt && echo MOUNTED; id -u'"
    result, after = in_jail(checkout, tmp_path, take, "echo a child works")
    assert "MOUNTED" not in result.stdout
    assert result.stdout == "", result
    assert after.stdout == "a child works\n"


def test_links_devices_and_mounts_can_not_be_made(checkout, tmp_path):
    attempts = "ln /etc/shadow hard && echo LINKED; mknod device c 1 1 && echo MADE; mount -t tmpfs x . && echo MOUNTED"
    (result,) = in_jail(checkout, tmp_path, attempts)
    assert result.stdout == ""


def test_full_workspace_fills_no_disk_of_the_machine(checkout, tmp_path):
    flood = "for part in 1 2; do head -c 1500000000 /dev/zero > big$part; done; cat big* | wc -c"
    kind = "stat --file-system --format='%T %b %S' ."
    full, after, where = in_jail(checkout, tmp_path, flood, "rm big*; echo usable > file; cat file", kind)
    assert "No space left" in full.stderr, full
    assert int(full.stdout) <= 2 * 2**30
    # It is filled in memory, of which it has so much.
    name, blocks, size = where.stdout.split()
    assert (name, int(blocks) * int(size) <= 2 * 2**30) == ("tmpfs", True)
    assert after.stdout == "usable\n"
    assert list(tmp_path.iterdir()) == [checkout]


@needs_python
@pytest.mark.parametrize(
    "tree",
    [
        "for _ in range(3_000): os.mkdir('d'); os.chdir('d')",
        "for number in range(150_000): os.close(os.open(f'f{number}', os.O_CREAT | os.O_WRONLY))",
    ],
    ids=["deep", "many"],
)
def test_no_tree_of_files_delays_the_answer_or_is_left(checkout, tmp_path, tree):
    (checkout / "tree.py").write_text(f"import os\n{tree}\nprint('made')\n")

    async def work():
        executor = JailExecutor(AgentSettings(path=os.environ["PATH"], temporary=str(tmp_path)))
        try:
            await executor.start(pack_repository(checkout)[0])
            return await executor.run(f"{PYTHON} tree.py", timedelta(seconds=60))
        finally:
            began = time.monotonic()
            await executor.stop()
            took.append(time.monotonic() - began)

    took: list[float] = []
    assert asyncio.run(work()).stdout == "made\n"
    assert took[0] < 2.5
    assert list(tmp_path.iterdir()) == [checkout]


def test_killed_agent_leaves_neither_process_nor_workspace(checkout, tmp_path):
    mark = f"302.{time.time_ns() % 10**9}"
    program = textwrap.dedent(
        f"""
        import asyncio, os
        from datetime import timedelta
        from pathlib import Path
        from janitor.agent.executors.jail import JailExecutor
        from janitor.agent.repository_copy import pack_repository
        from janitor.agent.settings import AgentSettings

        async def work():
            executor = JailExecutor(AgentSettings(path=os.environ["PATH"], temporary={str(tmp_path)!r}))
            await executor.start(pack_repository(Path({str(checkout)!r}))[0])
            print(executor._holder.pid, flush=True)
            await executor.run("setsid sleep {mark} & sleep {mark}", timedelta(seconds=300))

        asyncio.run(work())
        """
    )
    agent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert agent.stdout is not None
        holder = agent.stdout.readline().strip()
        ends_at = time.monotonic() + 10
        while not alive(mark, seconds=0) and time.monotonic() < ends_at:
            time.sleep(0.05)
        assert alive(mark, seconds=0)
    finally:
        agent.send_signal(signal.SIGKILL)
        agent.wait(120)
    assert alive(mark) == []
    ends_at = time.monotonic() + 5
    while Path("/proc", holder).exists() and time.monotonic() < ends_at:
        time.sleep(0.05)
    assert not Path("/proc", holder).exists()
    assert list(tmp_path.iterdir()) == [checkout]


def test_without_the_filter_there_is_no_sandbox(checkout, tmp_path):
    async def start():
        executor = JailExecutor(AgentSettings(path=os.environ["PATH"], temporary=str(tmp_path)))
        executor._filter = lambda: None
        try:
            with pytest.raises(ExecutorError, match="allows no sandbox"):
                await executor.start(pack_repository(checkout)[0])
        finally:
            await executor.stop()

    asyncio.run(start())
