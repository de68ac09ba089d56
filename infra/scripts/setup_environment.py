"""Make the virtual environment: exactly what requirements.lock names, and this project in editable form.

Uses uv: the one on PATH, else the one that the lock names, which pip brings first, as pip alone takes several times as
long. Where there is no uv to have, pip does it all. Standard library alone, as nothing is installed yet. Only one of
several that run at the same time does the work; the others wait for it. The stamp is written last, so that an
interrupted set-up is repaired by the next one.
"""

from __future__ import annotations

import fcntl
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
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
    version = ".".join(map(str, sys.version_info[:3]))
    means = "uv" if uv else "a uv that pip brings"
    _say(f"Setting up .venv once: Python {version}, up to {_locked()} packages, with {means}")
    STAMP.unlink(missing_ok=True)
    if uv:
        _make_venv_by_uv(uv)
        _install_by_uv(uv)
    else:
        _make_venv()
        _install_without_uv()
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


def _make_venv_by_uv(uv: str) -> None:
    reuse = "--allow-existing" if _venv_fits() else "--clear"
    _run("make the environment", [uv, "venv", "--quiet", reuse, "--python", sys.executable, str(VENV)])


def _install_by_uv(uv: str, settings: Mapping[str, str] | None = None) -> None:
    pip = [uv, "pip"]
    options = ["--quiet", "--python", str(PYTHON)]
    sync = [*pip, "sync", *options, "--compile-bytecode", "--require-hashes", str(LOCK)]
    _run("install packages", sync, settings, counted=True)
    editable = [*pip, "install", *options, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    _run("install janitor", editable, settings)


def _make_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise SetupError(
            f"{sys.executable} comes without ensurepip, so it can't make an environment.\n"
            f"Install it (Debian, Ubuntu: apt install {package}), or install uv, and run make again."
        )
    clear = [] if _venv_fits() else ["--clear"]
    _run("make the environment", [sys.executable, "-I", "-m", "venv", *clear, str(VENV)])


def _install_without_uv() -> None:
    """Bring uv and install by it; by pip where either fails: uv has no wheel for every system, nor every pip's ways to
    reach an index."""
    try:
        _bring_uv()
        _install_by_uv(str(VENV / "bin" / "uv"), as_uv_settings(_pip_settings(), os.environ))
    except SetupError as error:
        _say(f"Going on with pip, which takes longer: {str(error).splitlines()[0]}")
        pip = [*_pip_install(), "--require-hashes", "--requirement", str(LOCK)]
        _run("install packages", pip, counted=True)
        _run("install janitor", [*_pip_install(), "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])


def _bring_uv() -> None:
    """Install the uv of the lock, and nothing else, as a wheel with its hash."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=VENV, encoding="utf-8") as lock:
        lock.write(locked_uv(LOCK))
        lock.flush()
        command = [*_pip_install(), "--only-binary=:all:", "--no-deps", "--require-hashes", "--requirement", lock.name]
        _run("bring uv", command)


def locked_uv(lock: Path) -> str:
    """The lines of a lock that name uv and its hashes."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("uv=="))
    hashes = itertools.takewhile(lambda line: line.lstrip().startswith("--hash="), lines[first + 1 :])
    return "\n".join([lines[first], *hashes]) + "\n"


def _pip_install() -> list[str]:
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    return [str(PYTHON), "-I", "-m", "pip", "install", *options]


def _pip_settings() -> dict[str, str]:
    """What pip's files and variables say, by the option's name; a command's section counts more than the general."""
    command = [str(PYTHON), "-I", "-m", "pip", "config", "list"]
    try:
        listed = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, dict[str, str]] = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        found.setdefault(section, {})[option] = value.strip("'\"")
    return {**found.get("global", {}), **found.get("install", {}), **found.get(":env:", {})}


def as_uv_settings(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead uv to where pip goes.

    Args:
        pip: pip's options by name, such as `index-url`.
        environment: Somebody who has told uv where to go is left alone.
    """
    if any(name.startswith("UV_") and ("INDEX" in name or "FIND_LINKS" in name) for name in environment):
        return {}
    told = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(pip.get("extra-index-url", "").split()),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "UV_NO_INDEX": "1" if pip.get("no-index", "").lower() in ("1", "true", "yes", "on") else "",
        "SSL_CERT_FILE": environment.get("SSL_CERT_FILE") or pip.get("cert", ""),
        "ALL_PROXY": environment.get("ALL_PROXY") or pip.get("proxy", ""),
        # pip takes the best of all indexes; which file it is, is settled by its hash.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    return {name: value for name, value in told.items() if value}


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


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _REDIRECTING}


def _run(
    doing: str, command: Sequence[str], settings: Mapping[str, str] | None = None, *, counted: bool = False
) -> None:
    """Run one step; say that it goes on, with the packages that are there if `counted`; fail with a next step."""
    began = time.monotonic()
    environment = {**_environment(), **(settings or {})}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL) as process:
        try:
            status = _wait(process, doing, began, counted)
        except BaseException:
            process.kill()
            raise
    if status != 0:
        raise SetupError(
            f"could not {doing}: {Path(command[0]).name} ended with {status}; its own message is above.\n"
            "Where packages come from is up to your pip or uv settings (index, proxy, certificates)."
            " Then run make again."
        )


def _wait(process: subprocess.Popen[bytes], doing: str, began: float, counted: bool) -> int:
    while True:
        try:
            return process.wait(timeout=HEARTBEAT_SECONDS)
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - began
            if elapsed > LONGEST_SECONDS:
                raise SetupError(f"could not {doing} within {LONGEST_SECONDS:.0f} s") from None
            _say(f"  {doing}: {elapsed:.0f} s{f', {_progress()}' if counted else ''}")


def _progress() -> str:
    """`120 of up to 284 packages are in place`: what is unpacked so far."""
    packages = sum(1 for _ in VENV.glob("lib/python*/site-packages/*.dist-info"))
    return f"{packages} of up to {_locked()} packages are in place" if packages else f"up to {_locked()} are fetched"


def _locked() -> int:
    return sum(1 for line in LOCK.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
