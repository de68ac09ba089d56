"""Base images made on this machine, for no registry may be reachable: Debian with Python and the worker SDK."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

SDK = "runpod==1.12.0"
PYTHON_BASE = "python:3.11-slim"
"""The name that worker repositories write."""
WORKER_BASE = "janitor-test/worker-base:1"
"""The same image under a name of which nobody can know what is in it: it brings the SDK."""
_SUITE = "bookworm"
"""The Debian whose Python is 3.11."""
_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates,git"
_MIRROR = "http://deb.debian.org/debian"
_SECONDS = 600


class NoImageError(Exception):
    """A base image can't be had; the message says why."""


def python_base(docker: str, environment: Mapping[str, str]) -> str:
    """Images with Python, pip and the SDK, of both names; made once for an engine.

    Args:
        docker: The docker command.
        environment: For it.

    Raises:
        NoImageError: It is not there and can't be made.
    """
    # One process makes it, the others wait and find it.
    lock = Path(tempfile.gettempdir()) / f"janitor-test-images-{os.geteuid()}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if _call([docker, "image", "inspect", WORKER_BASE], environment) is not None:
            return PYTHON_BASE
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            raise NoImageError(f"{WORKER_BASE} is not there, and making it takes root and debootstrap")
        with tempfile.TemporaryDirectory(prefix="janitor-base-") as folder:
            _make(Path(folder) / "root", docker, environment)
    return PYTHON_BASE


def _make(root: Path, docker: str, environment: Mapping[str, str]) -> None:
    _must(
        ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(root), _mirror()],
        environment,
    )
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    target = root / "usr/local/lib/python3.11/dist-packages"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{environment.get('PATH', '')}")
    if uv is None:
        raise NoImageError("uv is not here to install the SDK into a base image")
    _must([uv, "pip", "install", "--quiet", "--python-version", "3.11", "--target", str(target), SDK], environment)
    archive = root.parent / "root.tar"
    _must(["tar", "--directory", str(root), "--create", "--file", str(archive), "."], environment)
    changes = ["ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "ENV LANG=C.UTF-8", 'CMD ["python3"]']
    options = [part for change in changes for part in ("--change", change)]
    _must([docker, "import", *options, str(archive), WORKER_BASE], environment)
    if _call([docker, "image", "inspect", PYTHON_BASE], environment) is None:
        _must([docker, "tag", WORKER_BASE, PYTHON_BASE], environment)


def _mirror() -> str:
    """The Debian mirror that this machine uses."""
    for path in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("debian*"))):
        try:
            words = path.read_text().split()
        except OSError:
            continue
        found = [word for word in words if word.startswith("http") and word.rstrip("/").endswith("/debian")]
        if found and "snapshot" not in found[-1]:
            return found[-1]
    return _MIRROR


def _must(argv: list[str], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            argv,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NoImageError(f"{argv[0]}: {exc}") from exc
    if done.returncode != 0:
        raise NoImageError(f"{argv[0]} ended with {done.returncode}: {done.stdout.strip()[-300:]}")


def _call(argv: list[str], environment: Mapping[str, str]) -> str | None:
    done = subprocess.run(argv, env=dict(environment), capture_output=True, text=True, timeout=60, check=False)
    return done.stdout if done.returncode == 0 else None
