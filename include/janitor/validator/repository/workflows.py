"""Which files of the repository its GitHub workflows name.

No YAML reader is in the standard library, so lines are read by their indentation; what isn't understood names nothing.
Source: https://docs.github.com/en/actions/reference/workflow-syntax-for-github-actions
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from janitor.validator.dockerfile.lexer import split_words
from janitor.validator.repository.tree import RepositoryTree, UnreadableError

FOLDER = PurePosixPath(".github/workflows")
_KEY = re.compile(r"^(?P<indent>\s*)(?P<dash>(?:-\s+)*)(?P<key>[\w-]+):(?:\s+(?P<value>.*?))?\s*$")
_BLOCK = re.compile(r"^[|>][+-]?\d*$")
_COMMENT = re.compile(r"\s#.*$")
_FILE_KEYS = frozenset({"file", "dockerfile", "requirements", "requirements-file", "config-file"})
_FOLDER_KEYS = frozenset({"context", "working-directory"})
_INTERPRETERS = re.compile(r"(?:python|python3|python3\.\d+|bash|sh|zsh|node|source|\.)")
_FILE_OPTIONS = frozenset({"-r", "--requirement", "-c", "--constraint", "-f", "--file"})
_PROGRAM_FILE = re.compile(r"[\w./-]+\.(?:py|sh|js|txt|toml|json|ya?ml|cfg|ini)|(?:[\w./-]*/)?Dockerfile[\w.-]*")
_UNKNOWN = re.compile(r"[$*?{}<>`~\\]|\[|^/|^-|://|^\.\.(?:/|$)")
_MAKES = re.compile(
    r">>?\s*[\"']?([\w./-]+)|\b(?:touch|tee|curl\b.{0,300}?-o|wget\b.{0,300}?-O)\s+[\"']?([\w./-]+)"
    r"|\b(?:cp|mv|ln)\b.{0,300}\s([\w./-]+)\s*$",
    re.MULTILINE,
)
_MOST_LINES, _LONGEST_LINE = 5_000, 2_000
_OTHER_SOURCE = re.compile(r"^\s*(?:repository|path)\s*:\s*\S|\bgit\s+clone\b|actions/download-artifact", re.MULTILINE)
_SEPARATORS = re.compile(r"&&|\|\||;|\||(?<!&)&(?!&)")


class ReferenceKind(str, Enum):
    """What must be there."""

    FILE = "file"
    FOLDER = "folder"
    ACTION = "action"  # a folder with action.yml


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A path that a workflow names."""

    workflow: PurePosixPath
    line: int
    path: str
    kind: ReferenceKind


def workflow_files(tree: RepositoryTree) -> list[PurePosixPath]:
    """The repository's workflows."""
    return [FOLDER / name for name in tree.names(FOLDER) if name.endswith((".yml", ".yaml"))]


def references(tree: RepositoryTree, workflow: PurePosixPath) -> list[Reference]:
    """The files that a workflow names; none for one that brings in files from elsewhere.

    Raises:
        UnreadableError: It can't be read.
    """
    # No command is that long, and patterns take their time on what is.
    lines = tree.read_text(workflow).splitlines()[:_MOST_LINES]
    text = "\n".join(line if len(line) <= _LONGEST_LINE else "" for line in lines)
    if _OTHER_SOURCE.search(text):
        return []
    made = {name for match in _MAKES.finditer(text) for name in match.groups() if name}
    found = []
    for reference in _Reader(workflow).read(text):
        name = posixpath.basename(reference.path)
        if reference.path not in made and name not in {posixpath.basename(each) for each in made}:
            found.append(reference)
    return found


def missing(tree: RepositoryTree, reference: Reference) -> bool:
    """Whether what a reference names isn't there."""
    path = reference.path or "."
    if reference.kind is ReferenceKind.ACTION:
        return not any(tree.is_file(PurePosixPath(path) / name) for name in ("action.yml", "action.yaml", "Dockerfile"))
    if reference.kind is ReferenceKind.FOLDER:
        return not tree.is_folder(path)
    return not tree.is_file(path) and not tree.is_folder(path)


def all_references(tree: RepositoryTree) -> tuple[list[Reference], list[str]]:
    """What all workflows name, and the workflows that can't be read, each with the reason."""
    found: list[Reference] = []
    unreadable: list[str] = []
    for workflow in workflow_files(tree):
        try:
            found += references(tree, workflow)
        except UnreadableError as exc:
            unreadable.append(str(exc))
    return found, unreadable


class _Reader:
    def __init__(self, workflow: PurePosixPath) -> None:
        self._workflow = workflow

    def read(self, text: str) -> Iterator[Reference]:
        lines = text.splitlines()
        folders = self._folders(lines)
        index = 0
        while index < len(lines):
            number, raw = index + 1, lines[index]
            index += 1
            match = None if raw.lstrip().startswith("#") else _KEY.match(_COMMENT.sub("", raw))
            if match is None:
                continue
            key, value = match["key"], (match["value"] or "").strip().strip("\"'")
            if key == "run":
                column = len(match["indent"]) + len(match["dash"])
                body, index = self._body(lines, index, column) if _BLOCK.match(value) else ([(number, value)], index)
                yield from self._commands(body, folders.get(number, ""))
            elif key == "uses" and value.startswith("./"):
                is_workflow = value.endswith((".yml", ".yaml"))
                yield self._reference(number, value, ReferenceKind.FILE if is_workflow else ReferenceKind.ACTION)
            elif key in _FILE_KEYS and value and not _UNKNOWN.search(value) and _PROGRAM_FILE.fullmatch(value):
                yield self._reference(number, value, ReferenceKind.FILE)
            elif key in _FOLDER_KEYS and value and not _UNKNOWN.search(value):
                yield self._reference(number, value, ReferenceKind.FOLDER)

    def _folders(self, lines: list[str]) -> dict[int, str]:
        """Line of each `run` → the `working-directory` beside it, or `?` where one stands elsewhere."""
        stated = [
            (number, len(match["indent"]) + len(match["dash"]), (match["value"] or "").strip().strip("\"'"))
            for number, line in enumerate(lines, start=1)
            if (match := _KEY.match(_COMMENT.sub("", line))) and match["key"] == "working-directory"
        ]
        if not stated:
            return {}
        found: dict[int, str] = {}
        for number, line in enumerate(lines, start=1):
            if (match := _KEY.match(line)) and match["key"] == "run":
                column = len(match["indent"]) + len(match["dash"])
                near = [
                    value
                    for other, at, value in stated
                    if at == column and not self._step_between(lines, min(number, other), max(number, other), column)
                ]
                # One that stands for a whole job can't be told from here to where it holds.
                found[number] = near[0] if near else "?"
        return found

    @staticmethod
    def _step_between(lines: list[str], first: int, last: int, column: int) -> bool:
        return any(
            (match := _KEY.match(line)) is not None
            and bool(match["dash"])
            and len(match["indent"]) + len(match["dash"]) == column
            for line in lines[first:last]
        )

    @staticmethod
    def _body(lines: list[str], index: int, column: int) -> tuple[list[tuple[int, str]], int]:
        body = []
        while index < len(lines):
            line = lines[index]
            if line.strip() and len(line) - len(line.lstrip()) <= column:
                break
            index += 1
            body.append((index, line.strip()))
        return body, index

    def _commands(self, body: list[tuple[int, str]], folder: str) -> Iterator[Reference]:
        pending, start = "", 0
        for number, line in body:
            start = start or number
            if line.endswith("\\"):
                pending += line[:-1] + " "
                continue
            text, pending = pending + line, ""
            first, start = start, 0
            if "<<" in text:
                return  # what follows is a text, not commands
            if text.startswith("#"):
                continue
            for piece in _SEPARATORS.split(text):
                words = split_words(piece)
                if words[:1] in (["cd"], ["pushd"]):
                    target = words[1] if len(words) == 2 else "?"
                    folder = "?" if _UNKNOWN.search(target) or folder == "?" else posixpath.join(folder, target)
                elif folder != "?":
                    yield from self._command(first, words, folder)

    def _command(self, number: int, words: list[str], folder: str) -> Iterator[Reference]:
        while words and (re.fullmatch(r"[A-Za-z_]\w*=.*", words[0]) or words[0] in ("sudo", "exec", "time", "!")):
            words = words[1:]
        if not words:
            return
        named = []
        if words[0].startswith("./"):
            named.append(words[0])
        if _INTERPRETERS.fullmatch(words[0]):
            named += next(([word] for word in words[1:] if not word.startswith("-")), [])
            if "-m" in words or "-c" in words:
                named = []
        takes_files = words[0] in ("pip", "pip3", "uv", "docker", "python", "python3", "buildah", "podman")
        for option, value in itertools.pairwise(words):
            if option in _FILE_OPTIONS and takes_files:
                named.append(value)
        for name in named:
            if not _UNKNOWN.search(name) and _PROGRAM_FILE.fullmatch(name):
                yield self._reference(number, posixpath.join(folder, name), ReferenceKind.FILE)

    def _reference(self, number: int, path: str, kind: ReferenceKind) -> Reference:
        clean = posixpath.normpath(path)
        return Reference(workflow=self._workflow, line=number, path="" if clean == "." else clean, kind=kind)
