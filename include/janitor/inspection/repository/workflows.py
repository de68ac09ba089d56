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

from janitor.inspection.dockerfile.lexer import split_words
from janitor.inspection.shell_pieces import commands_of
from janitor.inspection.tree import RepositoryTree, UnreadableError

FOLDER = PurePosixPath(".github/workflows")
_KEY = re.compile(r"^(?P<indent>\s*)(?P<dash>(?:-\s+)*)(?P<key>[\w-]+):(?:\s+(?P<value>\S(?:.*\S)?)?)?\s*$")
_BLOCK = re.compile(r"^[|>][+-]?\d*$")
_COMMENT = re.compile(r"\s#[\s\S]*")
_FILE_KEYS = frozenset({"file", "dockerfile", "requirements", "requirements-file", "config-file"})
_FOLDER_KEYS = frozenset({"context", "working-directory"})
_INTERPRETERS = re.compile(r"(?:python|python3|python3\.\d+|bash|sh|zsh|node|source|\.)")
_FILE_OPTIONS = frozenset({"-r", "--requirement", "-c", "--constraint", "-f", "--file"})
_IN_PLACE = re.compile(r"-[nErsuz]*i.*|--in-place(?:=.*)?", re.DOTALL)
_PROGRAM_FILE = re.compile(r"[\w./-]+\.(?:py|sh|js|txt|toml|json|ya?ml|cfg|ini)|(?:[\w./-]*/)?Dockerfile[\w.-]*")
_UNKNOWN = re.compile(r"[$*?{}<>`~\\]|\[|^/|^-|://|^\.\.(?:/|$)")
_MAKES = re.compile(
    r">>?\s*[\"']?([\w./-]+)|\b(?:touch|tee)\s+[\"']?([\w./-]+)"
    r"|(?<=\s)(?:-[a-zA-Z]{0,8}[oO][ ]?|--output(?:-file|-document)?[ =])[\"']?([\w./-]+)"
    # A file that is looked for first may be missing; one in an expression decides whether a step is run at all.
    r"|(?:\[\[?|\btest)\s+(?:!\s+)?-[defrsx]\s+[\"']?([\w./-]+)|hashFiles\(\s*'([\w./-]+)'"
)
_COPIES = frozenset({"cp", "mv", "ln"})
_MOST_FILES, _MOST_LINES, _LONGEST_LINE, _MOST_CHARACTERS = 50, 5_000, 2_000, 262_144
_MOST_REFERENCES = 500
_OTHER_SOURCE = re.compile(r"\bgit\s+clone\b|actions/download-artifact")
_SOURCE_KEY = re.compile(r"^[ \t]*(?:-[ \t]+)*(?:repository|path)[ \t]*:[ \t]*\S")
_USES = re.compile(r"^[ \t]*(?:-[ \t]+)*uses[ \t]*:[ \t]*(\S+)")
_STEP = re.compile(r"^[ \t]*-[ \t]")
_KEEPS = re.compile(r"[\"']?actions/(?:cache|upload-artifact|upload-pages-artifact|setup-)")
"""Actions whose `path` is no place that the repository's files come to."""
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
    return [FOLDER / name for name in tree.names(FOLDER) if name.endswith((".yml", ".yaml"))][:_MOST_FILES]


def references(tree: RepositoryTree, workflow: PurePosixPath) -> list[Reference]:
    """The files that a workflow names; none for one that brings in files from elsewhere.

    Raises:
        UnreadableError: It can't be read.
    """
    return _references(workflow, _commands(tree, workflow))


def _commands(tree: RepositoryTree, workflow: PurePosixPath) -> str:
    # No command is that long, and patterns take their time on what is.
    lines = tree.read_text(workflow).splitlines()[:_MOST_LINES]
    return "\n".join(line if len(line) <= _LONGEST_LINE else "" for line in lines)[:_MOST_CHARACTERS]


def _references(workflow: PurePosixPath, text: str) -> list[Reference]:
    if _OTHER_SOURCE.search(text) or _has_other_source(text.splitlines()):
        return []
    made = {name for match in _MAKES.finditer(text) for name in match.groups() if name}
    pieces = (piece.split() for line in text.splitlines() for piece in _SEPARATORS.split(line))
    made |= {words[-1].strip("\"'") for words in pieces if not _COPIES.isdisjoint(words)}
    found = []
    for reference in _Reader(workflow).read(text):
        name = posixpath.basename(reference.path)
        if reference.path not in made and name not in {posixpath.basename(each) for each in made}:
            found.append(reference)
    return found


def _has_other_source(lines: list[str]) -> bool:
    """Whether a step brings in files of its own: `path` or `repository` of an action that isn't known to keep files."""
    uses, has_key = "", False
    for line in [*lines, "- "]:
        if _STEP.match(line):
            if has_key and not _KEEPS.match(uses):
                return True
            uses, has_key = "", False
        if match := _USES.match(line):
            uses = match.group(1)
        has_key = has_key or _SOURCE_KEY.match(line) is not None
    return False


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
    room = 2 * _MOST_CHARACTERS
    for workflow in workflow_files(tree):
        try:
            text = _commands(tree, workflow)[:room]
            room -= len(text)
            found += _references(workflow, text)
        except UnreadableError as exc:
            unreadable.append(str(exc))
    return found[:_MOST_REFERENCES], unreadable


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
                if value.startswith(">"):
                    body = [(number, " ".join(text for _, text in body))]
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
        found: dict[int, str] = {}
        # By column: the lines of `run` in the step that is being read, and its folder.
        runs: dict[int, list[int]] = {}
        stated: dict[int, str] = {}
        is_any = False
        for number, line in enumerate(lines, start=1):
            match = _KEY.match(_COMMENT.sub("", line))
            if match is None:
                continue
            column = len(match["indent"]) + len(match["dash"])
            if match["dash"]:
                runs.pop(column, None)
                stated.pop(column, None)
            if match["key"] == "working-directory":
                is_any = True
                stated[column] = (match["value"] or "").strip().strip("\"'")
            elif match["key"] == "run":
                runs.setdefault(column, []).append(number)
            if column in stated:
                found.update(dict.fromkeys(runs.pop(column, []), stated[column]))
        if not is_any:
            return {}
        # One that stands for a whole job can't be told from here to where it holds.
        return {number: found.get(number, "?") for number in range(1, len(lines) + 1)}

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
            for command in commands_of(text):
                words = split_words(command.text)
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
        if words[0] == "sed" and any(_IN_PLACE.fullmatch(word) for word in words[1:]):
            # The script comes first: what else isn't an option is a file that is changed.
            has_script = any(word in ("-e", "-f") or (word.startswith("--") and "=" in word) for word in words)
            named += [] if has_script else [word for word in words[1:] if not word.startswith("-")][1:]
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
