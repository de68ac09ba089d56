"""File patterns: those of COPY (Go's filepath.Match) and those of .dockerignore.

Source: https://pkg.go.dev/path/filepath#Match and https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

_WILDCARDS = re.compile(r"[*?\[]")
_STAR, _ANY, _FOLDERS = "[^/]*", ".*", "(?:.*/)?"
_FEW, _USUAL_LENGTH = 2, 512
_MOST_RULES, _LONGEST_PATTERN = 2_000, 256
_MOST_WORK = 40_000_000
"""For the rules of one ignore file, on all paths together, in steps: about two seconds. A busy machine judges alike."""


def has_wildcard(pattern: str) -> bool:
    """Whether a COPY source is a pattern rather than a name."""
    return _WILDCARDS.search(pattern) is not None


class CopyPattern:
    """A COPY source with wildcards; `*` doesn't cross a slash.

    Args:
        pattern: The source, relative to the context.
    """

    def __init__(self, pattern: str) -> None:
        self._glob = _Glob(pattern, doublestar=False)

    def work(self, path: PurePosixPath) -> int:
        """What `matches` costs at most, in steps."""
        return self._glob.work(str(path))

    def matches(self, path: PurePosixPath) -> bool:
        """Whether it names this path."""
        return self._glob.fullmatch(str(path))

    def fits(self, name: str) -> bool:
        """Whether it names this one part of a path."""
        return self._glob.fullmatch(name)


class DockerIgnore:
    """The rules of a .dockerignore file; the last one that matches a path or a folder around it decides.

    Args:
        text: The file's content; empty where there is none.
    """

    def __init__(self, text: str) -> None:
        self._rules: list[tuple[bool, _Glob]] = []
        self._of_folders: dict[PurePosixPath, int] = {}
        self._work_left = _MOST_WORK
        self.is_cut = False
        """Whether there are more or slower rules than are tried: what is kept out is then not sure."""
        for line in text.removeprefix("\ufeff").splitlines():
            if line.startswith("#") or not (pattern := line.strip()):
                continue
            excludes = not pattern.startswith("!")
            pattern = posixpath.normpath(pattern.removeprefix("!").strip().lstrip("/") or ".")
            if pattern == "." or pattern.startswith(".."):
                continue
            if len(self._rules) >= _MOST_RULES or len(pattern) > _LONGEST_PATTERN:
                self.is_cut = True
                break
            self._rules.append((excludes, _Glob(pattern, doublestar=True)))

    def excludes(self, path: PurePosixPath) -> bool:
        """Whether the build context lacks this path."""
        if not self._rules or self._work_left < 0:
            return False
        last = self._last_rule(str(path), self._of_folder(path.parent))
        if self._work_left < 0:
            self.is_cut = True
            return False
        return last >= 0 and self._rules[last][0]

    def _of_folder(self, folder: PurePosixPath) -> int:
        """The last rule that matches a folder or one around it; -1 for none."""
        unknown = []
        while folder not in self._of_folders and folder != PurePosixPath():
            unknown.append(folder)
            folder = folder.parent
        last = self._of_folders.get(folder, -1)
        for inner in reversed(unknown):
            last = self._of_folders[inner] = self._last_rule(str(inner), last)
        return last

    def _last_rule(self, path: str, around: int) -> int:
        # What matches a folder matches all that is in it, so that only later rules can change anything.
        for index in range(len(self._rules) - 1, around, -1):
            rule = self._rules[index][1]
            self._work_left -= rule.work(path)
            if self._work_left < 0:
                break
            if rule.fullmatch(path):
                return index
        return around


class _Glob:
    """One pattern, matched in time that grows with the lengths of path and pattern alone, whatever they are.

    Args:
        pattern: As it stands in the file.
        doublestar: Whether `**` crosses slashes.
    """

    def __init__(self, pattern: str, *, doublestar: bool) -> None:
        self._tokens = list(_tokens(pattern, doublestar=doublestar))
        self._wildcards = wildcards = sum(token in (_STAR, _ANY, _FOLDERS) for token in self._tokens)
        try:
            self._quick = re.compile("".join(self._tokens), re.DOTALL) if wildcards <= _FEW else None
            self._steps = [re.compile(token, re.DOTALL) for token in self._tokens]
        except re.error:
            self._quick, self._steps = re.compile(re.escape(pattern)), []

    def work(self, text: str) -> int:
        """What `fullmatch` costs at most, in steps."""
        if self._is_quick(text):
            return 10 + (len(text) ** 2 if self._wildcards > 1 else len(text) * self._wildcards) // 50
        return 4 * len(self._tokens) * len(text)

    def _is_quick(self, text: str) -> bool:
        # With few wildcards and a path of usual length going back costs little.
        return self._quick is not None and (not self._steps or len(text) <= _USUAL_LENGTH)

    def fullmatch(self, text: str) -> bool:
        """Whether a whole path is meant."""
        if self._quick is not None and self._is_quick(text):
            return self._quick.fullmatch(text) is not None
        places = {0}
        for token, step in zip(self._tokens, self._steps, strict=True):
            places = _moved(token, step, text, places)
            if not places:
                return False
        return len(text) in places


def _moved(token: str, step: re.Pattern[str], text: str, places: set[int]) -> set[int]:
    """Where in the text a pattern can be after one more of its tokens."""
    if token == _ANY:
        return set(range(min(places), len(text) + 1))
    if token == _FOLDERS:
        first = min(places)
        return places | {index + 1 for index in range(first, len(text)) if text[index] == "/"}
    if token == _STAR:
        found = set(places)
        for start in sorted(places):
            for place in range(start, len(text)):
                if text[place] == "/" or place + 1 in found:
                    break
                found.add(place + 1)
        return found
    return {match.end() for place in places if (match := step.match(text, place))}


def _tokens(pattern: str, *, doublestar: bool) -> Iterator[str]:
    """The pattern as expressions: those for wildcards, and one for each other character."""
    index, before = 0, ""
    while index < len(pattern):
        character = pattern[index]
        index += 1
        part = re.escape(character)
        if character == "*":
            part = _STAR
            if doublestar and pattern.startswith("*", index):
                index += 1
                part = _FOLDERS if pattern.startswith("/", index) else _ANY
                index += part == _FOLDERS
        elif character == "?":
            part = "[^/]"
        elif character == "[" and (end := pattern.find("]", index + 1)) > 0:
            inside = pattern[index:end].replace("\\", "\\\\").replace("[", "\\[")
            part = f"[{inside}]"
            index = end + 1
        elif character == "\\" and index < len(pattern):
            part = re.escape(pattern[index])
            index += 1
        if part != before or part not in (_STAR, _ANY, _FOLDERS):
            yield part
        before = part
