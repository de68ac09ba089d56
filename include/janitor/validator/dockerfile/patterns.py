"""File patterns: those of COPY (Go's filepath.Match) and those of .dockerignore.

Source: https://pkg.go.dev/path/filepath#Match and https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_WILDCARDS = re.compile(r"[*?\[]")


def has_wildcard(pattern: str) -> bool:
    """Whether a COPY source is a pattern rather than a name."""
    return _WILDCARDS.search(pattern) is not None


def match_copy(pattern: str, path: PurePosixPath) -> bool:
    """Whether a COPY source pattern names this path; `*` doesn't cross a slash."""
    return _translate(pattern, doublestar=False).fullmatch(str(path)) is not None


class DockerIgnore:
    """The rules of a .dockerignore file; the last one that matches a path decides.

    Args:
        text: The file's content; empty where there is none.
    """

    def __init__(self, text: str) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        for line in text.removeprefix("\ufeff").splitlines():
            if line.startswith("#") or not (pattern := line.strip()):
                continue
            excludes = not pattern.startswith("!")
            pattern = pattern.removeprefix("!").strip()
            pattern = str(PurePosixPath("/" + pattern)).lstrip("/")
            if pattern and ".." not in PurePosixPath(pattern).parts:
                self._rules.append((excludes, _translate(pattern, doublestar=True)))

    def excludes(self, path: PurePosixPath) -> bool:
        """Whether the build context lacks this path."""
        # A rule that matches a folder matches all that is in it.
        family = [str(path), *(str(parent) for parent in path.parents if parent != PurePosixPath())]
        excluded = False
        for excludes, pattern in self._rules:
            if excludes != excluded and any(pattern.fullmatch(member) for member in family):
                excluded = excludes
        return excluded


def _translate(pattern: str, *, doublestar: bool) -> re.Pattern[str]:
    expression = ""
    index = 0
    while index < len(pattern):
        character = pattern[index]
        index += 1
        if character == "*":
            if doublestar and pattern.startswith("*", index):
                index += 1
                if pattern.startswith("/", index):
                    index += 1
                    expression += "(?:.*/)?"
                else:
                    expression += ".*"
            else:
                expression += "[^/]*"
        elif character == "?":
            expression += "[^/]"
        elif character == "[" and (end := pattern.find("]", index + 1)) > 0:
            inside = pattern[index:end].replace("\\", "\\\\").replace("[", "\\[")
            expression += f"[{inside}]"
            index = end + 1
        elif character == "\\" and index < len(pattern):
            expression += re.escape(pattern[index])
            index += 1
        else:
            expression += re.escape(character)
    try:
        return re.compile(expression, re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))
