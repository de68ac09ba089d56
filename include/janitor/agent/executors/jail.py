"""Commands as a uid that nobody has, in namespaces of their own: for a root process on a machine without an image.

Each command gets its own network (none but a loopback interface that is down), process ids (their end ends whatever
was forked away), mounts (the machine's own file system read-only, nothing shared writable) and IPC. What lasts from
one command to the next is the workspace alone: a file system in memory with limits of its own, in the mount namespace
of a holder that ends with this process. So no command fills the machine's disk, and no tree of files is left that
somebody would have to remove: one of 300,000 files took longer than an answer has, a deep one could not be removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import socket
from datetime import timedelta
from pathlib import Path

from janitor.agent.executors.base import MAX_OUTPUT, ExecutorError
from janitor.agent.executors.syscalls import seccomp_filter
from janitor.agent.processes import ProcessResult, die_with_parent, run_process
from janitor.agent.settings import AgentSettings

_UIDS = range(58_000, 58_100)
_PROBE_LIMIT = timedelta(seconds=20)
_UNPACK_LIMIT = timedelta(seconds=120)
_HOLDER_SECONDS = 10
_MOST_SOCKETS = 1_000
_TOOLS = ("unshare", "nsenter", "setpriv", "prlimit", "mount", "mountpoint", "sh", "tar")
_UNSHARE = (
    *("unshare", "--fork", "--pid", "--kill-child=KILL", "--mount", "--net", "--ipc", "--uts"),
    *("--propagation", "private", "--"),
)
_HOLD = """\
set -e
uid=$1
mount -t tmpfs -o nosuid,nodev,size=64m,mode=755 tmpfs /run
mkdir /run/workspace
mount -t tmpfs -o nosuid,nodev,size=2g,nr_inodes=200k,mode=700,uid="$uid",gid="$uid" workspace /run/workspace
echo held
exec cat
"""
# Runs as root within the namespaces, sees nothing of the command but passes it on as one word. It stays their first
# process, whose end ends them: the command itself could leave its session, and with another uid it would no longer be
# ended with its parent.
_SET_UP = """\
set -e
uid=$1 command=$2
mount -t proc -o nosuid,nodev,noexec,hidepid=2 proc /proc
for folder in /tmp /var/tmp /dev/shm; do
    if test -d $folder && ! test -L $folder; then mount -t tmpfs -o nosuid,nodev,size=256m,mode=1777 tmpfs $folder; fi
done
for folder in /root /home; do
    if test -d $folder && ! test -L $folder; then mount -t tmpfs -o nosuid,nodev,size=1m,mode=755 tmpfs $folder; fi
done
shift 2
# A socket in a folder belongs to no network namespace, and a read-only mount stops nobody from connecting to it.
while test "$1" != -; do
    if test -S "$1"; then mount --bind /dev/null "$1"; fi
    shift
done
shift
# Every file system, not only the first: a machine's fast disk is often writable for everybody.
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
    ' && grep -q "^NoNewPrivs:[^0-9]*1$" /proc/self/status && grep -q "^Seccomp:[^0-9]*2$" /proc/self/status'
    ' && test "$(ls /proc | grep -c "^[0-9]")" -lt 20'
    ' && test "$(grep -c : /proc/net/dev)" = 1 && ! touch /janitor-probe 2>/dev/null && test -w . && echo holds'
)


class JailExecutor:
    """Implements `Executor` with namespaces and a uid of its own.

    Args:
        settings: Search path.
    """

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._holder: asyncio.subprocess.Process | None = None
        self._claim: socket.socket | None = None
        self._uid = 0
        self._filter = seccomp_filter()

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
        if self._filter is None:
            raise ExecutorError("no filter of system calls is known for this kind of machine")
        self._uid = self._free_uid()
        await self._hold()
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
        """End the holder, with which the workspace goes; each command's namespaces have ended with it."""
        if self._holder is not None:
            with contextlib.suppress(ProcessLookupError):
                self._holder.kill()
            await asyncio.wait_for(self._holder.wait(), _HOLDER_SECONDS)
        if self._claim is not None:
            self._claim.close()

    async def _hold(self) -> None:
        """Start the process whose mount namespace has the workspace; its end is the workspace's."""
        try:
            self._holder = await asyncio.create_subprocess_exec(
                *("unshare", "--mount", "--propagation", "private", "--", "sh", "-c", _HOLD, "janitor", str(self._uid)),
                env=self._environment(),
                cwd="/",
                # Its input ends with this process, whatever becomes of the signal.
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # calls one function of libc
            )
            assert self._holder.stdout is not None
            said = (await asyncio.wait_for(self._holder.stdout.readline(), _HOLDER_SECONDS)).decode(errors="replace")
        except (OSError, ValueError, asyncio.TimeoutError) as exc:
            raise ExecutorError(f"the sandbox's workspace can't be made: {exc or 'no answer in time'}") from exc
        if said != "held\n":
            raise ExecutorError(f"this machine's kernel or container allows no sandbox of namespaces: {said.strip()}")

    async def _run(self, command: str, limit: timedelta, given: bytes | None) -> ProcessResult:
        if self._holder is None:
            raise ExecutorError("the sandbox was not started")
        entry = ("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--", *_UNSHARE)
        words = (str(self._uid), command, *_sockets(), "-", *_file_systems())
        try:
            return await run_process(
                [*entry, "sh", "-c", _SET_UP, "janitor", *words],
                env=self._environment(),
                limit=limit,
                max_output=MAX_OUTPUT,
                given=given,
                confine=self._filter,
            )
        except OSError as exc:
            raise ExecutorError(f"the sandbox can't be entered: {exc}") from exc

    def _environment(self) -> dict[str, str]:
        return {"PATH": self._settings.path, "HOME": "/tmp", "LANG": "C.UTF-8", "TERM": "dumb", "CI": "1"}  # noqa: S108  # the container's own

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
    return [place for place in dict.fromkeys(places) if not _hidden(place)]


def _sockets() -> list[str]:
    """The machine's sockets that lie in folders, but for those that a sandbox's own mounts hide."""
    lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
    # Source: unix(7). A name may hold blanks; an abstract one begins with @.
    names = [fields[7] for line in lines if len(fields := line.split(maxsplit=7)) == 8]
    return [name for name in dict.fromkeys(names) if name.startswith("/") and not _hidden(name)][:_MOST_SOCKETS]


def _hidden(place: str) -> bool:
    own = ("/proc", "/run", "/tmp", "/var/tmp", "/dev/shm", "/root", "/home")  # noqa: S108  # hidden, not used
    return any(f"{place}/".startswith(f"{each}/") for each in own)


def _uids_of_processes() -> set[int]:
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found.add(os.stat(f"/proc/{entry}").st_uid)
    return found
