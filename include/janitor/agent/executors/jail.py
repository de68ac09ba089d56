"""Commands as a uid that nobody has, in namespaces of their own: for a root process on a machine without an image.

Each command gets its own network (none but a loopback interface that is down), process ids (their end ends whatever
was forked away), mounts (the machine's own file system read-only, nothing shared writable) and IPC. What lasts from
one command to the next is the workspace alone.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import socket
import tempfile
from datetime import timedelta
from pathlib import Path

from janitor.agent.executors.base import MAX_OUTPUT, ExecutorError
from janitor.agent.processes import ProcessResult, run_process
from janitor.agent.settings import AgentSettings

_UIDS = range(58_000, 58_100)
_PROBE_LIMIT = timedelta(seconds=20)
_UNPACK_LIMIT = timedelta(seconds=120)
_TOOLS = ("unshare", "setpriv", "prlimit", "mount", "mountpoint", "sh", "tar")
_UNSHARE = (
    *("unshare", "--fork", "--pid", "--kill-child=KILL", "--mount", "--net", "--ipc", "--uts"),
    *("--propagation", "private", "--"),
)
# Runs as root within the namespaces, sees nothing of the command but passes it on as one word. It stays their first
# process, whose end ends them: the command itself could leave its session, and with another uid it would no longer be
# ended with its parent.
_SET_UP = """\
set -e
uid=$1 workspace=$2 command=$3
mount -t proc -o nosuid,nodev,noexec,hidepid=2 proc /proc
mount -t tmpfs -o nosuid,nodev,size=64m,mode=755 tmpfs /run
mkdir /run/workspace
mount --bind "$workspace" /run/workspace
mount -o remount,bind,nosuid,nodev /run/workspace
for folder in /tmp /var/tmp /dev/shm; do
    if test -d $folder && ! test -L $folder; then mount -t tmpfs -o nosuid,nodev,size=256m,mode=1777 tmpfs $folder; fi
done
for folder in /root /home; do
    if test -d $folder && ! test -L $folder; then mount -t tmpfs -o nosuid,nodev,size=1m,mode=755 tmpfs $folder; fi
done
# Every file system, not only the first: a machine's fast disk is often writable for everybody.
shift 3
for place in "$@" /run /root /home; do
    if test -e "$place" && ! mount -o remount,bind,ro "$place" 2>/dev/null && mountpoint -q "$place"; then
        echo "$place stays writable" >&2
        exit 1
    fi
done
cd /run/workspace
echo 1000 > /proc/self/oom_score_adj
prlimit --core=0 --fsize=2147483648 --nproc=512 --nofile=4096 --as=17179869184 -- \\
    setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all \\
    --no-new-privs -- sh -c "$command"
exit $?
"""
_PROBE = (
    'test "$(id -u)" = "{uid}" && test "$(id -G)" = "{uid}" && grep -q "^CapBnd:[^0-9]*0*$" /proc/self/status'
    ' && grep -q "^NoNewPrivs:[^0-9]*1$" /proc/self/status && test "$(ls /proc | grep -c "^[0-9]")" -lt 20'
    ' && test "$(grep -c : /proc/net/dev)" = 1 && ! touch /janitor-probe 2>/dev/null && test -w . && echo holds'
)


class JailExecutor:
    """Implements `Executor` with namespaces and a uid of its own.

    Args:
        settings: Search path and temporary folder.
    """

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._folder: Path | None = None
        self._claim: socket.socket | None = None
        self._uid = 0

    @property
    def description(self) -> str:
        """Where commands run."""
        return f"namespaces of this machine, no network, uid {self._uid}"

    async def start(self, archive: bytes) -> None:
        """Take a free uid, unpack the repository as that uid, and prove that the namespaces hold."""
        if os.geteuid() != 0:
            raise ExecutorError("this process is not root, so it can't run commands as another user")
        if missing := [tool for tool in _TOOLS if shutil.which(tool, path=self._settings.path) is None]:
            raise ExecutorError(f"{', '.join(missing)} not found on this machine")
        self._uid = self._free_uid()
        # Its parent may be closed to that uid: the set-up, which is root, binds the workspace to where it is reachable.
        self._folder = Path(tempfile.mkdtemp(prefix="janitor-agent-", dir=self._settings.temporary))
        workspace = self._folder / "workspace"
        workspace.mkdir(mode=0o700)
        os.chown(workspace, self._uid, self._uid)
        probe = await self.run(_PROBE.format(uid=self._uid), _PROBE_LIMIT)
        if probe.stdout.strip() != "holds":
            said = " ".join((probe.stderr or probe.stdout).split())[-200:] or "it doesn't hold"
            raise ExecutorError(f"this machine's kernel or container allows no sandbox of namespaces: {said}")
        unpacked = await self._run("tar -x --strip-components=1 --no-same-owner -f -", _UNPACK_LIMIT, archive)
        if unpacked.exit_code != 0:
            raise ExecutorError(f"the repository can't be unpacked in the sandbox: {unpacked.stderr.strip()[-200:]}")

    async def run(self, command: str, limit: timedelta) -> ProcessResult:
        """Run a command in namespaces of its own, which end with it."""
        return await self._run(command, limit, None)

    async def stop(self) -> None:
        """Remove the workspace and give the uid back; no process is left, as each command's namespaces have ended."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._claim is not None:
            self._claim.close()

    async def _run(self, command: str, limit: timedelta, given: bytes | None) -> ProcessResult:
        if self._folder is None:
            raise ExecutorError("the sandbox was not started")
        env = {"PATH": self._settings.path, "HOME": "/tmp", "LANG": "C.UTF-8", "TERM": "dumb", "CI": "1"}  # noqa: S108
        workspace = str(self._folder / "workspace")
        argv = [*_UNSHARE, "sh", "-c", _SET_UP, "janitor", str(self._uid), workspace, command, *_file_systems()]
        try:
            return await run_process(argv, env=env, limit=limit, max_output=MAX_OUTPUT, given=given)
        except OSError as exc:
            raise ExecutorError(f"the sandbox can't be entered: {exc}") from exc

    def _free_uid(self) -> int:
        taken = _uids_of_processes()
        for uid in _UIDS:
            with contextlib.suppress(KeyError):
                pwd.getpwuid(uid)
                continue
            if uid in taken:
                continue
            # An abstract socket is a lock that ends with its process and lies in no folder.
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                claim.bind(f"\0janitor-agent-uid-{uid}")
            except OSError:
                claim.close()
                continue
            self._claim = claim
            return uid
        raise ExecutorError(f"no user id between {_UIDS[0]} and {_UIDS[-1]} is free on this machine")


def _file_systems() -> list[str]:
    """Where file systems of this machine are mounted, but for those that each sandbox gets its own of."""
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    # Source: proc_pid_mountinfo(5); blanks and the like are octal.
    places = [re.sub(r"\\(\d{3})", lambda match: chr(int(match.group(1), 8)), line.split()[4]) for line in lines]
    own = ("/proc", "/run", "/tmp", "/var/tmp", "/dev/shm", "/root", "/home")  # noqa: S108  # hidden, not used
    return [place for place in dict.fromkeys(places) if not any(f"{place}/".startswith(f"{each}/") for each in own)]


def _uids_of_processes() -> set[int]:
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found.add(os.stat(f"/proc/{entry}").st_uid)
    return found
