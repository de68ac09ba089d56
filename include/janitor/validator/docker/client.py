"""Talks to the container engine through its command: docker's, or podman's, which takes the same words."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from janitor.guest.processes.supervisor import LineSink, Outcome, ProcessStartError, Running, run, start
from janitor.validator.docker.flavour import PODMAN_OLDEST, Candidate, Flavour, as_docker_says, candidates, has_buildah
from janitor.validator.engine import EngineError
from janitor.validator.settings import Settings

_QUICK_LIMIT = timedelta(seconds=60)
_ANSWER_LIMIT = timedelta(seconds=15)
_CLIENT_WITHOUT_BUILDKIT = 23
"""From this major version on the command builds through its buildx plugin. Source: Docker Engine 23.0 release notes."""


@dataclass(frozen=True, kw_only=True)
class ContainerState:
    """How a container ended."""

    exit_code: int | None
    """Docker's `State.ExitCode`; 0 while it runs."""
    out_of_memory: bool
    has_run: bool | None
    """Whether its program was ever started; None where the engine says nothing."""


_BY_ITS_NAME = Candidate(flavour=Flavour.DOCKER, program="docker")
"""What is tried where none is found, and used where none can do everything."""
_NOWHERE = "127.0.0.1:0"
_NEVER = "0001-01-01T00:00:00Z"
"""Docker's instant for what hasn't happened."""
_ADDRESS_SECONDS = 120.0
"""A container with a large image takes a while to start."""


class DockerClient:
    """The engine's command.

    A machine can have several, of which one lacks the part that builds: the first that can do all is used.

    Args:
        settings: Of the validator; they say how to reach the engine.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: Candidate | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The command's whole environment."""
        settings = self._settings
        own = {"PATH": settings.path, "HOME": str(settings.home), **settings.docker, **settings.proxies}
        if settings.pull_config is not None:
            own["DOCKER_CONFIG"] = str(settings.pull_config)
        return {**own, **(self._found.variables if self._found is not None else {})}

    @property
    def program(self) -> str:
        """The command that is used; docker where none can do everything."""
        return self._reached.program

    @property
    def flavour(self) -> Flavour:
        """Whose command that is."""
        return self._reached.flavour

    @property
    def _reached(self) -> Candidate:
        if self._found is None:
            self.why_not()
        return self._found or _BY_ITS_NAME

    @property
    def version(self) -> tuple[int, int]:
        """The engine's, as far as two numbers tell it; (0, 0) where it says none."""
        found = re.match(r"(\d{1,6})\.(\d{1,6})", str(self.info().get("ServerVersion") or ""))
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def why_not(self) -> str | None:
        """Why no engine can be used; None if one answers and can build what BuildKit builds."""
        reasons = []
        for candidate in self._candidates() or [_BY_ITS_NAME]:
            reason = self._why_not(candidate)
            if reason is None:
                self._found = candidate
                return None
            reasons.append(reason)
        if has_buildah(self._settings):
            reasons.append("buildah builds images and runs none of them; podman beside it does both")
        return "; ".join(dict.fromkeys(reasons))

    @property
    def is_installed(self) -> bool:
        """Whether there is a command at all, so that an engine may still come."""
        return bool(self._candidates())

    def _candidates(self) -> list[Candidate]:
        return list(candidates(self._settings))

    def _why_not(self, candidate: Candidate) -> str | None:
        try:
            if candidate.flavour is Flavour.PODMAN:
                return self._why_no_podman(candidate)
            words = ["version", "--format", "{{.Client.Version}} {{.Server.Version}}"]
            versions = self._run(words, _ANSWER_LIMIT, candidate=candidate)
            # Older clients print their trouble and end with 0.
            match = re.match(r"(\d+)\.\S* \d+\.", versions.output.text.strip())
            if versions.exit_code != 0 or match is None:
                return " ".join(versions.output.text.split())[-300:] or f"{candidate.program}: no answer"
            needs_plugin = int(match.group(1)) >= _CLIENT_WITHOUT_BUILDKIT
            if needs_plugin and self._run(["buildx", "version"], _ANSWER_LIMIT, candidate=candidate).exit_code != 0:
                return f"{candidate.program} lacks its buildx component, without which it can't build"
        except EngineError as exc:
            return str(exc)
        return None

    def _why_no_podman(self, candidate: Candidate) -> str | None:
        # It has no daemon: what it says of its host shows that its storage and its user namespace can be had.
        shown = self._run(["info", "--format", "{{.Version.Version}}"], _ANSWER_LIMIT, candidate=candidate)
        lines = shown.output.text.strip().splitlines()
        match = re.match(r"(\d{1,6})\.(\d{1,6})", lines[-1]) if lines else None
        if shown.exit_code != 0 or match is None:
            return " ".join(shown.output.text.split())[-300:] or f"{candidate.program}: no answer"
        if (int(match[1]), int(match[2])) < PODMAN_OLDEST:
            return f"{candidate.program} {match[0]} is too old to build what BuildKit builds; 4.0 does"
        return None

    def info(self) -> dict[str, Any]:
        """What the engine says about itself and its machine; empty if it doesn't answer."""
        try:
            shown = self._run(["info", "--format", "{{json .}}"], _ANSWER_LIMIT).output.text
            if self.flavour is Flavour.DOCKER:
                return json_line(shown) or {}
            # podman's is laid out over many lines, below its warnings.
            return as_docker_says(json.loads(shown[max(shown.find("\n{") + 1, 0) :]))
        except (EngineError, ValueError):
            return {}

    def answers(self) -> bool:
        """Whether the engine still answers."""
        try:
            what = "{{.Server.Version}}" if self.flavour is Flavour.DOCKER else "{{.Client.Version}}"
            version = self._run(["version", "--format", what], _ANSWER_LIMIT)
            return version.exit_code == 0 and version.output.text.strip()[:1].isdigit()
        except EngineError:
            return False

    def is_local(self) -> bool:
        """Whether the engine runs on this machine: it then has this machine's name, whatever its address."""
        return self.info().get("Name") == os.uname().nodename

    def command(self, *arguments: str) -> Outcome:
        """Run a quick command of the engine.

        Raises:
            EngineError: docker can't be started.
        """
        return self._run(arguments, _QUICK_LIMIT)

    def run(
        self,
        arguments: Sequence[str],
        *,
        limit: timedelta,
        sink: LineSink | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Run a long command.

        Args:
            arguments: What follows `docker`.
            limit: How long it may take.
            sink: Gets its output as it comes.
            variables: For the command's own environment.

        Raises:
            EngineError: docker can't be started.
        """
        return self._run(arguments, limit, sink, variables)

    def start(self, arguments: Sequence[str], *, sink: LineSink, variables: Mapping[str, str] | None = None) -> Running:
        """Start a command that the caller ends; `variables` join its own environment.

        Raises:
            EngineError: docker can't be started.
        """
        try:
            # The workspace may be gone when the cleanup looks once more; the folder above it is not.
            return start(
                [self.program, *arguments],
                cwd=self._settings.temporary,
                env={**(variables or {}), **self.environment},
                confined=False,
                sink=sink,
            )
        except ProcessStartError as exc:
            raise EngineError(f"{self.flavour.value} can't be started: {exc}") from exc

    def _run(
        self,
        arguments: Sequence[str],
        limit: timedelta,
        sink: LineSink | None = None,
        variables: Mapping[str, str] | None = None,
        candidate: Candidate | None = None,
    ) -> Outcome:
        reached = candidate or self._reached
        try:
            return run(
                [reached.program, *arguments],
                cwd=self._settings.temporary,
                env={**self.environment, **reached.variables, **(variables or {})},
                limit=limit,
                confined=False,
                sink=sink,
            )
        except ProcessStartError as exc:
            raise EngineError(f"{reached.flavour.value} can't be started: {exc}") from exc

    def shares_network(self) -> bool:
        """Whether a container can be reached at its own address: the engine runs on this machine, and as root."""
        return self.is_local() and not self.is_rootless()

    def is_rootless(self) -> bool:
        """Whether a user runs the engine for himself; its containers have a network of his own."""
        return any("rootless" in str(option) for option in self.info().get("SecurityOptions") or ())

    def own_address(self, name: str, port: int, *, alive: Callable[[], bool]) -> str:
        """A container's own address, with a port; one of nobody if the container never got there.

        Raises:
            EngineError: The engine gives it none.
        """
        words = ("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", name)
        found = self._address(words, r"(?<![\d.])(\d+(?:[.]\d+){3})(?![\d.])", name, alive=alive)
        return _NOWHERE if found is None else f"{found}:{port}"

    def published_address(self, name: str, port: int, *, alive: Callable[[], bool]) -> str:
        """Where the loopback interface stands for a container's port; nowhere if the container never got there.

        Raises:
            EngineError: The engine doesn't publish it.
        """
        return self._address(("port", name, str(port)), r"(127\.0\.0\.1:\d+)", name, alive=alive) or _NOWHERE

    def _address(self, words: Sequence[str], pattern: str, name: str, *, alive: Callable[[], bool]) -> str | None:
        ends_at = time.monotonic() + _ADDRESS_SECONDS
        while alive():
            if time.monotonic() > ends_at:
                raise EngineError(f"the container {name} got no address in {_ADDRESS_SECONDS:.0f} s")
            if match := re.search(pattern, self.command(*words).output.text):
                return match.group(1)
        return None

    def state(self, name: str) -> ContainerState:
        """How a container ended, or that it still runs."""
        state = json_line(self.command("inspect", "--format", "{{json .State}}", name).output.text) or {}
        began = state.get("StartedAt")
        return ContainerState(
            exit_code=state.get("ExitCode"),
            out_of_memory=bool(state.get("OOMKilled")),
            has_run=began != _NEVER if isinstance(began, str) else None,
        )

    def remove(self, name: str) -> None:
        """Remove a container, running or not; one that isn't there is no trouble."""
        with contextlib.suppress(EngineError):
            self.command("rm", "--force", "--volumes", name)


def json_line(text: str) -> dict[str, Any] | None:
    """The last line of a text that is a JSON object."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            return value if isinstance(value, dict) else None
    return None
