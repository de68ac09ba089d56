"""A Docker engine for the tests: one that answers already, or one of our own that ends with the command that needs it.

    python3 tests/support/docker_engine.py make test

starts `dockerd` with data, state and socket in a folder of its own, runs the command with DOCKER_HOST set, ends the
engine by its process id and removes the folder, also when the command fails. Where no engine can be had the command
runs all the same, and the tests that need one skip with the reason. Needs the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

WHY_NOT = "JANITOR_TEST_NO_DOCKER"
"""Why there is no engine, for the tests that skip."""
GPU_STAND_IN = "JANITOR_TEST_GPU_STAND_IN"
"""Set where the engine takes `--gpus` without a GPU: then a container's GPU is what its image pretends."""
REFUSE_GPU = "JANITOR_TEST_REFUSE_GPU"
"""A container with this variable is refused the GPU, in the words of NVIDIA's toolkit."""

_START_SECONDS = 60
_END_SECONDS = 30
_ANSWER_SECONDS = 20
_HOOK = f"""#!/bin/sh
# Stands for nvidia-container-runtime-hook, without which dockerd refuses --gpus. The state of the container is JSON.
bundle=$(sed -n 's/.*"bundle":"\\([^"]*\\)".*/\\1/p')
if grep -q '"{REFUSE_GPU}=' "$bundle/config.json" 2>/dev/null; then
  echo "nvidia-container-cli: initialization error: nvml error: driver not loaded" >&2
  exit 1
fi
exit 0
"""


def docker_program(environment: Mapping[str, str]) -> str | None:
    """The first docker command on PATH that reaches an engine and can build with BuildKit; None if none does."""
    for folder in environment.get("PATH", "").split(os.pathsep):
        program = Path(folder) / "docker"
        if not os.access(program, os.X_OK):
            continue
        version = _answer([str(program), "version", "--format", "{{.Client.Version}} {{.Server.Version}}"], environment)
        client, _, server = (version or "").partition(" ")
        if not client[:1].isdigit() or not server.strip()[:1].isdigit():
            continue
        if int(client.split(".")[0]) < 23 or _answer([str(program), "buildx", "version"], environment):
            return str(program)
    return None


def _answer(argv: list[str], environment: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(
            argv, env=dict(environment), capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def why_no_own_engine() -> str | None:
    """Why no engine can be started here; None if one can be tried."""
    if os.geteuid() != 0:
        return "starting one takes root"
    if shutil.which("dockerd") is None:
        return "dockerd is not installed (Debian: apt-get install docker.io)"
    return None


@contextlib.contextmanager
def own_engine(environment: Mapping[str, str], *, apart: bool = False, rules: bool = True) -> Iterator[dict[str, str]]:
    """Start an engine; yields the environment that reaches it. It is gone after the block, with all that it held.

    Args:
        environment: For the engine.
        apart: Give it a network of its own. Two engines in one network share the bridge, and hand out its addresses
            without knowing of each other: one's container then gets what was meant for the other's.
        rules: It may set the machine's rules for packets, as containers need them that reach out. One that starts no
            containers leaves those of another engine as they are; told to do without a bridge it would remove that
            one's.

    Raises:
        RuntimeError: It doesn't answer; the message has the end of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="janitor-docker-"))
    programs = folder / "bin"
    programs.mkdir()
    hook = programs / "nvidia-container-runtime-hook"
    hook.write_text(_HOOK)
    hook.chmod(0o755)
    address = f"unix://{folder / 'docker.sock'}"
    reached = {**environment, "DOCKER_HOST": address, GPU_STAND_IN: "1"}
    reached.pop("DOCKER_CONTEXT", None)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(("unshare", "--net") if apart else ()),
                *("dockerd", "--host", address, "--data-root", str(folder / "data")),
                *("--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")),
                *(() if rules else ("--iptables=false", "--ip6tables=false")),
            ],
            env={**environment, "PATH": f"{programs}:{environment.get('PATH', os.defpath)}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while docker_program(reached) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                end = (folder / "log").read_text(errors="replace").strip()[-400:]
                raise RuntimeError(f"dockerd does not answer: {end}")
            time.sleep(0.2)
        yield reached
    finally:
        _end(process)
        _remove(folder)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        # Its containerd is of its session.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(_END_SECONDS)


def _remove(folder: Path) -> None:
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for target in sorted((place for place in mounted if place.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", target], check=False, capture_output=True, timeout=_ANSWER_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def main(command: list[str]) -> int:
    """Run a command with an engine, if one can be had; its exit code."""
    environment = dict(os.environ)
    if docker_program(environment) is not None:
        print("Docker: an engine answers", file=sys.stderr)
        return _run(command, environment)
    reason = why_no_own_engine()
    if reason is None:
        try:
            with own_engine(environment) as reached:
                print(f"Docker: an engine of our own answers at {reached['DOCKER_HOST']}", file=sys.stderr)
                return _run(command, reached)
        except RuntimeError as exc:
            reason = str(exc)
    print(f"Docker: no engine: {reason}; the tests that need one will skip", file=sys.stderr)
    return _run(command, {**environment, WHY_NOT: reason})


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a command; a signal that asks us to end is passed on, so that the engine is ended in every case."""
    process = subprocess.Popen(command, env=dict(environment))
    previous = {
        number: signal.signal(number, lambda got, _frame: process.send_signal(got))
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    # The terminal's Ctrl-C reaches the command too.
    previous[signal.SIGINT] = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        code = process.wait()
        return code if code >= 0 else 128 - code
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
