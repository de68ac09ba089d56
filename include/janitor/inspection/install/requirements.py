"""Reads requirements files as pip does, so far as the static questions go: names, versions, where they stand.

Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/ and PEP 508.
"""

from __future__ import annotations

import codecs
import itertools
import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

# Each part ends where only the next one can begin, so that no line is tried in more than one way.
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\]\s*)?"
    r"(?:@\s*(?P<url>\S+)|\(?(?P<versions>(?:(?:===|[<>=!~]=|[<>])\s*[^\s,;()<>=!~]+\s*(?:,\s*)?)*)\)?)(?:(?<!\s)\s+)?(?P<marker>;[\s\S]*)?"
)
_VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|rc|c)(?:[-_.]?(?P<pre_number>\d+))?)?"
    r"(?P<post>-(?P<bare_number>\d+)|[-_.]?(?:post|rev|r)(?:[-_.]?(?P<post_number>\d+))?)?"
    r"(?P<dev>[-_.]?dev(?:[-_.]?(?P<dev_number>\d+))?)?"
)
"""Source: PEP 440, appendix B."""
_SPELLINGS = {"alpha": "a", "beta": "b", "preview": "rc", "pre": "rc", "c": "rc"}
_LONGEST_LINE = 16_384
_EXACT = re.compile(r"={2,3}\s*([^\s,*]+)")
_OPTION = re.compile(r"(-[rcefi]|--[a-z-]+)(?:[ =]+(?![ =])|(?<=^-[rcefi]))(.*)")
_COMMENT = re.compile(r"(^|\s)#[\s\S]*")
_DEPENDENCIES = re.compile(r"dependencies[ \t]*=[ \t]*\[")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|'([^'\n]+)'")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MOST_FILES = 50
_DEPTH = 5
_MOST = 2_000


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One required package."""

    name: str
    """Normalised: lower case, dashes."""
    versions: str
    """The version specifiers without blanks; empty where there are none."""
    url: str | None
    marker: str
    path: str | None
    """The file that it stands in; None for a command's own argument."""
    line: int

    @property
    def exact(self) -> str | None:
        """The one version that is allowed, if there is only one."""
        match = _EXACT.fullmatch(self.versions)
        return match.group(1) if match else None

    @property
    def is_pinned(self) -> bool:
        """Whether tomorrow's release can't take its place: one version, a compatible one, or one below a limit."""
        return self.url is not None or re.search(r"={2,3}|~=|<", self.versions.replace(">=", "")) is not None

    @property
    def spelled(self) -> str:
        """Name and versions, for people."""
        return f"{self.name}{self.versions}"


@dataclass(kw_only=True)
class RequirementSet:
    """What one installation command asks for."""

    requirements: list[Requirement] = field(default_factory=list)
    constraints: list[Requirement] = field(default_factory=list)
    index_urls: list[str] = field(default_factory=list)
    """In place of PyPI; the last one counts."""
    extra_index_urls: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Files that could not be read and lines that could not be understood."""
    line: int = 0
    """Of the command in the Dockerfile; 0 where it stands in none."""
    no_deps: bool = False
    """Whether what the packages themselves ask for is passed over."""

    def exact(self, name: str) -> tuple[Requirement, str] | None:
        """The requirement of a package that allows one version only, and that version."""
        for requirement in (*self.requirements, *self.constraints):
            if requirement.name == name and not requirement.marker and (version := requirement.exact):
                return requirement, version
        return None

    def has(self, name: str) -> bool:
        """Whether a package is asked for."""
        return any(requirement.name == name for requirement in self.requirements)


def read_requirements(
    arguments: Iterable[str], *, read: Callable[[str], tuple[PurePosixPath, str] | None], line: int
) -> RequirementSet:
    """What a `pip install` asks for.

    Args:
        arguments: Its packages and options, in pip's spelling.
        read: The file behind a path argument, with its path in the repository; None if the repository has none.
        line: Of the command in the Dockerfile.
    """
    reader = _Reader(read)
    reader.found.line = line
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument.startswith("-"):
            reader.found.no_deps = reader.found.no_deps or argument == "--no-deps"
            if argument in ("-r", "-c", "-e", "-i", "-f") or (argument.startswith("--") and "=" not in argument):
                if argument in _FLAGS_WITHOUT_VALUE or not waiting:
                    continue
                reader.option(argument, waiting.pop(0), None)
            elif "=" in argument:
                name, _, value = argument.partition("=")
                reader.option(name, value, None)
        else:
            reader.requirement(argument, None, line)
    return reader.found


def decoded_requirements(content: bytes) -> str:
    """The text of a requirements file: UTF-8, or what its byte order mark says.

    PowerShell's `pip freeze > requirements.txt` writes UTF-16, and both pip and uv read it.

    Raises:
        UnicodeDecodeError: It is in no such encoding.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding)
    return content.decode("utf-8")


_FLAGS_WITHOUT_VALUE = frozenset({"--pre", "--no-deps", "--no-build-isolation", "--prerelease"})


def normalised(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def canonical(version: str) -> str:
    """The public part of a version in one spelling: 1.0, v1.0.0 and 1.0+cu118 are one (PEP 440)."""
    public = version.partition("+")[0].strip().lower()
    match = _VERSION.fullmatch(public)
    if match is None:
        return public
    numbers = [_number(part) for part in match["release"].split(".")]
    while len(numbers) > 1 and numbers[-1] == "0":
        numbers.pop()
    parts = [f"{_number(match['epoch'])}!{'.'.join(numbers)}"]
    if match["pre"]:
        parts.append(f"{_SPELLINGS.get(match['pre'], match['pre'])}{_number(match['pre_number'])}")
    if match["post"]:
        parts.append(f"post{_number(match['bare_number'] or match['post_number'])}")
    if match["dev"]:
        parts.append(f"dev{_number(match['dev_number'])}")
    return ".".join(parts)


def _number(text: str | None) -> str:
    return (text or "").lstrip("0") or "0"


def exclude_each_other(one: str, other: str) -> bool:
    """Whether no version is both of two exact ones; one without a local part is met by any."""
    locals_ = {version.partition("+")[2].lower() for version in (one, other)} - {""}
    return canonical(one) != canonical(other) or len(locals_) > 1


class _Reader:
    def __init__(self, read: Callable[[str], tuple[PurePosixPath, str] | None]) -> None:
        self._read = read
        self.found = RequirementSet()
        self._seen: set[str] = set()

    def option(self, name: str, value: str, base: str | None, depth: int = _DEPTH, *, constraint: bool = False) -> None:
        value = value.strip().strip("\"'")
        if name in ("-r", "--requirement", "-c", "--constraint"):
            self._file(value, base, depth, constraint=constraint or name in ("-c", "--constraint"))
        elif name in ("-i", "--index-url"):
            self.found.index_urls.append(value)
        elif name == "--extra-index-url":
            self.found.extra_index_urls.append(value)
        elif name in ("-f", "--find-links"):
            self.found.find_links.append(value)
        elif name in ("-e", "--editable"):
            self.found.unread.append(value)

    def requirement(self, text: str, path: str | None, line: int, *, constraint: bool = False) -> None:
        text = re.split(r"\s--(?:hash|config-settings|global-option)\b", " ".join(text[:_LONGEST_LINE].split()))[
            0
        ].strip()
        match = _REQUIREMENT.fullmatch(text)
        if match is None or text.startswith((".", "/", "image:")):
            if text:
                self.found.unread.append(text)
            return
        found = Requirement(
            name=normalised(match.group("name")),
            versions=re.sub(r"\s", "", match.group("versions") or "").rstrip(","),
            url=match.group("url"),
            marker=(match.group("marker") or "").lstrip("; ").strip(),
            path=path,
            line=line,
        )
        target = self.found.constraints if constraint else self.found.requirements
        if len(target) < _MOST:
            target.append(found)

    def _file(self, name: str, base: str | None, depth: int, *, constraint: bool) -> None:
        full = name if base is None else posixpath.join(posixpath.dirname(base), name)
        if depth == 0 or full in self._seen or len(self._seen) >= _MOST_FILES:
            return
        self._seen.add(full)
        found = self._read(full)
        if found is None:
            self.found.unread.append(full)
            return
        path, text = found
        if path.suffix == ".toml":
            self._project(text, str(path))
            return
        for number, line in itertools.islice(logical_lines(text), _MOST):
            if match := _OPTION.fullmatch(line):
                self.option(match.group(1), match.group(2), full, depth - 1, constraint=constraint)
            elif not line.startswith("-"):
                self.requirement(line, str(path), number, constraint=constraint)

    def _project(self, text: str, path: str) -> None:
        """The dependencies of a pyproject.toml; no TOML reader is in every Python that this runs on."""
        is_project, is_listed, start = False, False, 0
        for number, line in enumerate(text.splitlines(), start=1):
            bare = line.strip()
            if bare.startswith("[") and not is_listed:
                is_project = bare == "[project]"
            elif is_project and not is_listed and (match := _DEPENDENCIES.match(line)):
                is_listed, start = True, match.end()
            if is_listed:
                for item in _QUOTED.finditer(line, start):
                    self.requirement(item.group(1) or item.group(2), path, number)
                # An extra's own bracket stands within quotes.
                is_listed = "]" not in _COMMENT.sub("", _QUOTED.sub("", line[start:]))
                start = 0


def logical_lines(text: str) -> Iterable[tuple[int, str]]:
    """The lines of a requirements file that say something, with their numbers; continued lines are joined."""
    pending, number = "", 0
    for index, raw in enumerate(text.splitlines(), start=1):
        number = number or index
        line = _COMMENT.sub("", raw).rstrip()
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        if joined := (pending + line).strip():
            yield number, joined
        pending, number = "", 0
    if pending.strip():
        yield number, pending.strip()
