"""Removes folders that other programs have filled, whatever they have made of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

REMOVAL_SECONDS = 120


def remove_tree(folder: Path) -> bool:
    """Remove a folder; returns whether it is gone, and never raises for what is in it.

    `rm` rather than `shutil.rmtree`, which calls itself for every level: a folder a thousand levels deep ends it with
    a RecursionError, and with that whoever wanted the folder removed.
    """
    for attempt in range(2):
        if attempt and folder.exists() and not folder.is_symlink():
            # What took its own folders' write permission away is no reason to keep it.
            _call("chmod", "-R", "u+rwX", "--", str(folder))
        _call("rm", "-rf", "--", str(folder))
        if not folder.exists() and not folder.is_symlink():
            return True
    return False


def _call(*argv: str) -> None:
    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=REMOVAL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
