"""Reads a unified diff as git writes it, strictly: what isn't wholly understood is no diff.

Invariant: every line of the text is taken by the grammar, so that no reader of the same text (git, people) can see a
change in it that isn't seen here.
Source: git-diff(1), "Generating patch text with -p".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from janitor.domain.repair.hunks import DiffError, Hunk, HunkLine

NULL = "/dev/null"
_HEADER = re.compile(r"diff --git a/(?P<old>[^\"\t]+) b/(?P<new>[^\"\t]+)")
_HUNK = re.compile(r"@@ -(\d{1,7})(?:,(\d{1,7}))? \+(\d{1,7})(?:,(\d{1,7}))? @@(?: .*)?")
_MODE = re.compile(r"(old mode|new mode|deleted file mode|new file mode) (\d{6})")
_MOVE = re.compile(r"(copy from|copy to|rename from|rename to) (.+)")
_INDEX = re.compile(r"index [0-9a-f]{4,64}\.\.[0-9a-f]{4,64}(?: (\d{6}))?")
_SIMILARITY = re.compile(r"(?:dis)?similarity index \d{1,3}%")
_NO_NEWLINE = "\\ No newline at end of file"


class ChangeKind(str, Enum):
    """What a diff does with a file."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"
    RENAMED = "renamed"  # with or without a change of its content
    COPIED = "copied"


@dataclass(kw_only=True)
class FileDiff:
    """What a diff does with one file."""

    path: str
    """After it; of a deleted file, before it."""
    old_path: str
    """Before it; of an added file, the same."""
    kind: ChangeKind = ChangeKind.CHANGED
    old_mode: str | None = None
    """Six octal digits as git has them; None where the diff doesn't say."""
    new_mode: str | None = None
    is_binary: bool = False
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def added(self) -> tuple[str, ...]:
        """The lines that come."""
        return tuple(line.text for hunk in self.hunks for line in hunk.lines if line.sign == "+")

    @property
    def removed(self) -> tuple[str, ...]:
        """The lines that go."""
        return tuple(line.text for hunk in self.hunks for line in hunk.lines if line.sign == "-")


def read_diff(text: str) -> tuple[FileDiff, ...]:
    """The changes of a diff, by file.

    Raises:
        DiffError: It is none as git writes it with `a/` and `b/`, or it isn't whole; the message says where.
    """
    return _Reader(text).files()


class _Reader:
    def __init__(self, text: str) -> None:
        if "\r" in text.replace("\r\n", "\n") or "\0" in text:
            raise DiffError("it holds a character that some take for a line's end")
        self._lines = text.split("\n")
        if self._lines and self._lines[-1] == "":
            self._lines.pop()
        self._at = 0

    def files(self) -> tuple[FileDiff, ...]:
        if not self._lines:
            raise DiffError("it is empty")
        found = []
        while self._at < len(self._lines):
            found.append(self._file())
        touched = [path for each in found for path in {each.path, each.old_path}]
        if doubled := sorted({path for path in touched if touched.count(path) > 1}):
            raise DiffError(f"{doubled[0]} is changed twice")
        return tuple(found)

    def _peek(self) -> str | None:
        return self._lines[self._at] if self._at < len(self._lines) else None

    def _next(self) -> str:
        self._at += 1
        return self._lines[self._at - 1]

    def _problem(self, what: str) -> DiffError:
        return DiffError(f"line {self._at}: {what}")

    def _file(self) -> FileDiff:
        header = self._next()
        match = _HEADER.fullmatch(header)
        if match is None:
            raise self._problem(f"{header[:80]!r} is not where a file's change begins")
        change = FileDiff(path=match["new"], old_path=match["old"])
        moved = self._extended(change)
        if match["old"] != match["new"] and not moved:
            raise self._problem("the two paths of a file differ, and it isn't renamed")
        if (line := self._peek()) is not None and line.startswith(("Binary files ", "GIT binary patch")):
            change.is_binary = True
            self._skip_binary()
        elif line is not None and line.startswith("--- "):
            self._names(change)
            self._hunks(change)
        elif change.kind is ChangeKind.CHANGED and change.old_mode == change.new_mode:
            raise self._problem("nothing of the file changes")
        return change

    def _extended(self, change: FileDiff) -> bool:
        """Read the lines between header and names; whether they speak of two paths."""
        moves: dict[str, str] = {}
        while (line := self._peek()) is not None and not line.startswith(("--- ", "diff --git ", "Binary ", "GIT ")):
            self._next()
            if mode := _MODE.fullmatch(line):
                self._mode(change, mode[1], mode[2])
            elif move := _MOVE.fullmatch(line):
                moves[move[1]] = move[2]
            elif index := _INDEX.fullmatch(line):
                if index[1] is not None:
                    change.old_mode = change.new_mode = index[1]
            elif not _SIMILARITY.fullmatch(line):
                raise self._problem(f"{line[:80]!r} is no line of a file's header")
        for kind, words in ((ChangeKind.RENAMED, "rename"), (ChangeKind.COPIED, "copy")):
            ends = moves.get(f"{words} from"), moves.get(f"{words} to")
            if ends == (change.old_path, change.path):
                change.kind = kind
            elif any(ends):
                raise self._problem(f"it says {words}, with other paths than its header")
        return bool(moves)

    @staticmethod
    def _mode(change: FileDiff, what: str, mode: str) -> None:
        if what in ("old mode", "deleted file mode"):
            change.old_mode = mode
        else:
            change.new_mode = mode
        if what == "deleted file mode":
            change.kind = ChangeKind.DELETED
        elif what == "new file mode":
            change.kind = ChangeKind.ADDED

    def _names(self, change: FileDiff) -> None:
        old = NULL if change.kind is ChangeKind.ADDED else f"a/{change.old_path}"
        new = NULL if change.kind is ChangeKind.DELETED else f"b/{change.path}"
        # git ends a name with a blank in it by a tab.
        for sign, name in (("---", old), ("+++", new)):
            line = self._next() if self._peek() is not None else ""
            if line.removesuffix("\t") != f"{sign} {name}":
                raise self._problem(f"{line[:80]!r} should be {sign} {name}")

    def _hunks(self, change: FileDiff) -> None:
        while (line := self._peek()) is not None and line.startswith("@@ "):
            self._next()
            match = _HUNK.fullmatch(line)
            if match is None:
                raise self._problem(f"{line[:80]!r} is no head of a hunk")
            counts = [1 if match[index] is None else int(match[index]) for index in (2, 4)]
            lines = self._hunk_lines(*counts)
            hunk = Hunk(old_start=int(match[1]), old_count=counts[0], new_start=int(match[3]), lines=lines)
            change.hunks.append(hunk)
        if not change.hunks:
            raise self._problem("a file's change has no hunk")

    def _hunk_lines(self, old: int, new: int) -> tuple[HunkLine, ...]:
        lines: list[HunkLine] = []
        while old > 0 or new > 0:
            if self._peek() is None:
                raise self._problem("it breaks off within a hunk")
            line = self._next()
            if line == _NO_NEWLINE and lines:
                lines[-1] = HunkLine(sign=lines[-1].sign, text=lines[-1].text, ends=False)
                continue
            sign = line[:1] or " "  # some take the blank off an empty line
            if sign not in " +-":
                raise self._problem(f"{line[:80]!r} is no line of a hunk")
            old -= sign != "+"
            new -= sign != "-"
            lines.append(HunkLine(sign=sign, text=line[1:], ends=True))
        if self._peek() == _NO_NEWLINE:
            self._next()
            lines[-1] = HunkLine(sign=lines[-1].sign, text=lines[-1].text, ends=False)
        if old < 0 or new < 0:
            raise self._problem("a hunk has other lines than its head says")
        return tuple(lines)

    def _skip_binary(self) -> None:
        while (line := self._peek()) is not None and not line.startswith("diff --git "):
            self._next()
