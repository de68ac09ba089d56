"""Takes from a child process, between fork and exec, what an untrusted program has no need of.

This is no sandbox. It closes the cheap ways out, namely capabilities (reading another process's memory and environment
as root), set-uid programs and core dumps; and where a user of their own could be made for them (see `child_user`), the
validator's files and processes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from janitor.guest.processes.child_user import ChildUser
from janitor.guest.processes.signal_fence import signal_fence

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SIGKILL = 9
_CAPABILITIES = range(64)

# Loaded once, before any fork: loading a library between fork and exec is not safe.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_child_user: ChildUser | None = None
"""Whom confined processes become; set once, before the first of them."""


def use_child_user(user: ChildUser | None) -> None:
    """Have confined processes run as this user from now on; None leaves them the validator's own."""
    global _child_user  # noqa: PLW0603  # of the process, as its capabilities are
    _child_user = user


def hand_over(*paths: Path) -> None:
    """Make files and folders, with all within them, those of the confined processes, where they have another user.

    Raises:
        OSError: One can't be handed over.
    """
    if _child_user is not None:
        _child_user.hand_over(*paths)


def hand_over_pipe(descriptor: int) -> None:
    """Make an open pipe one of the confined processes, where they have another user.

    Raises:
        OSError: It can't be handed over.
    """
    if _child_user is not None:
        os.fchown(descriptor, *_child_user.ids)


def become_subreaper() -> bool:
    """Have orphaned descendants handed to this process instead of to init, so that none escapes by setsid.

    Returns:
        False where the system has no such thing (anything but Linux).
    """
    return _libc is not None and _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


@contextlib.contextmanager
def owning_descendants() -> Iterator[None]:
    """Within it, orphaned descendants are handed to this process, and its own children may be ended with them; after it
    the process is what it was before, as it may have other things to do, and other children.
    """
    before = _is_subreaper()
    become_subreaper()
    try:
        yield
    finally:
        if _libc is not None and not before:
            _libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def owns_descendants() -> bool:
    """Whether every descendant of this process is one that it may end: it has become their reaper, as the validator
    does when it starts. A process that merely uses this package has children of its own.
    """
    return _is_subreaper() and proc_is_ours()


def _is_subreaper() -> bool:
    answer = ctypes.c_int(0)
    if _libc is None or _libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0) != 0:
        return False
    return answer.value == 1


def hide_memory() -> None:
    """Close this process's memory and environment in /proc to all but processes with CAP_SYS_PTRACE."""
    if _libc is not None:
        _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def fence() -> Callable[[], None] | None:
    """What keeps a confined process from signalling this one, made before it is forked; None where none is needed, as
    it has another user, or none can be had."""
    return None if _child_user is not None else signal_fence(os.getpid())


def confine(cwd: str, fenced: Callable[[], None] | None = None) -> None:
    """For `preexec_fn`: another user where there is one; no capabilities after exec, no gain by set-uid, no core dump,
    no life after the validator.

    Args:
        cwd: Where the program starts; the child is there already, in the validator's view of the file system.
        fenced: What `fence` gave.

    Raises:
        OSError: It can't become that user. Nothing is executed then.
    """
    if _child_user is not None:
        _child_user.enter(cwd)  # first: the kernel forgets the wish for a signal where the user changes
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for capability in _CAPABILITIES:
        # Refused where we are not root, and beyond the kernel's last capability: nothing to take there.
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if fenced is not None:
        fenced()


def proc_is_ours() -> bool:
    """Whether /proc speaks of this process's own PID namespace, so that descendants can be found in it."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False
