"""By which command a build installs its packages, and how the same command is told to install or to bound others."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from janitor.inspection.dockerfile.image_files import stage_files
from janitor.inspection.dockerfile.lexer import Instruction, split_words
from janitor.inspection.dockerfile.sources import read_context
from janitor.inspection.install.install import Install, InstallPlan, pip_arguments, plan_installs
from janitor.inspection.install.requirements import RequirementSet
from janitor.inspection.install.worker_requirements import worker_requirements
from janitor.inspection.shell_pieces import commands_of
from janitor.inspection.tree import RepositoryTree
from janitor.services.culprit.dockerfile_text import DockerfileText, TextEdit

_ELSEWHERE = re.compile(r"-t|--(?:target|prefix|root)(?:=.*)?")
_KEPT_FLAGS = frozenset({"--system", "--user", "--break-system-packages"})
_KEPT_OPTIONS = frozenset({"--python", "-p", "--trusted-host"})
_INDEX = frozenset({"-i", "--index-url", "--default-index"})
_MORE_INDEXES = frozenset({"--extra-index-url", "--index"})
_LINKS = frozenset({"-f", "--find-links"})
_ENTERS = re.compile(r"(?:\.|source)\s+(\S+/bin)/activate")
_PYTHON = re.compile(r"python[\d.]*")
_INSTALL_WORD = re.compile(r"(\bpip[\d.]*(?:\"\s*,\s*\"|\s+)install)\b(\")?")


class NoInstallerError(Exception):
    """The build has no command that could be told; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Installer:
    """A command of a build that installs packages."""

    line: int
    """Of its instruction."""
    run: str
    """`RUN` with its flags."""
    enters: str
    """What it does to be in its environment, with `&&`; mostly empty."""
    program: tuple[str, ...]
    """Its words before `install`."""
    options: tuple[str, ...]
    """Where it installs to, and which indexes it asks; words as a shell has to read them."""

    def install(self, pins: Sequence[str]) -> str:
        """The instruction that installs these versions, and nothing that they ask for."""
        words = [*self.program, "install", "--no-deps", *self.options, *pins]
        return f"{self.run} {self.enters}{' '.join(words)}"

    def uninstall(self, names: Sequence[str]) -> str:
        """The instruction that takes packages away."""
        kept = [word for word in self.options if word in _KEPT_FLAGS - {"--user"}]
        yes = [] if "uv" in self.program[0] else ["-y"]
        return f"{self.run} {self.enters}{' '.join([*self.program, 'uninstall', *yes, *kept, *names])}"


def direct_requirements(dockerfile: DockerfileText, tree: RepositoryTree) -> list[RequirementSet]:
    """What the repository asks for itself, by installation."""
    files = stage_files(dockerfile.parsed, read_context(tree, dockerfile.path))
    return worker_requirements(dockerfile.parsed, files[dockerfile.parsed.final.index].files, tree)


def installer_of(dockerfile: DockerfileText, tree: RepositoryTree) -> Installer:
    """The last command that installs into the worker's environment.

    Raises:
        NoInstallerError: There is none, or it can't be told.
    """
    attempts = [each for each in _plan(dockerfile, tree).attempts if not each.is_removal and not each.is_by_shell]
    if not attempts:
        raise NoInstallerError("no command of the Dockerfile is known to install any")
    places = {id(each): _place(dockerfile, each) for each in attempts}
    started = _started_in(dockerfile)
    last = max(
        enumerate(attempts),
        key=lambda pair: (started is not None and places[id(pair[1])] == started, pair[1].stage is None, pair[0]),
    )[1]
    instruction = dockerfile.instruction(last.line)
    words, before = _words_of(dockerfile, last)
    place = words.index("install")
    if elsewhere := next((word for word in words[place:] if _ELSEWHERE.fullmatch(word)), None):
        raise NoInstallerError(f"line {last.line} installs into a folder of its own ({elsewhere})")
    program = tuple(words[:place])
    return Installer(
        line=last.line,
        run=_run(instruction),
        enters=_enters(before),
        program=program,
        options=(*_kept(words[place + 1 :]), *_indexes(dockerfile, tree, attempts, is_uv="uv" in program[0])),
    )


def _started_in(dockerfile: DockerfileText) -> str | None:
    """The folder of the Python that the image starts, empty for one that is searched for; None where that isn't
    plain."""
    command = dockerfile.parsed.final.entrypoint or dockerfile.parsed.final.command
    words = [] if command is None else command.exec_form() or split_words(command.value)
    return posixpath.dirname(words[0]) if words and _PYTHON.fullmatch(posixpath.basename(words[0])) else None


def _place(dockerfile: DockerfileText, install: Install) -> str | None:
    """The folder of the Python that an installation is for, as `_started_in` has it."""
    try:
        words, before = _words_of(dockerfile, install)
    except NoInstallerError:
        return None
    entered = [match[1] for text in before if (match := _ENTERS.fullmatch(text.strip()))]
    return entered[-1] if entered else posixpath.dirname(words[0])


def told_to_read(dockerfile: DockerfileText, *, copied: str, to: str) -> list[TextEdit]:
    """Every pip and uv of the Dockerfile reads a file of constraints, which is copied into each stage.

    Raises:
        NoInstallerError: No command installs packages.
    """
    edits, stages = [], set[int]()
    for instruction in dockerfile.instructions:
        if instruction.keyword != "RUN":
            continue
        for index in dockerfile.span(instruction.line):
            line = dockerfile.lines[index]
            if line.lstrip().startswith("#"):
                continue
            told = _INSTALL_WORD.sub(lambda match: _told(match, to), line)
            if told != line:
                edits.append(TextEdit(begin=index, end=index + 1, lines=(told,)))
                stages.add(_stage_line(dockerfile, instruction.line))
    if not edits:
        raise NoInstallerError("no command of the Dockerfile is known to install any")
    return [*edits, *(dockerfile.after_instruction(line, [f"COPY {copied} {to}"]) for line in sorted(stages))]


def _told(match: re.Match[str], to: str) -> str:
    return f'{match[1]}", "-c", "{to}"' if match[2] else f"{match[1]} -c {to}"


def _stage_line(dockerfile: DockerfileText, line: int) -> int:
    return max(each.line for each in dockerfile.instructions if each.keyword == "FROM" and each.line < line)


def _plan(dockerfile: DockerfileText, tree: RepositoryTree) -> InstallPlan:
    files = stage_files(dockerfile.parsed, read_context(tree, dockerfile.path))
    held = {path for stage in files.values() for path in stage.files}
    return plan_installs(dockerfile.parsed, lambda path: path in held)


def _words_of(dockerfile: DockerfileText, install: Install) -> tuple[list[str], list[str]]:
    """The words of an installation as they are written, and the commands before it in its instruction."""
    instruction = dockerfile.instruction(install.line)
    exact = instruction.exec_form()
    if exact is not None:
        text = shlex.join(exact)
    else:
        text = "\n".join([instruction.value, *(each.body for each in instruction.heredocs)])
    commands = commands_of(text)
    words = split_words(commands[install.place].text) if install.place < len(commands) else []
    while words and re.fullmatch(r"[A-Za-z_]\w*=.*|sudo|exec|env", words[0]):
        words = words[1:]
    if pip_arguments(words) is None:
        raise NoInstallerError(f"line {install.line} installs by other means than pip or uv pip")
    return words, [each.text for each in commands[: install.place]]


def _run(instruction: Instruction) -> str:
    flags = [f"--{name}={value}" if value else f"--{name}" for name, value in instruction.flags]
    return " ".join(["RUN", *flags])


def _enters(commands: Sequence[str]) -> str:
    """Entering an environment lasts as long as a shell."""
    entering = [text for text in commands if _ENTERS.fullmatch(text.strip()) or text.strip().startswith("cd ")]
    return "".join(f"{text} && " for text in entering)


def _kept(words: Sequence[str]) -> list[str]:
    kept, index = [], 0
    while index < len(words):
        name, equals, _ = words[index].partition("=")
        if words[index] in _KEPT_FLAGS or (equals and name in _KEPT_OPTIONS):
            kept.append(words[index])
        elif words[index] in _KEPT_OPTIONS and index + 1 < len(words):
            kept += words[index : index + 2]
            index += 1
        index += 1
    return kept


def _indexes(
    dockerfile: DockerfileText, tree: RepositoryTree, attempts: Sequence[Install], *, is_uv: bool
) -> list[str]:
    """The indexes of all installations, since each can have brought any package."""
    mains: dict[str | None, None] = {}
    more: dict[str, None] = {}
    links: dict[str, None] = {}
    for install in attempts:
        found = _indexes_of(_words_of(dockerfile, install)[0])
        mains[found[0]] = None
        more |= dict.fromkeys(found[1])
        links |= dict.fromkeys(found[2])
    # What a command says has the values of its variables here, which may be passwords: of these, the files' alone.
    given = {word for install in attempts for word in install.arguments}
    in_files = False
    for each in direct_requirements(dockerfile, tree):
        in_files = in_files or not given.issuperset(each.index_urls)
        mains |= dict.fromkeys(url for url in each.index_urls if url not in given)
        more |= dict.fromkeys(url for url in each.extra_index_urls if url not in given)
        links |= dict.fromkeys(url for url in each.find_links if url not in given)
    named = [each for each in mains if each is not None]
    has_default = None in mains and not in_files
    options = [] if has_default or not named else ["--index-url", _quoted(named[0])]
    rest = named if has_default else named[1:]
    for option, values in (("--extra-index-url", [*rest, *more]), ("--find-links", list(links))):
        options += [word for value in dict.fromkeys(values) for word in (option, _quoted(value))]
    # uv takes the first index that has a package, pip the best version of all.
    return [*options, "--index-strategy", "unsafe-best-match"] if is_uv and "--extra-index-url" in options else options


def _indexes_of(words: Sequence[str]) -> tuple[str | None, list[str], list[str]]:
    main, more, links = None, list[str](), list[str]()
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        value = value if equals else words[index + 1] if index + 1 < len(words) else ""
        if name in _INDEX:
            main = value
        elif name in _MORE_INDEXES:
            more.append(value)
        elif name in _LINKS:
            links.append(value)
    return main, more, links


def _quoted(value: str) -> str:
    """A word in which a shell still replaces variables: a password isn't written down."""
    if re.search(r"[\"`\\\n]|\$\(", value):
        raise NoInstallerError("an index's address can't be written down as it is")
    return f'"{value}"'
