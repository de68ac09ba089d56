"""The closed grammar of what may be resolved outside an engine: names, versions and markers, from an index.

Invariant: what comes out is rebuilt from the parts that were understood, never copied, so that no installer can read
more in it than was judged here: no path, no address of a package, no option that isn't written below. Whatever else a
repository says is refused with its place.
Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/ and PEP 508.
"""

from __future__ import annotations

import importlib
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

from janitor.inspection.tree import UnreadableError
from janitor.protocol.terms.reason_codes import ReasonCode

_HEAD = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([A-Za-z0-9._,\s-]*)\])?(.*)", re.DOTALL)
_SPECIFIER = re.compile(r"\s*(===|~=|==|!=|<=|>=|<|>)\s*([A-Za-z0-9.*+!_-]+)\s*")
# One character or one quoted text at a time, so that no marker is tried in more than one way.
_MARKER = re.compile(r"(?:[A-Za-z0-9_.()<>=!~,\s]|\"[A-Za-z0-9_.+*\s-]*\"|'[A-Za-z0-9_.+*\s-]*')+")
_HASH = re.compile(r"hash[= ]((?:md5|sha1|sha224|sha256|sha384|sha512):[0-9a-fA-F]+)")
_OPTION = re.compile(r"(--[a-z][a-z-]*|-[A-Za-z])(.*)", re.DOTALL)
# A host in plain letters: what another reader would decode or fold isn't one.
_ADDRESS = re.compile(
    r"https?://(?:[A-Za-z0-9._~!&'()*+,;=%:-]*@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?"
    r"(?:[/?][A-Za-z0-9._~:/?\[\]@!&'()*+,;=%-]*)?",
    re.IGNORECASE | re.ASCII,
)
_COMMENT = re.compile(r"(?:^|\s)#.*")
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ufeff]")
"""What one reader takes for the end of a line and another for a blank."""
_ARCHIVE = re.compile(r"(?i)\.(?:whl|zip|egg|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))$")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_LONGEST_LINE = 65_536
_MOST_FILES = 30
_MOST_LINES = 2_000
_MOST_TOML_BYTES = 256 * 1024
_MOST_TOML_DOTS = 100
"""In one line: the reader's work grows with the square of a key's parts."""

_SHORT = {
    **{"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-f": "--find-links", "-i": "--index-url"},
    **{"--requirements": "--requirement", "--constraints": "--constraint"},
}
_WITH_VALUE = frozenset(
    {
        *("--requirement", "--constraint", "--index-url", "--extra-index-url", "--find-links", "--only-binary"),
        *("--no-binary", "--trusted-host", "--prerelease"),
    }
)
_KEPT_FLAGS = {
    "--pre": "--prerelease=allow",
    "--no-index": "--no-index",
    "--no-deps": "--no-deps",
    "--require-hashes": "--require-hashes",
}
# Only wheels are asked for, and every certificate is looked at, whatever a repository says of it.
_MEANINGLESS = frozenset({"--prefer-binary", "--no-build-isolation", "--only-binary", "--trusted-host"})
_BUILDING = frozenset(
    {"--editable", "--no-binary", "--config-settings", "-C", "--global-option", "--build-option", "--install-option"}
)


class Refusal(Enum):
    """Why something isn't resolved."""

    NEEDS_BUILD = ReasonCode.NEEDS_BUILD  # only a build in the engine could tell
    NOT_UNDERSTOOD = ReasonCode.NOT_UNDERSTOOD  # it isn't in the grammar


class NotResolvableError(Exception):
    """Something that is asked for is outside of the grammar.

    Args:
        code: Why.
        reason: With its file and line, for people.
    """

    def __init__(self, code: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(kw_only=True)
class Resolvable:
    """What one installation command asks for, in parts that were understood."""

    requirements: list[str] = field(default_factory=list)
    """One per line, rebuilt."""
    constraints: list[str] = field(default_factory=list)
    index_urls: list[str] = field(default_factory=list)
    """In place of PyPI; one at most."""
    extra_index_urls: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    """Options of uv."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address that an installer would ask because of it, each once."""
        return tuple(dict.fromkeys([*self.index_urls, *self.extra_index_urls, *self.find_links]))

    @property
    def requirements_text(self) -> str:
        """A requirements file."""
        options = [
            *(f"--index-url {url}" for url in self.index_urls),
            *(f"--extra-index-url {url}" for url in self.extra_index_urls),
            *(f"--find-links {url}" for url in self.find_links),
        ]
        return "".join(f"{line}\n" for line in (*options, *self.requirements))

    @property
    def constraints_text(self) -> str:
        """A constraints file."""
        return "".join(f"{line}\n" for line in self.constraints)


def resolvable(arguments: Sequence[str], *, read: Callable[[str], bytes]) -> Resolvable:
    """Read an installation command by the grammar.

    Args:
        arguments: Packages and options, in uv's and pip's common vocabulary; files by their path in the repository.
        read: A file of the repository by its path there; it raises `UnreadableError`.

    Raises:
        NotResolvableError: Something in it is outside of the grammar.
    """
    reader = _Reader(read)
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("-"):
            reader.requirement(word, "", is_constraint=False)
            continue
        name, has_value, value = word.partition("=")
        if _SHORT.get(name, name) in _WITH_VALUE and not has_value:
            if not waiting:
                raise NotResolvableError(Refusal.NOT_UNDERSTOOD, f"{name} has no value")
            value = waiting.pop(0)
        reader.option(name, value, "", folder="", is_constraint=False)
    return reader.found


class _Reader:
    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._seen: set[tuple[str, bool]] = set()
        self.found = Resolvable()

    def option(self, name: str, value: str, place: str, *, folder: str, is_constraint: bool) -> None:
        """Take an option, or refuse it."""
        name = _SHORT.get(name, name)
        if name in _BUILDING:
            raise _refused(Refusal.NEEDS_BUILD, place, f"{name} asks for a build")
        if name in ("--requirement", "--constraint"):
            self._file(value, place, folder=folder, is_constraint=is_constraint or name == "--constraint")
        elif name in ("--index-url", "--extra-index-url", "--find-links"):
            self._address(name, value, place)
        elif name == "--prerelease" and value == "allow":
            self._flag("--prerelease=allow")
        elif name in _KEPT_FLAGS and not value:
            self._flag(_KEPT_FLAGS[name])
        elif name not in _MEANINGLESS:
            raise _refused(Refusal.NOT_UNDERSTOOD, place, f"the option {name} is not one that is taken here")

    def requirement(self, text: str, place: str, *, is_constraint: bool) -> None:
        """Take a requirement, or refuse it."""
        if not text.isascii():
            raise _refused(Refusal.NOT_UNDERSTOOD, place, "there is a letter that is none of ASCII's")
        if len(text) > _LONGEST_LINE:
            raise _refused(Refusal.NOT_UNDERSTOOD, place, "it is longer than any requirement")
        head, *options = (" " + " ".join(text.split())).split(" --")
        hashes = [_HASH.fullmatch(option) for option in options]
        for option, match in zip(options, hashes, strict=True):
            if match is None:
                name = "--" + re.split(r"[= ]", option, maxsplit=1)[0]
                code = Refusal.NEEDS_BUILD if name in _BUILDING else Refusal.NOT_UNDERSTOOD
                raise _refused(code, place, f"the option {name[:60]!a} follows a package")
        rebuilt = _rebuilt(head, place)
        target = self.found.constraints if is_constraint else self.found.requirements
        target.append(" ".join([rebuilt, *(f"--hash={match.group(1)}" for match in hashes if match)]))
        if len(target) > _MOST_LINES:
            raise _refused(Refusal.NOT_UNDERSTOOD, place, f"more than {_MOST_LINES} packages are asked for")

    def _flag(self, flag: str) -> None:
        if flag not in self.found.flags:
            self.found.flags.append(flag)

    def _address(self, name: str, value: str, place: str) -> None:
        if not _ADDRESS.fullmatch(value):
            raise _refused(Refusal.NOT_UNDERSTOOD, place, f"{name} names no https address")
        if name == "--index-url":
            if self.found.index_urls not in ([], [value]):
                raise _refused(Refusal.NOT_UNDERSTOOD, place, "a second main index is named; installers differ in it")
            self.found.index_urls = [value]
        else:
            (self.found.extra_index_urls if name == "--extra-index-url" else self.found.find_links).append(value)

    def _file(self, name: str, place: str, *, folder: str, is_constraint: bool) -> None:
        if "://" in name or "$" in name or not name:
            raise _refused(Refusal.NOT_UNDERSTOOD, place, "a file is included that is not the repository's")
        path = posixpath.normpath(posixpath.join(folder, name))
        if path.startswith(("/", "..")):
            raise _refused(Refusal.NOT_UNDERSTOOD, place, "a file is included that is not the repository's")
        if (path, is_constraint) in self._seen:
            return
        self._seen.add((path, is_constraint))
        if len(self._seen) > _MOST_FILES:
            raise _refused(Refusal.NOT_UNDERSTOOD, place, f"more than {_MOST_FILES} files are included")
        try:
            content = self._read(path)
        except UnreadableError as exc:
            raise _refused(Refusal.NOT_UNDERSTOOD, place, f"a requirements file can't be followed: {exc}") from exc
        if PurePosixPath(path).suffix == ".toml":
            for requirement in _project_dependencies(content, path):
                self.requirement(requirement, f"{path}: ", is_constraint=is_constraint)
            return
        for number, line in _lines(content, path):
            self._line(line, f"{path}:{number}: ", folder=posixpath.dirname(path), is_constraint=is_constraint)

    def _line(self, line: str, place: str, *, folder: str, is_constraint: bool) -> None:
        match = _OPTION.fullmatch(line)
        if match is None:
            self.requirement(line, place, is_constraint=is_constraint)
            return
        name, rest = match.groups()
        if rest and not rest.startswith((" ", "\t", "=")) and name.startswith("--"):
            raise _refused(Refusal.NOT_UNDERSTOOD, place, "an option is not written as one")
        value = rest.lstrip(" \t=").strip()
        if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
            value = value[1:-1]
        if re.search(r"[\s\"'\\]", value):
            raise _refused(Refusal.NOT_UNDERSTOOD, place, f"what follows {name} is more than one value")
        if _SHORT.get(name, name) in _WITH_VALUE and not value:
            raise _refused(Refusal.NOT_UNDERSTOOD, place, f"{name} has no value")
        self.option(name, value, place, folder=folder, is_constraint=is_constraint)


def _rebuilt(text: str, place: str) -> str:
    """A requirement, put together anew from its parts."""
    # A package's own address or path may hold a password, so none is shown.
    if "@" in text.partition(";")[0] or "://" in text:
        raise _refused(Refusal.NEEDS_BUILD, place, "a package is named by its address")
    before, has_marker, marker = text.partition(";")
    head = _HEAD.fullmatch(before.strip())
    named = head.group(1) if head is not None else before.strip()
    looks_like_path = before.strip().startswith((".", "/", "~", "file:")) or re.search(r"[/\\]", before)
    if looks_like_path or _ARCHIVE.search(named) or _ARCHIVE.search(before.strip()):
        raise _refused(Refusal.NEEDS_BUILD, place, "a package is named by its path")
    if head is None or (has_marker and not _MARKER.fullmatch(marker)):
        raise _refused(Refusal.NOT_UNDERSTOOD, place, "it is no name with versions")
    name, extras, rest = head.groups()
    rest = rest.strip()
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1].strip()
    specifiers = [_SPECIFIER.fullmatch(part) for part in rest.split(",") if part.strip()]
    wanted = [part.strip() for part in (extras or "").split(",") if part.strip()]
    if None in specifiers or (rest and not specifiers) or any(re.search(r"\s", part) for part in wanted):
        raise _refused(Refusal.NOT_UNDERSTOOD, place, "it is no name with versions")
    parts = [name]
    if wanted:
        parts.append(f"[{','.join(wanted)}]")
    parts.append(",".join(match.group(1) + match.group(2) for match in specifiers if match))
    if has_marker:
        parts.append(" ; " + " ".join(marker.split()))
    return "".join(parts)


def _lines(content: bytes, path: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers; one that ends with a backslash goes on in the next.

    Raises:
        NotResolvableError: The text can be read in more than one way.
    """
    if content.startswith(_MARKS):
        raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}:1: ", "the file begins with a byte order mark")
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}: ", f"it is no UTF-8, at byte {exc.start}") from exc
    if odd := _ODD.search(text.replace("\r", "\x00")):
        number = text.count("\n", 0, odd.start()) + 1
        raise _refused(
            Refusal.NOT_UNDERSTOOD, f"{path}:{number}: ", "there is a character that some take for a line's end"
        )
    joined, first = "", 0
    for number, raw in enumerate(text.split("\n"), start=1):
        first = first or number
        if raw.endswith("\\"):
            joined += raw[:-1] + " "
            continue
        line = joined + raw
        if joined and _COMMENT.search(line):
            raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}:{first}: ", "a comment stands within a continued line")
        line = line if joined else _COMMENT.sub("", line)
        if line.strip():
            if not line.isascii() or re.search(r"[$`{}]", line):
                raise _refused(
                    Refusal.NOT_UNDERSTOOD, f"{path}:{first}: ", "a variable, or a letter that is none of ASCII's"
                )
            yield first, line.strip()
        joined, first = "", 0
    if joined.strip():
        raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}:{first}: ", "the last line goes on")


def _project_dependencies(content: bytes, path: str) -> list[str]:
    """The dependencies that a pyproject.toml states.

    Raises:
        NotResolvableError: It doesn't state them, or says more of where packages come from.
    """
    try:
        tomllib = importlib.import_module("tomllib")
    except ImportError as exc:
        raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}: ", "this Python reads no TOML") from exc
    if len(content) > _MOST_TOML_BYTES or any(line.count(b".") > _MOST_TOML_DOTS for line in content.split(b"\n")):
        raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}: ", "it is larger, or has longer keys, than any project's")
    try:
        document: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}: ", "it is no TOML") from exc
    project, tool = document.get("project"), document.get("tool", {})
    dynamic = project.get("dynamic", []) if isinstance(project, dict) else ["dependencies"]
    if not isinstance(project, dict) or not isinstance(dynamic, list) or "dependencies" in dynamic:
        raise _refused(Refusal.NEEDS_BUILD, f"{path}: ", "its dependencies are worked out by a build")
    if not isinstance(tool, dict) or "uv" in tool:
        raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}: ", "tool.uv says where packages come from")
    dependencies = project.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(each, str) for each in dependencies):
        raise _refused(Refusal.NOT_UNDERSTOOD, f"{path}: ", "its dependencies are no list of texts")
    return dependencies


def _refused(code: Refusal, place: str, reason: str) -> NotResolvableError:
    return NotResolvableError(code, f"{place}{reason}")
