"""Folders that other programs fill: placed apart from each other, and removed whatever was made of them."""

from __future__ import annotations

import fcntl
import os
import subprocess
from array import array
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


_GET_FLAGS, _SET_FLAGS = 0x8008_6601, 0x4008_6602
"""FS_IOC_GETFLAGS and FS_IOC_SETFLAGS where a long has 64 bits. Source: linux/fs.h."""
_TOP_OF_HIERARCHIES = 0x0002_0000
"""FS_TOPDIR_FL, what `chattr +T` sets. Source: chattr(1), ioctl_iflags(2)."""


def spread_subfolders(folder: Path) -> bool:
    """Tell the file system that the folder's subfolders have nothing to do with each other; returns whether it listens.

    ext4 puts files near their folder, and for minutes takes no inode again that was freed there: each new file then
    looks at every one that the folder beside it has just lost. A virtual environment beside a removed one took four
    times as long. Source: `recently_deleted` in Linux's fs/ext4/ialloc.c.
    """
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        flags = array("l", [0])
        fcntl.ioctl(opened, _GET_FLAGS, flags, True)
        flags[0] |= _TOP_OF_HIERARCHIES
        fcntl.ioctl(opened, _SET_FLAGS, flags)
    except OSError:
        return False  # another file system; its ways are its own
    finally:
        os.close(opened)
    return True
