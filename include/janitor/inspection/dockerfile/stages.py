"""The stages of a Dockerfile with their variables resolved: bases, environment, commands and copies."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from janitor.inspection.dockerfile.base_images import folders_of, surely_lacks_pytorch, workdir_of
from janitor.inspection.dockerfile.expand import Expanded, expand
from janitor.inspection.dockerfile.lexer import DockerfileSyntaxError, Instruction, LexedDockerfile, lex, split_words
from janitor.inspection.dockerfile.steps import Copy, Dockerfile, Mount, Run, Stage

__all__ = ["Copy", "Dockerfile", "Mount", "Run", "Stage", "env_pairs", "floating_tag", "parse_dockerfile"]

# Source: "Automatic platform ARGs in the global scope", Dockerfile reference. GPU instances are x86-64.
_PLATFORM = {
    "TARGETPLATFORM": "linux/amd64",
    "TARGETOS": "linux",
    "TARGETARCH": "amd64",
    "TARGETVARIANT": "",
    "BUILDPLATFORM": "linux/amd64",
    "BUILDOS": "linux",
    "BUILDARCH": "amd64",
    "BUILDVARIANT": "",
}
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_OF_BASES = re.compile(r"(?i)PYTHON|CUDA|CUDNN|NV|GPG_|PATH$|LANG|LC_|HOME$|UV_|PIP_|DEBIAN|UBUNTU|LD_")
"""Variables that base images have of their own."""
_NAMES_PATH = re.compile(r"\$\{?PATH\b")
_MKDIR = re.compile(r"\bmkdir\s+([^\n;&|]+)")
_MARKER = re.compile(r"<<-?\s*[\"']?\w+[\"']?")
_MOST_VARIABLES = 2_000
_MOST_FOLDERS, _LONGEST_FOLDER = 2_000, 4_096
_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/:-]*?)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-f]+))?"
)


def parse_dockerfile(text: str, *, build_args: Mapping[str, str]) -> Dockerfile:
    """Parse a Dockerfile.

    Args:
        text: Its content.
        build_args: Values for its ARGs.

    Raises:
        DockerfileSyntaxError: BuildKit would refuse it.
    """
    lexed = lex(text)
    if not any(instruction.keyword == "FROM" for instruction in lexed.instructions):
        raise DockerfileSyntaxError(1, "no FROM instruction, so there is no build stage")
    reader = _Reader(lexed, build_args)
    for instruction in lexed.instructions:
        reader.read(instruction)
    return Dockerfile(stages=tuple(reader.stages), arguments=reader.stated, text=text)


def floating_tag(reference: str) -> str | None:
    """Why an image reference doesn't always mean the same image: `latest`, `untagged`; None if it is tagged."""
    match = _REFERENCE.fullmatch(reference)
    if match is None or match.group("digest"):
        return None
    # A colon before the last slash belongs to a registry's port.
    tag = match.group("tag")
    if tag is None:
        return "untagged"
    return "latest" if re.search(r"(^|[-_.])latest$", tag) or tag in ("main", "master", "nightly", "edge") else None


class _Reader:
    def __init__(self, lexed: LexedDockerfile, build_args: Mapping[str, str]) -> None:
        self._escape = lexed.escape
        self._build_args = dict(build_args)
        self._global: dict[str, str] = dict(_PLATFORM)
        self._scope: dict[str, str] = {}
        self._declared: set[str] = set()
        self.stages: list[Stage] = []
        self.stated: dict[str, str] = {}

    def read(self, instruction: Instruction) -> None:
        keyword = instruction.keyword
        if not self.stages and keyword not in ("ARG", "FROM"):
            raise DockerfileSyntaxError(instruction.line, f"{keyword} before the first FROM")
        if keyword == "FROM":
            self._from(instruction)
        elif keyword == "ARG":
            self._arg(instruction)
        else:
            handlers: dict[str, Callable[[Instruction, Stage], None]] = {
                "ENV": self._env,
                "WORKDIR": self._workdir,
                "USER": self._user,
                "ENTRYPOINT": self._entrypoint,
                "CMD": self._cmd,
                "RUN": self._run,
                "COPY": self._copy,
                "ADD": self._copy,
                "ONBUILD": self._onbuild,
                "VOLUME": self._volume,
                "SHELL": self._shell,
            }
            if keyword in handlers:
                handlers[keyword](instruction, self.stages[-1])

    def _expand(self, text: str) -> Expanded:
        found = expand(text, self._scope, escape=self._escape)
        # An ARG from before the first FROM has no value in a stage that doesn't declare it again: it is surely empty.
        unknown = tuple(name for name in found.unknown if not self._is_surely_unset(name))
        return Expanded(text=found.text, unknown=unknown)

    def _is_surely_unset(self, name: str) -> bool:
        if not self.stages or name not in self._global or name in _PLATFORM:
            return False
        return (
            name not in self._declared
            and surely_lacks_pytorch(self.stages[-1].base_image)
            and not _OF_BASES.match(name)
        )

    def _from(self, instruction: Instruction) -> None:
        words = instruction.value.split()
        named = len(words) == 3 and words[1].upper() == "AS"
        if len(words) != 1 and not named:
            raise DockerfileSyntaxError(instruction.line, "FROM takes an image, or an image AS a name")
        if named and not _STAGE_NAME.fullmatch(words[2].lower()):
            raise DockerfileSyntaxError(instruction.line, f"{words[2]!r} is no name for a stage")
        base = expand("".join(split_words(words[0])), self._global, escape=self._escape)
        platform = instruction.flag("platform")
        parent = self.stage(base.text)
        stage = Stage(
            index=len(self.stages),
            name=words[2].lower() if named else None,
            base=base.text,
            base_unknown=base.unknown,
            platform=None if platform is None else expand(platform, self._global, escape=self._escape).text,
            line=instruction.line,
            parent=parent,
        )
        if parent is not None:
            # Source: "Scoping" in https://docs.docker.com/build/building/variables/.
            stage.environment, stage.arguments = dict(parent.environment), dict(parent.arguments)
            stage.workdir, stage.user, stage.shell = parent.workdir, parent.user, parent.shell
            stage.entrypoint, stage.command = parent.entrypoint, parent.command
            stage.own_path, stage.own_path_line = parent.own_path, parent.own_path_line
            stage.folders, stage.is_workdir_known = set(parent.folders), parent.is_workdir_known
        else:
            stage.workdir, stage.folders = workdir_of(base.text), set(folders_of(base.text))
            _add_folder(stage, stage.workdir)
        self.stages.append(stage)
        self._scope = {**stage.arguments, **stage.environment}
        # They are run once, in the stage that builds on theirs.
        for trigger in parent.triggers if parent is not None else ():
            self.read(trigger)

    def stage(self, name: str) -> Stage | None:
        """The earlier stage of this name."""
        return next((stage for stage in reversed(self.stages) if stage.name and stage.name == name.lower()), None)

    def _arg(self, instruction: Instruction) -> None:
        for word in split_words(instruction.value):
            self._limit(instruction)
            name, has_default, default = word.partition("=")
            if has_default:
                self.stated[name] = default
            if self.stages:
                self._declared.add(name)
            else:
                value = expand(default, self._global, escape=self._escape).text if has_default else None
                value = self._build_args.get(name, value)
                if value is not None:
                    self._global[name] = value
                continue
            value = self._expand(default).text if has_default else self._global.get(name)
            value = self._build_args.get(name, value)
            # ENV of the same name goes before ARG.
            if value is not None and name not in self.stages[-1].environment:
                self._scope[name] = self.stages[-1].arguments[name] = value

    def _env(self, instruction: Instruction, stage: Stage) -> None:
        # Every variable of one ENV sees the values from before that ENV.
        fresh = {name: self._expand(value).text for name, value in env_pairs(instruction.value)}
        self.stated.update(dict(env_pairs(instruction.value)))
        self._path_replaced(instruction, stage)
        stage.environment.update(fresh)
        self._scope.update(fresh)
        self._limit(instruction)

    def _path_replaced(self, instruction: Instruction, stage: Stage) -> None:
        for name, value in env_pairs(instruction.value):
            if name == "PATH" and (stage.own_path is not None or not _NAMES_PATH.search(value)):
                found = self._expand(value)
                stage.own_path = None if found.unknown else found.text
                stage.own_path_line = instruction.line

    def _limit(self, instruction: Instruction) -> None:
        """Every RUN keeps the variables that it sees, so that their number is what memory grows with."""
        if max(len(self._scope), len(self._global), len(self.stated)) > _MOST_VARIABLES:
            raise DockerfileSyntaxError(instruction.line, f"at most {_MOST_VARIABLES} variables are read")

    def _workdir(self, instruction: Instruction, stage: Stage) -> None:
        path = self._expand(instruction.value.strip("\"'"))
        stage.workdir = self._path(instruction, stage, path.text)
        stage.is_workdir_known = stage.is_workdir_known and not path.unknown
        _add_folder(stage, stage.workdir)

    @staticmethod
    def _path(instruction: Instruction, stage: Stage, path: str) -> str:
        """An absolute path in the image, of a length that Linux takes."""
        found = _absolute(stage.workdir, path)
        if len(found) > _LONGEST_FOLDER:
            raise DockerfileSyntaxError(instruction.line, f"a path of {len(found)} characters is longer than any")
        return found

    def _onbuild(self, instruction: Instruction, stage: Stage) -> None:
        trigger = instruction.triggered()
        if trigger is None:
            raise DockerfileSyntaxError(
                instruction.line, f"ONBUILD takes an instruction, not {instruction.value[:40]!r}"
            )
        stage.triggers.append(trigger)

    def _volume(self, instruction: Instruction, stage: Stage) -> None:
        names = instruction.exec_form()
        for name in names if names is not None else split_words(instruction.value):
            if len(stage.volumes) < _MOST_FOLDERS:
                stage.volumes.add(self._path(instruction, stage, self._expand(name).text))

    def _shell(self, instruction: Instruction, stage: Stage) -> None:
        stage.shell = tuple(instruction.exec_form() or ())

    def _user(self, instruction: Instruction, stage: Stage) -> None:
        stage.user = self._expand(instruction.value).text

    def _entrypoint(self, instruction: Instruction, stage: Stage) -> None:
        stage.entrypoint = instruction
        # Setting ENTRYPOINT forgets a CMD that came from the stage below.
        if stage.parent is not None and stage.command is stage.parent.command:
            stage.command = None

    def _cmd(self, instruction: Instruction, stage: Stage) -> None:
        stage.command = instruction

    def _run(self, instruction: Instruction, stage: Stage) -> None:
        exact = instruction.exec_form()
        command = " ".join(json.dumps(word) for word in exact) if exact is not None else instruction.value
        stage.steps.append(
            Run(
                command="\n".join([command, *(each.body for each in instruction.heredocs)]),
                workdir=stage.workdir,
                environment=dict(self._scope),
                line=instruction.line,
                mounts=tuple(self._mounts(instruction, stage)),
                mounts_from=tuple(each["from"] for each in _mount_options(instruction) if "from" in each),
                own=command,
                heredocs=tuple(each.body for each in instruction.heredocs),
                covered=tuple(self._covered(instruction, stage)),
                secrets=tuple(self._secrets(instruction, stage)),
                shell=stage.shell if exact is None else (),
                user=stage.user,
                has_data=_is_data(instruction),
            )
        )
        for match in _MKDIR.finditer(command):
            words = split_words(self._expand(match.group(1)[:_LONGEST_FOLDER]).text)
            makes_all = any(word == "--parents" or (word[:1] == "-" != word[1:2] and "p" in word) for word in words)
            for word in words:
                path = _absolute(stage.workdir, word)
                if word.startswith("-"):
                    continue
                if makes_all:
                    _add_folder(stage, path)
                elif len(path) <= _LONGEST_FOLDER and len(stage.folders) < _MOST_FOLDERS:
                    stage.folders.add(path)

    def _mounts(self, instruction: Instruction, stage: Stage) -> Iterator[Mount]:
        for options in _mount_options(instruction):
            target = options.get("target") or options.get("dst") or options.get("destination")
            # Source: `RUN --mount` reference: bind is the kind that is meant where none is stated.
            if target and options.get("type", "bind") == "bind" and "from" not in options:
                source = self._expand(options.get("source") or options.get("src") or "/")
                full = self._expand(target)
                if not source.unknown and not full.unknown:
                    yield Mount(source=source.text, target=_absolute(stage.workdir, full.text))

    def _covered(self, instruction: Instruction, stage: Stage) -> Iterator[str]:
        for options in _mount_options(instruction):
            target = options.get("target") or options.get("dst") or options.get("destination")
            if target and options.get("type", "bind") not in ("secret", "ssh"):
                yield _absolute(stage.workdir, self._expand(target).text)

    def _secrets(self, instruction: Instruction, stage: Stage) -> Iterator[str]:
        for options in _mount_options(instruction):
            target = options.get("target") or options.get("dst") or options.get("destination")
            if target and options.get("type") == "secret":
                yield _absolute(stage.workdir, self._expand(target).text)

    def _copy(self, instruction: Instruction, stage: Stage) -> None:
        expanded = [self._expand(word) for word in instruction.words()]
        unknown = tuple(name for word in expanded for name in word.unknown)
        words = [word.text for word in expanded]
        if len(words) + len(instruction.heredocs) < 2:
            raise DockerfileSyntaxError(
                instruction.line, f"{instruction.keyword} takes at least a source and a destination"
            )
        from_ = instruction.flag("from")
        # Source: BuildKit's dockerfile2llb, findStateByIndex: a number is a stage, and never an image.
        if from_ is not None and from_.isdecimal() and int(from_) >= len(self.stages) - 1:
            raise DockerfileSyntaxError(
                instruction.line, f"{instruction.keyword} --from={from_[:9]}: no stage before this one has that number"
            )
        destination = self._path(instruction, stage, words[-1])
        is_folder = words[-1].endswith(("/", "/.")) or words[-1] in (".", "..") or destination in stage.folders
        if is_folder:
            _add_folder(stage, destination)
        stage.steps.append(
            Copy(
                keyword=instruction.keyword,
                sources=tuple(words[:-1]),
                destination=destination + ("/" if is_folder else ""),
                from_=None if from_ is None else self._expand(from_).text,
                line=instruction.line,
                unknown=unknown,
                inline=tuple(
                    (each.name, self._expand(each.body).text if each.is_expanded else each.body)
                    for each in instruction.heredocs
                ),
                keeps_parents=instruction.flag("parents") not in (None, "false"),
                excluded=tuple(value for name, value in instruction.flags if name == "exclude"),
                mode=None if (mode := instruction.flag("chmod")) is None else self._expand(mode).text,
            )
        )


def _is_data(instruction: Instruction) -> bool:
    """Whether a program reads the heredocs: the command isn't the heredoc alone, or that is no shell's."""
    alone = _MARKER.fullmatch(instruction.value) is not None
    scripts = [each.body.lstrip() for each in instruction.heredocs]
    return bool(scripts) and not (alone and not any(body.startswith("#!") for body in scripts))


def _mount_options(instruction: Instruction) -> list[dict[str, str]]:
    return [
        {name: value for name, _, value in (part.partition("=") for part in text.split(","))}
        for flag, text in instruction.flags
        if flag == "mount"
    ]


def _absolute(folder: str, path: str) -> str:
    # POSIX keeps two leading slashes apart from one; no image does.
    return "/" + posixpath.normpath(posixpath.join(folder, path)).lstrip("/")


def _add_folder(stage: Stage, path: str) -> None:
    """A folder that is there, and so are those around it."""
    if len(path) <= _LONGEST_FOLDER:
        while path not in stage.folders and len(stage.folders) < _MOST_FOLDERS:
            stage.folders.add(path)
            path = posixpath.dirname(path)


def env_pairs(text: str) -> list[tuple[str, str]]:
    """The variables of an ENV: `NAME=value …`, or the old `NAME value`."""
    words = split_words(text)
    if words and "=" not in words[0]:
        name, _, value = text.strip().partition(" ")
        return [(name, value.strip())]
    return [(name, value) for name, sign, value in (word.partition("=") for word in words) if sign]
