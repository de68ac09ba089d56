"""Make the virtual environment: exactly what requirements.lock names, and this project in editable form.

Uses uv where it is on PATH, else venv and pip. Standard library alone, as nothing is installed yet. Only one of several
that run at the same time does the work; the others wait for it. The stamp is written last, so that an interrupted
set-up is repaired by the next one.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / ".stamp"
LOCK = ROOT / "requirements.lock"
INPUTS = (LOCK, ROOT / "pyproject.toml")
PYTHON = VENV / "bin" / "python"

HEARTBEAT_SECONDS = 10.0
LONGEST_SECONDS = 3_600.0
"""For one step, on the slowest line that is still of use."""
TROUBLE = 3

# Where things are installed is decided here; where they come from (index, proxy, certificates, cache) is the user's.
_REDIRECTING = (
    *("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_HASHES", "PIP_NO_DEPS", "PIP_PYTHON"),
    *("PIP_REQUIREMENT", "PIP_CONSTRAINT", "PIP_DRY_RUN", "PIP_NO_BUILD_ISOLATION"),
    *("UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_PYTHON", "UV_REQUIRE_HASHES", "UV_CONSTRAINT", "UV_OVERRIDE"),
    *("UV_PROJECT_ENVIRONMENT", "UV_VENV_CLEAR", "UV_VENV_SEED", "UV_NO_INSTALLER_METADATA", "UV_BUILD_CONSTRAINT"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX"),
)


class SetupError(Exception):
    """The environment can't be made; the message says what to do."""


def main() -> int:
    """Make the environment unless somebody else just did."""
    with LOCK.open("rb") as held:
        if not _lock(held.fileno()):
            _say("Waiting for another set-up of this checkout")
            fcntl.flock(held, fcntl.LOCK_EX)
        if _is_current():
            return 0
        try:
            _make()
        except SetupError as error:
            _say(f"error: {error}")
            return TROUBLE
        except KeyboardInterrupt:
            _say("Interrupted. The next make repairs the set-up.")
            return 130
    return 0


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_current() -> bool:
    return STAMP.exists() and all(STAMP.stat().st_mtime >= each.stat().st_mtime for each in INPUTS)


def _make() -> None:
    began = time.monotonic()
    uv = _uv()
    packages = sum(1 for line in LOCK.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
    version = ".".join(map(str, sys.version_info[:3]))
    _say(f"Setting up .venv once: Python {version}, up to {packages} packages, with {'uv' if uv else 'pip'}")
    STAMP.unlink(missing_ok=True)
    if uv:
        _with_uv(uv)
    else:
        _with_pip()
    STAMP.touch()
    _say(f"Set up in {time.monotonic() - began:.0f} s")


def _uv() -> str | None:
    """The uv on PATH, if it runs: a version manager's stand-in may not."""
    found = shutil.which("uv")
    try:
        if found is not None:
            subprocess.run([found, "--version"], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return found


def _with_uv(uv: str) -> None:
    reuse = "--allow-existing" if _venv_fits() else "--clear"
    _run("make the environment", [uv, "venv", "--quiet", reuse, "--python", sys.executable, str(VENV)])
    pip = [uv, "pip"]
    options = ["--quiet", "--python", str(PYTHON)]
    _run("install packages", [*pip, "sync", *options, "--compile-bytecode", "--require-hashes", str(LOCK)])
    _run("install janitor", [*pip, "install", *options, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])


def _with_pip() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise SetupError(
            f"{sys.executable} comes without ensurepip, so it can't make an environment.\n"
            f"Install it (Debian, Ubuntu: apt install {package}), or install uv, and run make again."
        )
    clear = [] if _venv_fits() else ["--clear"]
    _run("make the environment", [sys.executable, "-I", "-m", "venv", *clear, str(VENV)])
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    pip = [str(PYTHON), "-I", "-m", "pip", "install", *options]
    _run("install packages", [*pip, "--require-hashes", "--requirement", str(LOCK)])
    _run("install janitor", [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])


def _venv_fits() -> bool:
    """Whether an environment is there that this very Python made and that runs."""
    question = "import sys; print(sys.base_prefix, sys.version_info)"
    try:
        answers = [
            subprocess.run([each, "-I", "-c", question], capture_output=True, check=True, timeout=60).stdout
            for each in (str(PYTHON), sys.executable)
        ]
    except (OSError, subprocess.SubprocessError):
        return False
    return answers[0] == answers[1]


def _run(doing: str, command: Sequence[str]) -> None:
    """Run one step; say that it goes on; fail with a next step."""
    environment = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
    began = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL) as process:
        try:
            status = _wait(process, doing, began)
        except BaseException:
            process.kill()
            raise
    if status != 0:
        raise SetupError(
            f"could not {doing}: {Path(command[0]).name} ended with {status}; its own message is above.\n"
            "Where packages come from is up to your pip or uv settings (index, proxy, certificates)."
            " Then run make again."
        )


def _wait(process: subprocess.Popen[bytes], doing: str, began: float) -> int:
    while True:
        try:
            return process.wait(timeout=HEARTBEAT_SECONDS)
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - began
            if elapsed > LONGEST_SECONDS:
                raise SetupError(f"could not {doing} within {LONGEST_SECONDS:.0f} s") from None
            _say(f"  {doing}: {elapsed:.0f} s")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
