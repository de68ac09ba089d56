"""How to run PostgreSQL, which refuses to run as root and wants its user to have a name.

A normal user needs nothing. Root gets a user namespace in which it has another number, so that the files stay its own;
where the kernel or a container forbids that, root drops to an unprivileged user and keeps the one capability that lets
it reach a data folder below a private home.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from janitor.domain.errors import StackError

_PROBE_TIMEOUT = timedelta(seconds=10)


class IdentityKind(str, Enum):
    """The ways to run as somebody who isn't root."""

    OWN = "own user"
    NAMESPACE = "user namespace"
    DROPPED = "unprivileged user"


@dataclass(frozen=True)
class Identity:
    """One way to run PostgreSQL's programs."""

    kind: IdentityKind
    prefix: tuple[str, ...]
    """Words to put before the command; the command replaces them, so the pid is its own."""
    file_owner: tuple[int, int] | None = None
    """uid and gid that must own the data folder, where it isn't the caller."""


def choose_identity(postgres: Path, data: Path) -> Identity:
    """Return the first way that works here.

    Args:
        postgres: The server's executable.
        data: The data folder; where it exists, its owner narrows the choice.

    Raises:
        StackError: none works; the message says what would.
    """
    if data.exists() and os.geteuid() not in (0, data.stat().st_uid):
        raise StackError(
            f"{data} belongs to uid {data.stat().st_uid}, not to you; was the stack started with sudo? "
            f"Give it back: sudo chown -R $(id -u):$(id -g) {data.parent.parent}"
        )
    folder = next(parent for parent in data.parents if parent.exists())
    tried: list[str] = []
    for identity in _candidates(data):
        problem = _problem(identity, postgres, folder)
        if problem is None:
            return identity
        tried.append(f"  {identity.kind.value}: {problem}")
    raise StackError(
        "PostgreSQL can't be started: it refuses to run as root, and no way around that works here:\n"
        + "\n".join(tried or ["  no unprivileged user is known to this system"])
        + "\nRun the stack as a normal user; or allow user namespaces (sysctl user.max_user_namespaces); "
        "or install util-linux with setpriv"
    )


def _candidates(data: Path) -> Iterator[Identity]:
    owner = data.stat() if data.exists() else None
    uid = os.geteuid()
    own_data = owner is None or owner.st_uid == uid
    if uid != 0 and _has_name(uid):
        yield Identity(IdentityKind.OWN, ())
        return
    stand_in = _unprivileged_user()
    if stand_in is None:
        return
    unshare, setpriv = shutil.which("unshare"), shutil.which("setpriv")
    if own_data and unshare:
        yield Identity(IdentityKind.NAMESPACE, (unshare, "--user", f"--map-user={stand_in.pw_uid}", "--"))
    if uid != 0 or not setpriv or (own_data and owner is not None):
        return
    target = (stand_in.pw_uid, stand_in.pw_gid) if owner is None else (owner.st_uid, owner.st_gid)
    yield Identity(
        IdentityKind.DROPPED,
        (
            setpriv,
            f"--reuid={target[0]}",
            f"--regid={target[1]}",
            "--clear-groups",
            # Ambient, so that it survives the exec: the data folder may lie below a home that only root can enter.
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
            "--",
        ),
        file_owner=target,
    )


def _problem(identity: Identity, postgres: Path, folder: Path) -> str | None:
    """Return why an identity can't run the server on a folder, or None when it can."""
    script = 'test -w "$1" || { echo "can\'t write to $1"; exit 1; }; exec "$2" --version'
    command = [*identity.prefix, "/bin/sh", "-c", script, "sh", str(folder), str(postgres)]
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PROBE_TIMEOUT.total_seconds(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return str(exc)
    if result.returncode == 0:
        return None
    return result.stdout.decode(errors="replace").strip() or f"exit code {result.returncode}"


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Return a user to stand in for root: `nobody`, or any other that isn't root."""
    users = [user for user in pwd.getpwall() if user.pw_uid != 0]
    return next((user for user in users if user.pw_name == "nobody"), users[0] if users else None)
