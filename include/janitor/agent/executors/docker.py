"""Commands in a container of the repository's own image, which has nothing: no network, no capability, no socket.

A keeper, a root process without capabilities that only sleeps, holds the container; commands run beside it as another
uid, which can't signal it. After each command everything of that uid is killed, in whatever session it hides. Nothing
of the container is on the machine's disk: its image is read-only, and what can be written lies in memory with a limit.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from janitor.agent.executors.base import MAX_OUTPUT, WORKSPACE, ExecutorError
from janitor.agent.processes import ProcessResult, run_process
from janitor.agent.settings import AgentSettings

SANDBOX_UID = 65_534
_MEMORY = "8g"
_PIDS = 512
_WRITABLE = {WORKSPACE: "2g,nr_inodes=200k", "/tmp": "256m", "/var/tmp": "256m"}  # noqa: S108  # in the container
"""Folders and their sizes; they count as the container's memory."""
_ENGINE_LIMIT = timedelta(seconds=60)
_UNPACK_LIMIT = timedelta(seconds=120)
_CLIENT_MARGIN = timedelta(seconds=10)
"""How much later than the command itself its docker client is given up."""
_KEEPER = "while :; do sleep 86400 & wait $!; done"
"""A shell that waits also collects orphans, which a mere sleep would leave as zombies."""
_ENDED_BY_TIMEOUT = frozenset({124, 137, 143})
_PROBE = (
    "test \"$(id -u)\" = '65534' && grep -q '^CapBnd:[^0-9]*0*$' /proc/self/status"
    " && grep -q '^NoNewPrivs:[^0-9]*1$' /proc/self/status && ! test -e /var/run/docker.sock"
    " && test \"$(ls /sys/class/net)\" = 'lo' && test -w . && echo holds"
)


class DockerExecutor:
    """Implements `Executor` with a Docker engine.

    Args:
        image: Image of which the container is made; it must be there.
        settings: How to reach the engine.
        label: `key=value` for the container, by which others find it.
        gpu: Whether the container gets the machine's GPUs.
        whose: Whose image it is, in words.
    """

    def __init__(
        self,
        image: str,
        settings: AgentSettings,
        *,
        label: str | None,
        gpu: bool,
        whose: str = "the repository's image",
    ) -> None:
        self._image = image
        self._whose = whose
        self._label = label
        self._gpu = gpu
        self._archive = b""
        self._name = f"janitor-agent-{uuid.uuid4().hex[:12]}"
        self._env = {"PATH": settings.path, "HOME": settings.temporary, **settings.docker}

    @property
    def description(self) -> str:
        """Where commands run."""
        return f"container of {self._whose}, no network, uid {SANDBOX_UID}"

    async def start(self, archive: bytes) -> None:
        """Start the keeper, copy the repository in, and prove that the container holds."""
        options = [
            *("--name", self._name, "--pull", "never", "--entrypoint", "sh", "--network", "none"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "0:0", "--workdir", "/"),
            *("--memory", _MEMORY, "--memory-swap", _MEMORY, "--pids-limit", str(_PIDS), "--ulimit", "core=0"),
            # A health check would be the repository's own program beside the keeper, with the keeper's uid.
            *("--log-driver", "none", "--hostname", "sandbox", "--no-healthcheck"),
            "--read-only",
            *(word for folder, size in _WRITABLE.items() for word in ("--tmpfs", _mounted(folder, size))),
            *(("--label", self._label) if self._label else ()),
            *(("--gpus", "all") if self._gpu else ()),
        ]
        await self._docker(["run", "--detach", *options, self._image, "-c", _KEEPER])
        self._archive = archive
        await self._unpack()
        probe = await self.run(_PROBE, _ENGINE_LIMIT)
        if probe.stdout.strip() != "holds":
            said = " ".join((probe.stderr or probe.stdout).split())[-200:]
            raise ExecutorError(
                f"a container of the image makes no sandbox (exit code {probe.exit_code}) {said}".strip()
            )

    async def run(self, command: str, limit: timedelta) -> ProcessResult:
        """Run a command as the sandbox's uid."""
        seconds = max(1, int(limit.total_seconds()))
        # The client's end doesn't end the command: it gets a limit within the container, where there is `timeout`.
        limited = f'exec timeout -s KILL {seconds} sh -c "$1"'
        wrapped = f'if command -v timeout >/dev/null; then {limited}; fi; exec sh -c "$1"'
        result = await self._client(
            [*self._exec(WORKSPACE), "sh", "-c", wrapped, "sh", command], timedelta(seconds=seconds) + _CLIENT_MARGIN
        )
        await self._end_leftovers()
        if result.exit_code in _ENDED_BY_TIMEOUT and result.seconds >= seconds:
            return ProcessResult(
                exit_code=None, stdout=result.stdout, stderr=result.stderr, timed_out=True, seconds=result.seconds
            )
        return result

    async def stop(self) -> None:
        """Remove the container and all that runs in it."""
        await self._docker(["rm", "--force", "--volumes", self._name], tolerant=True)

    async def _unpack(self) -> None:
        # Not `docker cp`, which can't write to memory.
        unpack = ("tar", "-x", "-o", "-C", "/", "-f", "-")
        result = await self._client([*self._exec("/", "--interactive"), *unpack], _UNPACK_LIMIT, self._archive)
        if result.exit_code != 0:
            said = " ".join((result.stderr or result.stdout).split())[-200:] or "no answer in time"
            raise ExecutorError(f"the repository can't be unpacked in a container of the image: {said}")

    async def _end_leftovers(self) -> None:
        ended = await self._client([*self._exec("/"), "sh", "-c", "kill -9 -1"], _ENGINE_LIMIT)
        # Killing everything of its uid ends the shell itself: 137. What a fork bomb leaves no room for ends otherwise.
        if ended.exit_code not in (0, 1, 137):
            await self._docker(["restart", "--time", "0", self._name])
            await self._unpack()  # what lay in memory is gone

    def _exec(self, folder: str, *options: str) -> list[str]:
        user = f"{SANDBOX_UID}:{SANDBOX_UID}"
        variables = ("--env", "HOME=/tmp", "--env", "CI=1", "--env", "TERM=dumb")
        return ["exec", *options, "--user", user, "--workdir", folder, *variables, self._name]

    async def _docker(self, arguments: Sequence[str], *, given: bytes | None = None, tolerant: bool = False) -> None:
        result = await self._client(arguments, _ENGINE_LIMIT, given)
        if result.exit_code != 0 and not tolerant:
            said = " ".join((result.stderr or result.stdout).split())[-300:] or "no answer in time"
            raise ExecutorError(f"docker {arguments[0]} failed: {said}")

    async def _client(self, arguments: Sequence[str], limit: timedelta, given: bytes | None = None) -> ProcessResult:
        try:
            return await run_process(
                ["docker", *arguments], env=self._env, limit=limit, max_output=MAX_OUTPUT, given=given
            )
        except OSError as exc:
            raise ExecutorError(f"docker can't be started: {exc}") from exc


def _mounted(folder: str, size: str) -> str:
    """One folder in memory. Docker would forbid running a program from it, which a repository's own scripts need."""
    return f"{folder}:rw,exec,nosuid,nodev,mode=755,uid={SANDBOX_UID},gid={SANDBOX_UID},size={size}"
