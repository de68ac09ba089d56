"""What starts the program in a container, or runs its first script, and is surely in no folder of the image."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from janitor.inspection.provision.system.state import BIN_FOLDERS, Missing, StageState

STARTERS = frozenset({"tini", "dumb-init", "gunicorn"})
"""Programs that stand first in a command and that no known base image brings."""
_OPT = "/opt/"


def lacks_starter(
    word: str, folders: tuple[str, ...] | None, state: StageState, may_hold: Callable[[str], bool]
) -> bool:
    """Whether one of `STARTERS` is surely nowhere where it is looked for.

    Args:
        word: As the command names it: by its name or its absolute path.
        folders: Of PATH; None where they aren't known.
        state: The final image.
        may_hold: Whether the repository may have put a file at an absolute path.
    """
    name = posixpath.basename(word)
    if name not in STARTERS or state.system is None or state.open_files is not None or state.open_programs is not None:
        return False
    if "/" in word and not word.startswith("/"):
        return False
    paths = [word] if "/" in word else [posixpath.join(folder, word) for folder in folders or ()]
    if not paths or any(may_hold(path) or path in state.programs or state.is_vague(path) for path in paths):
        return False
    # A link or a copy under this name stands among the names.
    return isinstance(state.look_up(name, tuple(sorted(BIN_FOLDERS)), holds_file=False), Missing)


def lacks_interpreter(path: str, state: StageState, may_hold: Callable[[str], bool]) -> bool:
    """Whether nothing has made the folder in /opt of an interpreter that a `#!` line names."""
    if not path.startswith(_OPT) or path.count("/") < 3 or may_hold(path):
        return False
    folder = path.split("/")[2]
    if any(folder in text for text in state.texts):
        return False
    return isinstance(state.look_up(path, None, holds_file=False), Missing)
