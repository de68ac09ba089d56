"""The stages of a Dockerfile with their variables resolved: bases, environment, commands and copies."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from janitor.validator.dockerfile.expand import Expanded, expand
from janitor.validator.dockerfile.lexer import DockerfileSyntaxError, Instruction, LexedDockerfile, lex, split_words

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
_PREDEFINED = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/:-]*?)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-f]+))?"
)


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A COPY or ADD, with its variables replaced."""

    keyword: str
    sources: tuple[str, ...]
    destination: str
    """Absolute path in the image; a slash at the end means a folder."""
    from_: str | None
    """Stage or image that it copies from; None for the build context."""
    line: int
    unknown: tuple[str, ...]
    """Variables without a value in it."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A RUN instruction."""

    command: str
    """Shell text, heredoc bodies included."""
    workdir: str
    environment: Mapping[str, str]
    line: int


@dataclass(kw_only=True)
class Stage:
    """One stage, after all its instructions."""

    index: int
    name: str | None
    base: str
    """Image reference, or the name of an earlier stage."""
    base_unknown: tuple[str, ...]
    """Variables without a value in the FROM line."""
    platform: str | None
    line: int
    parent: Stage | None = None
    """The earlier stage that it builds on."""
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    entrypoint: Instruction | None = None
    command: Instruction | None = None
    user: str | None = None
    steps: list[Copy | Run] = field(default_factory=list)

    def lineage(self) -> list[Stage]:
        """This stage and those that it builds on, the oldest first."""
        return [*(self.parent.lineage() if self.parent else []), self]

    @property
    def base_image(self) -> str:
        """The image that the oldest stage of its lineage starts from."""
        return self.lineage()[0].base


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """A parsed Dockerfile."""

    stages: tuple[Stage, ...]
    arguments: Mapping[str, str]
    """Every ARG and ENV with the value that stands in the file, for the search for secrets."""
    text: str

    @property
    def final(self) -> Stage:
        """The stage that `docker build` makes an image of."""
        return self.stages[-1]


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
        raise DockerfileSyntaxError("line 1: no FROM instruction, so there is no build stage")
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
        self.stages: list[Stage] = []
        self.stated: dict[str, str] = {}

    def read(self, instruction: Instruction) -> None:
        keyword = instruction.keyword
        if not self.stages and keyword not in ("ARG", "FROM"):
            raise DockerfileSyntaxError(f"line {instruction.line}: {keyword} before the first FROM")
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
            }
            if keyword in handlers:
                handlers[keyword](instruction, self.stages[-1])

    def _expand(self, text: str) -> Expanded:
        return expand(text, self._scope, escape=self._escape)

    def _from(self, instruction: Instruction) -> None:
        words = instruction.value.split()
        named = len(words) == 3 and words[1].upper() == "AS"
        if len(words) != 1 and not named:
            raise DockerfileSyntaxError(f"line {instruction.line}: FROM takes an image, or an image AS a name")
        base = expand(words[0], self._global, escape=self._escape)
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
            stage.environment = dict(parent.environment)
            stage.workdir, stage.user = parent.workdir, parent.user
            stage.entrypoint, stage.command = parent.entrypoint, parent.command
        self.stages.append(stage)
        self._scope = dict(stage.environment)

    def stage(self, name: str) -> Stage | None:
        """The earlier stage of this name."""
        return next((stage for stage in reversed(self.stages) if stage.name and stage.name == name.lower()), None)

    def _arg(self, instruction: Instruction) -> None:
        for word in split_words(instruction.value):
            name, has_default, default = word.partition("=")
            if has_default:
                self.stated[name] = default
            if not self.stages:
                value = expand(default, self._global, escape=self._escape).text if has_default else None
                value = self._build_args.get(name, value)
                if value is not None:
                    self._global[name] = value
                continue
            value = self._expand(default).text if has_default else self._global.get(name)
            value = self._build_args.get(name, value)
            # ENV of the same name goes before ARG.
            if value is not None and name not in self.stages[-1].environment:
                self._scope[name] = value

    def _env(self, instruction: Instruction, stage: Stage) -> None:
        # Every variable of one ENV sees the values from before that ENV.
        fresh = {name: self._expand(value).text for name, value in env_pairs(instruction.value)}
        self.stated.update(dict(env_pairs(instruction.value)))
        stage.environment.update(fresh)
        self._scope.update(fresh)

    def _workdir(self, instruction: Instruction, stage: Stage) -> None:
        path = self._expand(instruction.value.strip("\"'")).text
        stage.workdir = posixpath.normpath(posixpath.join(stage.workdir, path))

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
                command="\n".join([command, *instruction.heredocs]),
                workdir=stage.workdir,
                environment=dict(self._scope),
                line=instruction.line,
            )
        )

    def _copy(self, instruction: Instruction, stage: Stage) -> None:
        expanded = [self._expand(word) for word in instruction.words()]
        unknown = tuple(name for word in expanded for name in word.unknown)
        words = [word.text for word in expanded]
        if len(words) + len(instruction.heredocs) < 2:
            raise DockerfileSyntaxError(
                f"line {instruction.line}: {instruction.keyword} takes at least a source and a destination"
            )
        from_ = instruction.flag("from")
        destination = posixpath.join(stage.workdir, words[-1])
        is_folder = words[-1].endswith("/") or words[-1] in (".", "..")
        stage.steps.append(
            Copy(
                keyword=instruction.keyword,
                sources=tuple(words[:-1]),
                destination=posixpath.normpath(destination) + ("/" if is_folder else ""),
                from_=None if from_ is None else self._expand(from_).text,
                line=instruction.line,
                unknown=unknown,
            )
        )


def env_pairs(text: str) -> list[tuple[str, str]]:
    """The variables of an ENV: `NAME=value …`, or the old `NAME value`."""
    words = split_words(text)
    if words and "=" not in words[0]:
        name, _, value = text.strip().partition(" ")
        return [(name, value.strip())]
    return [(name, value) for name, sign, value in (word.partition("=") for word in words) if sign]
