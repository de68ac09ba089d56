"""What a patch may not do to a checkout, by its headers; everything else git itself refuses.

git applies no patch whose path leads out of the folder, into a `.git` or through a link. What it does apply, and what
is refused here: links, and repositories within the repository, whose place the rest of the validator would read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_MODES = re.compile(r"^(?:old mode|new mode|new file mode|deleted file mode|index [0-9a-f]+\.\.[0-9a-f]+) (\d{6})\s*$")
"""Source: git-diff(1), "Generating patch text with -p": the extended headers that hold a mode."""
_TAKEN_MODES = frozenset({"100644", "100755"})
_MOVED = re.compile(r"^Hunk #(\d+) succeeded at .*\(offset ")
_BINARY = re.compile(r"^(?:GIT binary patch|Binary files .* differ)\s*$")


def refusal_of(text: str) -> str | None:
    """Why a patch isn't applied whatever the tree holds; None where git may try.

    Args:
        text: The patch. The lines of its hunks begin with a sign of their own, so that none is taken for a header.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if (mode := _MODES.match(line)) and mode.group(1) not in _TAKEN_MODES:
            return f"line {number} of it is about a file of mode {mode.group(1)}, and only plain files are changed"
        if _BINARY.match(line):
            return f"line {number} of it changes a binary file, and only text is changed"
    return None


def moved_hunk(said: str) -> str | None:
    """The hunk that git applied elsewhere than where it belongs: the patch is of another commit.

    Args:
        said: What `git apply --verbose` printed.
    """
    return next((match.group(1) for line in said.splitlines() if (match := _MOVED.match(line))), None)


def path_within(paths: Sequence[str], folders: Sequence[str]) -> str | None:
    """The first of some paths that is, or lies in, one of some folders."""
    inside = {PurePosixPath(each) for each in folders}
    return next((each for each in paths if inside & {PurePosixPath(each), *PurePosixPath(each).parents}), None)
