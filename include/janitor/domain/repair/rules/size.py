"""How much a patch may change, and in which form."""

from __future__ import annotations

import posixpath

from janitor.domain.repair.diff import ChangeKind
from janitor.domain.repair.rules.rule import Change, Rule

MOST_FILES = 8
MOST_LINES = 200
"""Lines that come and go; those of lock files aren't counted."""
LOCK_FILES = frozenset(
    {
        *("uv.lock", "poetry.lock", "pdm.lock", "pipfile.lock", "pylock.toml", "conda-lock.yml", "pixi.lock"),
        *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "cargo.lock", "go.sum"),
    }
)
_FILE_MODES = frozenset({"100644", "100755"})


def is_lock_file(path: str) -> bool:
    """Whether a file is one that a resolver writes."""
    return posixpath.basename(path).lower() in LOCK_FILES


def _too_many_files(change: Change) -> str | None:
    count = len(change.files)
    return f"{count} files, of at most {MOST_FILES}" if count > MOST_FILES else None


def _too_many_lines(change: Change) -> str | None:
    counted = [file.diff for file in change.files if not is_lock_file(file.path)]
    lines = sum(len(diff.added) + len(diff.removed) for diff in counted)
    return f"{lines} lines, of at most {MOST_LINES}" if lines > MOST_LINES else None


def _no_text(change: Change) -> str | None:
    for file in change.files:
        if file.diff.is_binary:
            return f"{file.path} is binary"
        wanted_before = file.diff.kind is not ChangeKind.ADDED
        if (wanted_before and file.before is None) or "\0" in (file.before or "") + (file.after or ""):
            return f"{file.path} is no text of this commit"
    return None


def _special(change: Change) -> str | None:
    for file in change.files:
        for mode in (file.diff.old_mode, file.diff.new_mode):
            if mode is not None and mode not in _FILE_MODES:
                kind = {"120000": "a symbolic link", "160000": "another repository"}.get(mode, f"of mode {mode}")
                return f"{file.path} is {kind}"
    return None


def _mode(change: Change) -> str | None:
    for file in change.files:
        old, new = file.diff.old_mode, file.diff.new_mode
        if file.diff.kind is ChangeKind.ADDED and new != "100644":
            return f"{file.path} comes with mode {new}"
        if file.diff.kind is not ChangeKind.DELETED and old is not None and new is not None and old != new:
            return f"{file.path} goes from mode {old} to {new}"
        if file.diff.kind is ChangeKind.COPIED:
            return f"{file.path} is a copy of {file.diff.old_path}"
    return None


SIZE_RULES = (
    Rule(
        name="too_many_files",
        refuses=f"more than {MOST_FILES} files",
        example="nine files with a line each",
        broken=_too_many_files,
    ),
    Rule(
        name="too_many_lines",
        refuses=f"more than {MOST_LINES} changed lines, those of lock files apart",
        example="a handler written anew",
        broken=_too_many_lines,
    ),
    Rule(name="special_file", refuses="symbolic links and submodules", example="new file mode 120000", broken=_special),
    Rule(
        name="file_mode",
        refuses="a change of mode, a new file that may be executed, a copy",
        example="new file mode 100755",
        broken=_mode,
    ),
    Rule(name="no_text", refuses="what is no text", example="GIT binary patch", broken=_no_text),
)
