"""Walks through the stages that are built, instruction by instruction: what each holds, and where it surely fails."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from janitor.inspection.dockerfile.command import is_shell
from janitor.inspection.dockerfile.image_files import ImageFiles, StageFiles, inline_files
from janitor.inspection.dockerfile.sources import is_archive, is_remote
from janitor.inspection.dockerfile.stages import Copy, Dockerfile, Run, Stage
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.provision.commands.shell_lists import (
    OPEN,
    WELL,
    End,
    Ended,
    Failure,
    ShellOptions,
    surely_fails,
    surely_run,
)
from janitor.inspection.provision.commands.shell_words import Command, Shell, Surroundings
from janitor.inspection.provision.commands.which_python import installs_into
from janitor.inspection.provision.copies import copy_from_stage
from janitor.inspection.provision.effects import apply
from janitor.inspection.provision.failing_commands import Situation, reason_to_fail
from janitor.inspection.provision.python_effects import is_of_python
from janitor.inspection.provision.system.base_system import base_system
from janitor.inspection.provision.system.known_files import KnownFiles, Room
from janitor.inspection.provision.system.state import BIN_FOLDERS, StageState
from janitor.protocol.terms.reason_codes import ReasonCode

_ASKERS = frozenset({"test", "[", "[["})
_NOWHERE = -1
_DEPTH = 2
_WELL = frozenset({"true", ":", "echo", "printf", "export", "set"})
_LONGEST = 65_536
"""Of a RUN that is read, in characters."""


@dataclass(frozen=True, kw_only=True)
class RunFailure:
    """A RUN that surely fails."""

    line: int
    command: str
    code: ReasonCode
    reason: str


@dataclass(frozen=True, kw_only=True)
class Provision:
    """What the build makes, so far as that is sure."""

    final: StageState
    """The final image."""
    failures: tuple[RunFailure, ...]
    """In the order of the build: the first one ends it."""
    folders: Mapping[tuple[int, int], str | None]
    """(line, place of the command) of an installation → the folder of packages that it fills; None if unknown."""
    installed: tuple[tuple[int, str], ...]
    """Line and folder of every installation of the stages that are built, in their order."""


def read_provision(
    dockerfile: Dockerfile,
    stage_files: Mapping[int, StageFiles],
    *,
    is_sure: bool,
    read: Callable[[str, ImageFiles], str | None],
) -> Provision:
    """Walk through a Dockerfile.

    Args:
        dockerfile: The Dockerfile.
        stage_files: The repository's files in each stage, by its index.
        is_sure: Whether those are all.
        read: The text of a file of the image, given the files there are; None for one that the repository hasn't.
    """
    walk = _Walk(dockerfile, stage_files, is_sure=is_sure, read=read)
    for stage in used_stages(dockerfile):
        walk.stage(stage)
    installed = {
        (each.line, folder): None
        for state in walk.states.values()
        for folder, found in state.sites.items()
        for each in found
        if walk.folders.get((each.line, each.place)) == folder
    }
    return Provision(
        final=walk.states[dockerfile.final.index],
        failures=tuple(walk.failures),
        folders=walk.folders,
        installed=tuple(sorted(installed)),
    )


class _Walk:
    def __init__(
        self,
        dockerfile: Dockerfile,
        stage_files: Mapping[int, StageFiles],
        *,
        is_sure: bool,
        read: Callable[[str, ImageFiles], str | None],
    ) -> None:
        self._dockerfile = dockerfile
        self._stage_files = stage_files
        self._is_sure = is_sure
        self._read = read
        self._room = Room()
        self.states: dict[int, StageState] = {}
        self.failures: list[RunFailure] = []
        self.folders: dict[tuple[int, int], str | None] = {}

    def stage(self, stage: Stage) -> None:
        """All instructions of one stage."""
        if stage.parent is not None:
            state = self.states[stage.parent.index].copy()
        elif stage.base == "scratch":
            state = StageState(system=None)
        else:
            state = StageState.of_base(base_system(stage.base), stage.base)
        self.states[stage.index] = state
        for step in stage.steps:
            if isinstance(step, Run):
                self._run(step, stage, state)
            else:
                self._copy(step, state)
            state.bounded()
        if stage.base == "scratch" and state.system is None:
            state.open_all("an image out of nothing")

    def _copy(self, copy: Copy, state: StageState) -> None:
        if copy.from_ is not None:
            source = self._dockerfile.stages_by_name.get(copy.from_.lower())
            copy_from_stage(copy, self.states.get(source.index) if source is not None else None, state)
        elif copy.unknown or copy.inline or any(is_remote(each) or is_archive(copy, each) for each in copy.sources):
            state.vague.append(copy.target)
            if copy.unknown or copy.target in BIN_FOLDERS | {"/", "/usr", "/usr/local", "/opt"}:
                state.open_all(f"line {copy.line}: {copy.keyword}")
        elif any("site-packages" in each or "dist-packages" in each for each in (copy.destination, *copy.sources)):
            state.open_packages = state.open_packages or f"line {copy.line}: {copy.keyword}"

    def _run(self, run: Run, stage: Stage, state: StageState) -> None:
        shell = Shell(variables=dict(run.environment), workdir=run.workdir, has_shell=bool(run.shell))
        if not stage.is_workdir_known:
            shell.is_workdir_known = False
        text = run.command[:_LONGEST]
        if run.has_data:
            text = text.partition("\n")[0]
        if len(run.command) > _LONGEST or run.mounts_from:
            state.open_files = state.open_files or f"line {run.line}"
        reads_data = run.has_data and shell.command(text).program not in ("cat", "tee")
        if reads_data or (run.shell and not is_shell(run.shell[0])):
            state.open_all(f"line {run.line}: what reads its text")
        said: list[tuple[str, ReasonCode]] = []
        judge = self._judge(run, stage, state, shell, said)
        failure = surely_fails(text, judge, _options(run.shell))
        state.texts.append(run.command)
        if failure is not None and (not run.shell or is_shell(run.shell[0])):
            code = next((code for command, code in said if command == failure.command), ReasonCode.BUILD_STEP_FAILED)
            self.failures.append(RunFailure(line=run.line, command=failure.command, code=code, reason=failure.reason))

    def _judge(
        self, run: Run, stage: Stage, state: StageState, shell: Shell, said: list[tuple[str, ReasonCode]]
    ) -> Callable[[str, int], Ended]:
        files = self._files(run, stage)
        sure = surely_run(run.command[:_LONGEST])

        def read(path: str) -> str | None:
            return self._read(path, self._stage_files[stage.index].before(run.line))

        def judge(text: str, place: int, run_by: tuple[str, ...] = run.shell, depth: int = _DEPTH) -> Ended:
            if text.startswith("<<"):
                return WELL
            command = shell.command(text)
            situation = Situation(
                command=command,
                shell=shell,
                state=state,
                files=files,
                run_by=run_by,
                user=run.user,
                workdir=run.workdir if stage.is_workdir_known else None,
                read=read,
            )
            if (inner := _text_of_a_shell(command)) is not None and depth and reason_to_fail(situation) is None:
                # What a further shell is told: its commands have no places of their own.
                by = (command.program, "-c")
                failure = surely_fails(inner, lambda each, _: judge(each, _NOWHERE, by, depth - 1), _options(by))
                return OPEN if failure is None else Ended(end=End.BADLY, failure=failure)
            ended = OPEN
            if command.words:
                ended = _ended(situation, text, said)
                if place != _NOWHERE and is_of_python(posixpath.basename(command.program)):
                    self.folders[run.line, place] = installs_into(command, shell, state, run.user)
            around = Surroundings(line=run.line, place=place, user=run.user, is_sure=place in sure, read=read)
            apply(command, shell, state, around)
            state.texts.append(text if command.program not in _ASKERS else "")
            return ended

        return judge

    def _files(self, run: Run, stage: Stage) -> KnownFiles:
        return KnownFiles(
            listed=lambda: self._stage_files[stage.index].before(run.line),
            made_by_copies=frozenset(inline_files(stage)),
            folders=frozenset(stage.folders),
            is_sure=self._is_sure,
            room=self._room,
            mounted=(*(mount.target for mount in run.mounts), *run.covered, *run.secrets, *stage.volumes),
            sees_elsewhere=bool(run.mounts_from),
        )


def _ended(situation: Situation, text: str, said: list[tuple[str, ReasonCode]]) -> Ended:
    found = reason_to_fail(situation)
    command = situation.command
    if found is None:
        return WELL if command.program in _WELL and not command.is_negated else OPEN
    if command.is_negated:
        return WELL
    said.append((text, found[0]))
    return Ended(end=End.BADLY, failure=Failure(command=text, reason=found[1]))


def _text_of_a_shell(command: Command) -> str | None:
    """What `bash -c` is told; None for another command, and where a shell makes it up."""
    if not is_shell(command.program):
        return None
    options = [word for word in command.rest if re.fullmatch(r"-[a-z]*c", word)]
    if not options or command.rest.index(options[0]) + 1 >= len(command.rest):
        return None
    return command.rest[command.rest.index(options[0]) + 1]


def _options(shell: tuple[str, ...]) -> ShellOptions:
    flags = [word for word in shell[1:] if word.startswith("-")]
    return ShellOptions(
        errexit=any(not word.startswith("--") and "e" in word for word in flags), pipefail="pipefail" in shell
    )
