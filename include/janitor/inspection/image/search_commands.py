"""What `find` does to the files that it comes upon."""

from __future__ import annotations

import posixpath
import re

from janitor.inspection.dockerfile.patterns import CopyPattern
from janitor.inspection.image.places import ImagePlaces

_ACTS = frozenset({"-exec", "-execdir", "-ok", "-okdir", "-delete"})
_ALTERS = frozenset({"-o", "-or", "!", "-not", "-iname", "-regex", "-path", "-wholename", "-newer"})
_KEEPS_PLACES = frozenset({"chmod", "sed", "dos2unix", "touch"})
_QUIET = frozenset({"ls", "cat", "grep", "echo", "file", "stat", "head", "wc", "du", "strip", "chown"})


def find_changes(words: list[str], places: ImagePlaces, *, folder: str | None, line: int) -> None:
    """Do what a `find` does: what it acts on is known no more.

    Args:
        words: The command.
        places: The file system.
        folder: Where it is run; None where that can't be told.
        line: Of the RUN instruction.
    """
    acts = [index for index, word in enumerate(words) if word in _ACTS]
    if not acts:
        return
    program = words[acts[0] + 1] if words[acts[0]] != "-delete" and acts[0] + 1 < len(words) else "rm"
    if program in _QUIET:
        return
    first_test = next((index for index, word in enumerate(words[1:], start=1) if word.startswith(("-", "!", "("))), 1)
    starts = words[1:first_test] or ["."]
    is_known = program in _KEEPS_PLACES or program in ("rm", "rmdir")
    if folder is None or not is_known or any(re.search(r"[$`~*?{]", each) for each in starts):
        places.blur("/", line)
        places.is_read = False
        return
    patterns = _names(words[: acts[0]])
    for start in starts:
        top = posixpath.normpath(posixpath.join(folder, start))
        for path, _ in list(places.files_below(top)):
            parts = [part for part in path[len(top) :].split("/") if part] or [posixpath.basename(path)]
            # A folder of that name goes with all that is in it.
            if patterns is not None and not any(each.fits(part) for each in patterns for part in parts):
                continue
            if program in _KEEPS_PLACES:
                places.change(path, mode=None, is_changed=program != "chmod")
            else:
                places.blur(path, line)


def _names(words: list[str]) -> list[CopyPattern] | None:
    """The names that are looked for; None where others may be meant, too."""
    if any(word in _ALTERS for word in words):
        return None
    found = [CopyPattern(words[index + 1]) for index, word in enumerate(words[:-1]) if word == "-name"]
    return found or None
