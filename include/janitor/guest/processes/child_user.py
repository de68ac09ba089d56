"""Another user for the repository's processes, where the kernel lets the validator give them one.

Inside they are root, as in most images; outside they are a user that owns nothing but what it was handed: a user
namespace maps the one to the other. Folders that are closed to that user, such as root's home, would hide interpreters
and the workspace from it; in a mount namespace they are replaced by empty ones that hold just those.

Both namespaces are made once, by a process that enters them and ends; a child enters between fork and exec. It needs
root with CAP_SYS_ADMIN and namespaces that the kernel allows. Source: user_namespaces(7), mount_namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

OUTER_ID = 65_420
"""User and group outside. Nobody has it: Debian and systemd leave 65,000 to 65,533 alone or use it for a while only."""

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWUSER = 0x1000_0000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
_MS_NOSUID, _MS_NODEV = 2, 4
_TMPFS = b"mode=0755,size=1m"

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class NoChildUserError(Exception):
    """The repository's processes can't get a user of their own here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class ChildUser:
    """The user of the repository's processes: what a child enters. The descriptors stay open as long as the validator
    lives, and are closed when a program is executed."""

    mounts: int
    users: int
    hidden: tuple[str, ...]
    """Folders that are empty for it, but for what it needs."""

    ids: tuple[int, int] = (OUTER_ID, OUTER_ID)
    """User and group outside."""

    def enter(self, cwd: str) -> None:
        """For `preexec_fn`: become that user, in its view of the file system.

        Raises:
            OSError: The kernel refuses; then the program must not run.
        """
        _setns(self.mounts, _CLONE_NEWNS)
        os.chdir(cwd)  # the one that was set before was the other view's
        _setns(self.users, _CLONE_NEWUSER)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)

    def close(self) -> None:
        """Let the namespaces go, where nobody entered them after all."""
        os.close(self.mounts)
        os.close(self.users)

    def hand_over(self, *roots: Path) -> None:
        """Make these files and folders, and all within them, its own; links are not followed.

        Raises:
            OSError: One can't be handed over.
        """
        for root in roots:
            _give(root)
            for folder, folders, files in os.walk(root):
                for name in (*folders, *files):
                    _give(os.path.join(folder, name))


def make_child_user(needed: Sequence[Path]) -> ChildUser:
    """Prepare the user and its view.

    Args:
        needed: What its processes must reach although it may lie in a closed folder. What isn't there is left out.

    Raises:
        NoChildUserError: This isn't Linux or not root, or the kernel refuses.
    """
    if _libc is None or os.geteuid() != 0 or not os.path.lexists("/proc/self"):
        raise NoChildUserError("only root on Linux can give them one")
    if os.readlink("/proc/self") != str(os.getpid()):
        raise NoChildUserError("/proc is another PID namespace's: it would show the namespaces of somebody else")
    plan = _plan(needed)
    read_end, write_end = os.pipe()
    go_read, go_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _prepare(plan, write_end, go_read)
    os.close(write_end)
    os.close(go_read)
    try:
        with os.fdopen(read_end, "rb") as answer:
            said = answer.readline()
            if said != b"ready\n":
                raise NoChildUserError(said.decode(errors="replace").strip() or "the namespaces could not be made")
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{pid}/{name}").write_text(f"0 {OUTER_ID} 1\n")
            return ChildUser(
                mounts=os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC),
                users=os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC),
                hidden=tuple(str(closed) for closed in plan),
            )
    except OSError as exc:
        raise NoChildUserError(f"the kernel refuses: {exc}") from exc
    finally:
        os.close(go_write)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def closed_ancestor(path: Path) -> Path | None:
    """The topmost folder above a path that other users can't pass through."""
    for parent in reversed(path.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            return parent
    return None


def _plan(needed: Iterable[Path]) -> dict[Path, list[Path]]:
    """The closed folders, each with what is to be seen in it; what lies within another of those is left out."""
    plan: dict[Path, list[Path]] = {}
    for path in sorted({Path(os.path.abspath(each)) for each in needed}, key=lambda each: len(each.parts)):
        try:
            closed = closed_ancestor(path)
            opened = path.stat().st_mode & (stat.S_IXOTH if path.is_dir() else stat.S_IROTH)
        except OSError:
            continue
        if closed is None or not opened:
            continue
        seen = plan.setdefault(closed, [])
        if not any(each == path or each in path.parents for each in seen):
            seen.append(path)
    return plan


def _prepare(plan: dict[Path, list[Path]], answer: int, wait: int) -> None:
    """The helper's side: make the view, enter both namespaces, say so, and wait for the end. Never returns."""
    try:
        _call("unshare", _CLONE_NEWNS)
        _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE)
        # Held before anything is covered: two closed folders can lie within each other.
        held = {path: os.open(path, os.O_PATH) for paths in plan.values() for path in paths}
        for closed, paths in plan.items():
            _mount(b"tmpfs", os.fsencode(closed), b"tmpfs", _MS_NOSUID | _MS_NODEV, _TMPFS)
            for path in paths:
                source = f"/proc/self/fd/{held[path]}"
                if os.path.isdir(source):
                    path.mkdir(parents=True, exist_ok=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
                _mount(source.encode(), os.fsencode(path), None, _MS_BIND | _MS_REC)
        _call("unshare", _CLONE_NEWUSER)
        os.write(answer, b"ready\n")
        os.read(wait, 1)
    except BaseException as exc:  # whatever it is, this must not go on as a second validator
        os.write(answer, f"{exc}\n".encode())
    finally:
        os._exit(0)


def _give(path: str | Path) -> None:
    found = os.lstat(path)
    if (found.st_uid, found.st_gid) != (OUTER_ID, OUTER_ID):
        os.lchown(path, OUTER_ID, OUTER_ID)


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None = None) -> None:
    _call("mount", source, target, kind, ctypes.c_ulong(flags), data)


def _setns(descriptor: int, kind: int) -> None:
    _call("setns", descriptor, kind)


def _call(name: str, *arguments: object) -> None:
    assert _libc is not None
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
