"""Runs containers of the image under validation, and leaves none behind.

A container gets no host network, no capability, no credential, limits on memory, processes and shared memory, and is
removed in every case. What runs in it isn't trusted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from janitor.validator.bench import Bench, given
from janitor.validator.engines.base import HandlerRun
from janitor.validator.engines.docker_client import DockerClient
from janitor.validator.interrupts import Interrupted
from janitor.validator.processes.supervisor import Running

LABEL = "janitor.validation"
"""What containers and images of a validation carry, with its id."""
_PIDS = 4_096
_MEMORY_SHARE = 0.9
_SHARED_MEMORY_BYTES = 8 * 1024**3
_PASSES = 3
"""A container whose client was killed can appear after the first look."""


class Containers:
    """The containers of one validation.

    Args:
        bench: Of the validation; the host must have been described.
        docker: Reaches the engine.
        image: What they are made of.
    """

    def __init__(self, bench: Bench, docker: DockerClient, image: str) -> None:
        self._bench = bench
        self._docker = docker
        self._image = image
        self._count = 0

    @property
    def label(self) -> str:
        """What everything of this validation carries."""
        return f"{LABEL}={self._bench.spec.validation_id}"

    def run(
        self,
        options: Sequence[str],
        words: Sequence[str],
        *,
        limit: timedelta,
        variables: Mapping[str, str] | None = None,
    ) -> HandlerRun:
        """Run a container to its end, or to `limit`, and remove it.

        Raises:
            EngineError: docker can't be started.
        """
        with self.started(options, words, variables=variables or {}) as (name, running):
            running.wait(limit)
            outcome = running.end()
            state = self._docker.state(name)
            return HandlerRun(outcome=outcome, out_of_memory=state.out_of_memory, has_run=state.has_run)

    @contextlib.contextmanager
    def started(
        self, options: Sequence[str], words: Sequence[str], *, variables: Mapping[str, str]
    ) -> Iterator[tuple[str, Running]]:
        """A container's name and its client, which ends with it; both are gone after the block.

        Raises:
            EngineError: docker can't be started.
        """
        self._count += 1
        name = f"janitor-{self._bench.spec.validation_id}-{self._count}"
        arguments = self._arguments(name, variables, options, words)
        with self._removing(name), self._docker.start(arguments, sink=self._bench.journal.streamer()) as running:
            yield name, running

    @contextlib.contextmanager
    def _removing(self, name: str) -> Iterator[None]:
        """Remove the container when the block ends; after an interrupt the cleanup does it, the report goes first."""
        try:
            yield
        except Interrupted:
            raise
        except BaseException:
            self._docker.remove(name)
            raise
        self._docker.remove(name)

    def _arguments(
        self, name: str, variables: Mapping[str, str], options: Sequence[str], words: Sequence[str]
    ) -> list[str]:
        bench = self._bench
        # By file: values stay out of the argument list, which every process of the machine can read.
        env_file = bench.workspace.temporary / f"{name}.env"
        env_file.touch(mode=0o600)
        plain = {key: value for key, value in variables.items() if _fits_a_file(key, value)}
        env_file.write_text("".join(f"{key}={value}\n" for key, value in plain.items()))
        others = [part for key in variables.keys() - plain.keys() for part in ("--env", f"{key}={variables[key]}")]
        memory = int(given(bench.known.host).memory_bytes * _MEMORY_SHARE)
        memory = min(memory, bench.settings.container_memory_bytes or memory)
        return [
            *("run", "--name", name, "--label", self.label),
            *("--network", "bridge", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--memory", str(memory), "--memory-swap", str(memory), "--pids-limit", str(_PIDS)),
            *("--shm-size", str(min(memory // 2, _SHARED_MEMORY_BYTES))),
            # What is printed is taken from the client; a copy on the host's disk would have no bound.
            *("--log-driver", "none", "--env-file", str(env_file)),
            *others,
            *(("--gpus", "all") if bench.known.gpu_available else ()),
            *options,
            self._image,
            *words,
        ]

    def remove_all(self) -> list[str]:
        """Remove the containers and images of this validation, and look whether they are gone.

        Returns:
            What is left, in words.
        """
        left: list[str] = []
        for _ in range(_PASSES):
            left = [
                *self._remove("containers", ("ps", "--all"), ("rm", "--force", "--volumes")),
                *self._remove("images", ("images", "--all"), ("rmi", "--force")),
            ]
            if not left:
                break
        return left

    def _remove(self, what: str, listing: Sequence[str], removal: Sequence[str]) -> list[str]:
        words = (*listing, "--quiet", "--filter", f"label={self.label}")
        listed = self._docker.command(*words)
        found = sorted(set(listed.output.text.split())) if listed.exit_code == 0 else []
        if found:
            self._docker.command(*removal, *found)
            listed = self._docker.command(*words)
            found = sorted(set(listed.output.text.split())) if listed.exit_code == 0 else found
        if listed.exit_code != 0:
            said = " ".join(listed.output.text.split())[-200:]
            return [f"{what}: the engine can't be asked: {said}"]
        return [f"{what} {', '.join(found[:5])}"] if found else []


def _fits_a_file(key: str, value: str) -> bool:
    """Whether an environment file can hold a variable: docker refuses odd names in it, and ends values at a line."""
    return (
        not any(character.isspace() for character in key) and not key.startswith("#") and not set(value) & set("\n\r")
    )
