"""Finds, in a Dockerfile's RUN instructions, which Python packages the image gets, so that an environment can be made
of them without building the image.

What is not understood is reported as a gap rather than passed over: a handler that fails for want of it is then no
fault of the repository.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from janitor.inspection.capability_gap import Gap
from janitor.inspection.dockerfile.expand import expand
from janitor.inspection.dockerfile.lexer import split_words
from janitor.inspection.dockerfile.stages import Dockerfile, Mount, Run
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.install.pip_settings import from_configuration, from_variables
from janitor.inspection.shell_pieces import commands_of, without_redirections, written_files

_PIP = re.compile(r"(?:.*/)?pip(?:\d+(?:\.\d+)?)?")
_PYTHON = re.compile(r"(?:.*/)?python(?:\d+(?:\.\d+)*)?")
_PREFIXES = frozenset({"sudo", "exec", "env", "time", "set", "then", "do", "else", "-H", "-E"})
_VALUE_OPTIONS = {
    "-r": "-r",
    "--requirement": "-r",
    "--requirements": "-r",
    "-c": "-c",
    "--constraint": "-c",
    "--constraints": "-c",
    "-e": "-e",
    "--editable": "-e",
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--default-index": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "--index": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
}
_PATH_OPTIONS = frozenset({"-r", "-c", "-e"})
# Options with a value that has no meaning here.
_IGNORED_WITH_VALUE = frozenset(
    {
        *("--timeout", "--retries", "--trusted-host", "--progress-bar", "--target", "-t", "--prefix", "--root"),
        *("--cache-dir", "--python", "-p", "--index-strategy", "--platform", "--use-feature", "--use-deprecated"),
        *("--upgrade-strategy", "--log", "--proxy", "--cert", "--link-mode", "--prerelease", "--torch-backend"),
        *("--config-settings", "-C", "--global-option", "--install-option"),
    }
)
_KEPT_FLAGS = {"--pre": "--prerelease=allow", "--no-deps": "--no-deps", "--no-build-isolation": "--no-build-isolation"}
# A command's output, or files by a pattern. `torch==2.*` is a version.
_BY_SHELL = re.compile(r"\$\(|`|<\(|^(?!.*(?:://|[=<>~!@])).*[*?]")
_INSTALLERS = frozenset({"pip", "uv"})
_HARMLESS = frozenset(
    {
        *("rm", "chmod", "chown", "echo", "cd", "ls", "true", "set", "export", "cat", "printf", "find", "yes"),
        *("useradd", "adduser", "groupadd", "addgroup", "groupmod", "usermod", "locale-gen", "ldconfig", "which"),
        *("add-apt-repository", "update-alternatives", "sleep", "exit", "test", "[", "[["),
        *("fi", "done", "for"),
    }
)
_MAKERS = frozenset({"mkdir", "touch", "ln", "tee"})
# Commands that bring in something of their own: what the venv engine then lacks, and whether that gap is deep.
_BRINGERS = (
    (re.compile(r"(?:.*/)?(?:apt-get|apt|apk|yum|dnf|microdnf|zypper)"), "system packages", False),
    (re.compile(r"(?:.*/)?(?:conda|mamba|micromamba)"), "conda packages", False),
    (re.compile(r"(?:.*/)?(?:poetry|pipenv|pdm|hatch)"), "packages of a project manager", False),
    (re.compile(r"(?:.*/)?(?:git|wget|curl|aria2c|huggingface-cli|hf|aws|gsutil)"), "downloads", True),
    (_PYTHON, "what a Python program does at build time", True),
    (re.compile(r"(?:.*/)?(?:ba|da|z)?sh|.*\.sh"), "what a script does at build time", True),
    (re.compile(r"(?:.*/)?(?:make|cmake|gcc|g\+\+|cargo|npm|ninja|nvcc)"), "what is compiled at build time", True),
)


@dataclass(frozen=True, kw_only=True)
class Install:
    """One installation command, in uv's and pip's common vocabulary."""

    arguments: tuple[str, ...]
    """Packages and options; paths are absolute paths in the image, led by `image:`."""
    workdir: str
    line: int
    may_fail: bool = False
    """Whether the build goes on without it."""
    is_instead: bool = False
    """Whether it is only made if the one before it fails."""
    stage: int | None = None
    """Index of the stage that it is made in; None for those that the final image consists of."""
    mounts: tuple[Mount, ...] = ()
    """What it sees of the build context beside the stage's files."""
    is_clear: bool = True
    """Whether all that it names is known: no variable without a value, nothing mounted of another stage or image."""
    place: int = 0
    """Of its command among those of the instruction."""
    is_removal: bool = False
    """Whether it takes packages away."""
    is_by_shell: bool = False
    """Whether only a shell knows what it installs, so that it can't be made here; it names a file that nobody has."""


@dataclass(frozen=True, kw_only=True)
class InstallPlan:
    """What the RUN instructions install, and what else they do that can't be done without the image."""

    attempts: tuple[Install, ...]
    """All installations in their order, those included that may fail or are made instead of others."""
    gaps: tuple[Gap, ...]
    """What the image has that an environment made of this plan lacks."""
    made: tuple[str, ...]
    """What simple commands make in the final image, as absolute paths in it."""
    made_before: tuple[str, ...]
    """The same of the stages that the final image copies from."""
    folders: tuple[str, ...]
    """Those among them that are folders."""

    @property
    def installs(self) -> tuple[Install, ...]:
        """The installations that the build can't do without."""
        return tuple(
            each for each in self.attempts if not each.may_fail and not each.is_instead and not each.is_removal
        )


IMAGE_PATH = "image:"
"""Leads an argument that is a path in the image."""


def plan_installs(dockerfile: Dockerfile, is_image_path: Callable[[str], bool]) -> InstallPlan:
    """Read the RUN instructions of the final image's lineage.

    Args:
        dockerfile: The Dockerfile.
        is_image_path: Whether the repository puts a file or folder at this absolute path of the image.
    """
    installs: list[Install] = []
    gaps: dict[Gap, None] = {}
    made: list[str] = []
    made_before: list[str] = []
    folders: list[str] = []
    settings: list[str] = []
    final = {stage.index for stage in dockerfile.final.lineage()}
    # A stage that the final one copies from, however many copies away, may have made its environment.
    for stage in used_stages(dockerfile):
        is_final = stage.index in final
        for step in stage.steps:
            if isinstance(step, Run):
                reader = _RunReader(step, is_image_path, settings)
                installs += [replace(each, stage=None if is_final else stage.index) for each in reader.installs]
                gaps.update(dict.fromkeys(reader.gaps))
                if is_final:
                    made += reader.made
                    folders += reader.folders
                else:
                    made_before += reader.made
    return InstallPlan(
        attempts=tuple(installs),
        gaps=tuple(gaps),
        made=tuple(made),
        made_before=tuple(made_before),
        folders=tuple(folders),
    )


class _RunReader:
    def __init__(self, run: Run, is_image_path: Callable[[str], bool], settings: list[str]) -> None:
        self._is_image_path = is_image_path
        self._environment: Mapping[str, str] = run.environment
        self._workdir = run.workdir
        self._line = run.line
        self._run = run
        self._is_clear = not run.mounts_from
        self._settings = settings
        self.installs: list[Install] = []
        self.gaps: list[Gap] = []
        self.made: list[str] = []
        self.folders: list[str] = []
        before = 0
        for place, command in enumerate(commands_of(run.command)):
            count = len(self.installs)
            expanded = expand(command.text, self._environment)
            self._is_clear = not run.mounts_from and not expanded.unknown
            self._command(split_words(expanded.text), self._seen(command.text))
            is_instead = command.is_instead and count > before
            self.installs[count:] = [
                replace(install, may_fail=command.may_fail, is_instead=is_instead, place=place)
                for install in self.installs[count:]
            ]
            before = count

    def _seen(self, text: str) -> list[str]:
        """A command's words without redirections: what comes of a variable is none."""
        return split_words(expand(without_redirections(text)[0], self._environment).text)

    def _command(self, words: list[str], seen: list[str]) -> None:
        """Read one command: its words, and those that its program sees."""
        variables = dict(self._environment)
        while words and (words[0] in _PREFIXES or re.fullmatch(r"[A-Za-z_]\w*=.*", words[0])):
            name, is_variable, value = words[0].partition("=")
            if is_variable:
                variables[name] = value
            words, seen = words[1:], seen[1:]
        if not words:
            return
        if words[0] == "cd" and len(words) == 2:
            self._workdir = posixpath.normpath(posixpath.join(self._workdir, words[1]))
            return
        rest = pip_arguments(seen) if seen else None
        program = posixpath.basename(words[0])
        if rest is not None:
            if by_shell := next((word for word in rest if _BY_SHELL.search(word)), None):
                self._gap("what the shell puts into a command", words, is_deep=False)
                self._add(["-r", IMAGE_PATH + by_shell], is_by_shell=True)
                return
            self._pip([*self._settings, *from_variables(variables, uv=program == "uv"), *rest])
            return
        if removed := removed_packages(seen):
            self._add(removed, is_removal=True)
            return
        self._makes(program, words)
        if _PIP.fullmatch(words[0]):
            self._settings += from_configuration(words[1:])
            return
        if program == "uv":
            self._uv(words[1:])
            return
        if program not in _HARMLESS | _MAKERS and not _makes_environment(program, words):
            self._brings(words)

    def _brings(self, words: list[str]) -> None:
        """Note what a command brings in that no environment here gets."""
        for pattern, lacks, is_deep in _BRINGERS:
            if pattern.fullmatch(words[0]):
                if not (pattern is _BRINGERS[0][0] and self._is_only_upkeep(words)):
                    self._gap(lacks, words, is_deep=is_deep)
                return
        self._gap("what a command does at build time", words, is_deep=True)

    def _makes(self, program: str, words: list[str]) -> None:
        """Note what a simple command makes; a name that a shell would have to expand is left out."""
        paths = [word for word in words[1:] if not word.startswith("-")] if program in _MAKERS else []
        paths = paths[-1:] if program == "ln" else paths
        made = [
            posixpath.normpath(posixpath.join(self._workdir, path))
            for path in (*paths, *written_files(words))
            if not re.search(r"[*?{$`~]", path)
        ]
        self.made += made
        self.folders += made if program == "mkdir" else ()

    @staticmethod
    def _is_only_upkeep(words: list[str]) -> bool:
        return not any(word in ("install", "add", "-S", "groupinstall") for word in words)

    def _gap(self, lacks: str, words: list[str], *, is_deep: bool) -> None:
        self.gaps.append(Gap(text=f"{lacks} (line {self._line}: {' '.join(words)[:80]})", is_deep=is_deep))

    def _uv(self, words: list[str]) -> None:
        words = [word for word in words if not word.startswith("--")]
        project = posixpath.join(self._workdir, "pyproject.toml")
        if words[:1] == ["sync"] and self._is_image_path(project):
            self._add(["-r", IMAGE_PATH + project])
            self.gaps.append(Gap(text=f"the exact versions of uv.lock (line {self._line})", is_deep=False))
        elif words[:1] not in ([], ["venv"], ["pip"], ["cache"], ["python"], ["--version"]):
            self._gap("packages of a project manager", ["uv", *words], is_deep=False)

    def _pip(self, words: list[str]) -> None:
        arguments: list[str] = []
        wanted = False
        index = 0
        while index < len(words):
            word = words[index]
            index += 1
            name, has_value, value = word.partition("=") if word.startswith("--") else (word, "", "")
            if name in _VALUE_OPTIONS or name in _IGNORED_WITH_VALUE:
                if not has_value:
                    if index >= len(words):
                        self._gap("what the shell puts into a command", words, is_deep=False)
                        break
                    value = words[index]
                    index += 1
                if name in _IGNORED_WITH_VALUE:
                    continue
                option = _VALUE_OPTIONS[name]
                wanted = wanted or option in ("-r", "-e")
                arguments += [option, self._path(value) if option in _PATH_OPTIONS else value]
            elif re.match(r"-[rce].", word) and not word.startswith("--"):
                wanted = wanted or word[1] in "re"
                arguments += [word[:2], self._path(word[2:])]
            elif word.startswith("-"):
                if word in _KEPT_FLAGS:
                    arguments.append(_KEPT_FLAGS[word])
            elif re.split(r"[<>=!~\[; ]", word)[0].lower() not in _INSTALLERS:
                wanted = True
                arguments.append(self._path(word) if self._looks_like_path(word) else word)
        if wanted:
            self._add(_with_last_index(arguments))

    def _looks_like_path(self, word: str) -> bool:
        if "://" in word or " @ " in word:
            return False
        return word.startswith((".", "/")) or word.endswith((".whl", ".tar.gz", ".zip"))

    def _path(self, word: str) -> str:
        if "://" in word:
            return word
        base, bracket, extras = word.partition("[")
        path = posixpath.normpath(posixpath.join(self._workdir, base.strip("\"'")))
        return f"{IMAGE_PATH}{path}{bracket}{extras}"

    def _add(self, arguments: list[str], *, is_by_shell: bool = False, is_removal: bool = False) -> None:
        self.installs.append(
            Install(
                arguments=tuple(arguments),
                workdir=self._workdir,
                line=self._line,
                mounts=self._run.mounts,
                is_clear=self._is_clear and not is_by_shell,
                is_by_shell=is_by_shell,
                is_removal=is_removal,
            )
        )


def _makes_environment(program: str, words: Sequence[str]) -> bool:
    """Whether a command makes or enters a virtual environment, which the one that is made here stands for."""
    enters = program in (".", "source") and len(words) > 1 and words[1].endswith("/bin/activate")
    return enters or program == "virtualenv" or list(words[1:3]) == ["-m", "venv"]


def is_pip(program: str) -> bool:
    """Whether a program's name is that of pip."""
    return _PIP.fullmatch(program) is not None


def pip_arguments(words: Sequence[str], action: str = "install") -> list[str] | None:
    """What follows `pip install`, in any of its spellings; None for another command.

    Args:
        words: Of a command.
        action: Another one than to install.
    """
    rest = list(words)
    if not rest:
        return None
    if _PYTHON.fullmatch(rest[0]):
        rest = [word for word in rest[1:] if word not in ("-u", "-I", "-s", "-E")]
        if rest[:2] != ["-m", "pip"]:
            return None
        rest = rest[1:]
    elif posixpath.basename(rest[0]) == "uv":
        rest = rest[1:]
    if not rest or not _PIP.fullmatch(rest[0]):
        return None
    rest = rest[1:]
    while rest and rest[0].startswith("-") and rest[0] != action:
        rest = rest[1:]
    return rest[1:] if rest[:1] == [action] else None


def removed_packages(words: Sequence[str]) -> list[str]:
    """The packages that a command takes away by name; none for another command, and where only a shell knows them."""
    rest = pip_arguments(words, "uninstall")
    if not rest or any(_BY_SHELL.search(word) or word in ("-r", "--requirement") for word in rest):
        return []
    return [word for word in rest if re.fullmatch(r"[A-Za-z0-9][\w.-]*", word)]


def _with_last_index(arguments: list[str]) -> list[str]:
    """An argument goes before a setting; the installers take one main index."""
    places = [index for index, argument in enumerate(arguments) if argument == "--index-url"]
    dropped = {place + offset for place in places[:-1] for offset in (0, 1)}
    return [argument for index, argument in enumerate(arguments) if index not in dropped]
