"""Writes a change of text files as git would: the diff that a repair travels as."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from janitor.domain.repair.diff import NULL

_CONTEXT = 3
_FILE_MODE = "100644"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A file before and after."""

    before: str | None
    """None: it isn't there."""
    after: str | None
    """None: it goes."""


def diff_of(edits: Mapping[str, Edit]) -> str:
    """The edits as a unified diff, by path; empty where nothing changes."""
    return "".join(_file(path, edits[path]) for path in sorted(edits) if edits[path].before != edits[path].after)


def _file(path: str, edit: Edit) -> str:
    header = [f"diff --git a/{path} b/{path}"]
    if edit.before is None:
        header.append(f"new file mode {_FILE_MODE}")
    if edit.after is None:
        header.append(f"deleted file mode {_FILE_MODE}")
    old, new = (NULL if edit.before is None else f"a/{path}"), (NULL if edit.after is None else f"b/{path}")
    tab = "\t" if " " in path else ""
    hunks = list(
        difflib.unified_diff(
            _lines(edit.before), _lines(edit.after), f"{old}{tab}", f"{new}{tab}", n=_CONTEXT, lineterm="\n"
        )
    )
    return "".join([*(f"{line}\n" for line in header), *_marked(hunks)])


def _lines(text: str | None) -> list[str]:
    lines = (text or "").split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]


def _marked(lines: list[str]) -> Iterator[str]:
    for line in lines:
        # difflib ends the names' lines itself.
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
