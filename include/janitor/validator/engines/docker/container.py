"""Runs containers of the image under validation, and leaves none behind.

A container gets no host network, no capability, no credential, limits on memory, processes and shared memory, and is
removed in every case. What runs in it isn't trusted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from janitor.guest.processes.supervisor import Interrupted, Running
from janitor.validator.context import CheckContext
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import EngineError, HandlerRun, MachineFacts

LABEL = "janitor.validation"
"""What containers and images of a validation carry, with its id."""
_PIDS = 4_096
_MEMORY_SHARE = 0.9
_SHARED_MEMORY_BYTES = 8 * 1024**3
_PASSES = 3
"""A container whose client was killed can appear after the first look."""


@dataclass(frozen=True, kw_only=True)
class _Passed:
    """How a container's variables get there."""

    by_file: Mapping[str, str]
    by_client: Mapping[str, str]
    """In the docker command's environment, from where it takes them by name."""
    words: tuple[str, ...]


class Containers:
    """The containers of one validation.

    Args:
        context: Of the validation.
        docker: Reaches the engine.
        machine: Its memory bounds that of a container.
        image: What they are made of.
    """

    def __init__(self, context: CheckContext, docker: DockerClient, machine: MachineFacts, image: str) -> None:
        self._context = context
        self._docker = docker
        self._machine = machine
        self._image = image
        self._count = 0

    @property
    def label(self) -> str:
        """What everything of this validation carries."""
        return f"{LABEL}={self._context.spec.validation_id}"

    def run(
        self,
        options: Sequence[str],
        words: Sequence[str],
        *,
        limit: timedelta,
        variables: Mapping[str, str] | None = None,
        apart: bool = False,
    ) -> HandlerRun:
        """Run a container to its end, or to `limit`, and remove it.

        Args:
            options: Of `docker run`.
            words: What follows the image's name.
            limit: How long it may take.
            variables: Its environment, beside the image's.
            apart: For what isn't the worker's: without network, and untold in the log.

        Raises:
            EngineError: docker can't be started.
        """
        with self.started(options, words, variables=variables or {}, apart=apart) as (name, running):
            running.wait(limit)
            outcome = running.end()
            state = self._docker.state(name)
            return HandlerRun(outcome=outcome, out_of_memory=state.out_of_memory, has_run=state.has_run)

    @contextlib.contextmanager
    def started(
        self, options: Sequence[str], words: Sequence[str], *, variables: Mapping[str, str], apart: bool = False
    ) -> Iterator[tuple[str, Running]]:
        """A container's name and its client, which ends with it; both are gone after the block.

        Raises:
            EngineError: docker can't be started.
        """
        self._count += 1
        name = f"janitor-{self._context.spec.validation_id}-{self._count}"
        passed = self._passed(variables)
        network = ("--network", "none" if apart else "bridge")
        arguments = self._arguments(name, [*network, *passed.words, *options], words, by_file=passed.by_file)
        sink = _told_to_nobody if apart else self._context.journal.streamer()
        with self._removing(name), self._docker.start(arguments, sink=sink, variables=passed.by_client) as running:
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

    def _passed(self, variables: Mapping[str, str]) -> _Passed:
        """How each variable gets into the container: values stay out of the argument list, which every process of the
        machine can read. What the repository itself sets is no secret, and must not get into the client's environment:
        the client would obey it."""
        by_file, by_client, words = {}, {}, []
        ours = self._context.worker_variables
        for key, value in variables.items():
            if _fits_a_file(key, value):
                by_file[key] = value
            elif ours.get(key) == value and not _obeyed_by_the_client(key, self._docker.environment):
                by_client[key] = value
                words += ["--env", key]
            elif key in self._context.secrets.values:
                raise EngineError(
                    f"the secret for {key} has several lines, and docker itself obeys a variable of that name;"
                    " store it in one line, or under another name"
                )
            else:
                words += ["--env", f"{key}={value}"]
        return _Passed(by_file=by_file, by_client=by_client, words=tuple(words))

    def _arguments(
        self,
        name: str,
        options: Sequence[str],
        words: Sequence[str],
        *,
        by_file: Mapping[str, str],
    ) -> list[str]:
        context = self._context
        env_file = context.workspace.own / f"{name}.env"
        env_file.touch(mode=0o600)
        env_file.write_text("".join(f"{key}={value}\n" for key, value in by_file.items()))
        memory = int(self._machine.host.memory_bytes * _MEMORY_SHARE)
        memory = min(memory, context.settings.container_memory_bytes or memory)
        return [
            *("run", "--name", name, "--label", self.label),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--memory", str(memory), "--memory-swap", str(memory), "--pids-limit", str(_PIDS)),
            *("--shm-size", str(min(memory // 2, _SHARED_MEMORY_BYTES))),
            # What is printed is taken from the client; a copy on the host's disk would have no bound.
            *("--log-driver", "none", "--env-file", str(env_file)),
            *(self._docker.flavour.gpu_options if self._machine.gpu is not None else ()),
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
                *self._remove("images", self._docker.flavour.image_listing, ("rmi", "--force")),
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


_CLIENT_PREFIXES = (
    *("LD_", "DYLD_", "DOCKER_", "BUILDX_", "BUILDKIT_", "GO", "SSL_", "GCONV_", "LOCPATH", "TMPDIR"),
    *("CONTAINER", "_CONTAINERS", "PODMAN", "BUILDAH", "STORAGE_", "REGISTR", "XDG_", "DBUS_", "NETAVARK", "NOTIFY_"),
)
"""Of variables that the engine's command, its runtime or the loader obey."""


def _obeyed_by_the_client(key: str, environment: Mapping[str, str]) -> bool:
    """Whether a variable means something to the docker command itself."""
    return key in environment or key.upper().startswith(_CLIENT_PREFIXES) or key.lower().endswith("_proxy")


def _told_to_nobody(_piece: bytes) -> None:
    """Takes output that is only read in the end."""


def _fits_a_file(key: str, value: str) -> bool:
    """Whether an environment file can hold a variable: docker refuses odd names in it, and ends values at a line."""
    return (
        not any(character.isspace() for character in key) and not key.startswith("#") and not set(value) & set("\n\r")
    )
