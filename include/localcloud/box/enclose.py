"""What a box's init does before it is an init: take the files of the local cloud and of its owner out of sight.

Runs as a plain script of the base interpreter inside the box's own mount namespace, so it imports only the standard
library. An empty file system is laid over each hidden folder, and what the box needs of it is put back in its place:

    enclose.py --hide FOLDER … --keep PATH … --show PATH … -- PROGRAM.py ARGUMENT …

`--keep` stays as it is, `--show` can only be read. PROGRAM.py then goes on in this process. Where the kernel refuses,
that is said on standard error and the program goes on with everything in sight; `--only-try` says by its exit code
whether it would work.

It hides files from what a validated repository runs, which has no capabilities (the validator drops them). It is no
wall against a root process that has them all: such a one can open the disk itself.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import runpy
import sys
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_REC = 1024, 2048, 4096, 16384
"""Source: linux/mount.h."""
MNT_DETACH = 2
KEPT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME
"""statvfs gives these the same values. In a user namespace they can't be taken away, only named again."""
COVER_OPTIONS = "mode=0755,size=1m"


def main() -> None:
    parser = argparse.ArgumentParser(prog="enclose")
    for name in ("--hide", "--keep", "--show"):
        parser.add_argument(name, type=Path, action="append", default=[])
    parser.add_argument("--folder", type=Path, help="working directory of the program")
    parser.add_argument("--only-try", action="store_true")
    parser.add_argument("program", nargs="*")
    options = parser.parse_args()
    try:
        for folder in outermost(options.hide):
            hide(folder, keep=options.keep, show=options.show)
    except OSError as exc:
        if options.only_try:
            sys.exit(1)
        print(f"the files of this machine's stack stay in sight of its box: {exc}", file=sys.stderr)  # noqa: T201  # what the program tells
    if options.folder is not None:
        # By its path: the old working directory lies beneath the cover, and from there `..` leads to what is hidden.
        os.chdir(options.folder)
    if options.program:
        sys.argv = options.program
        runpy.run_path(options.program[0], run_name="__main__")


def outermost(folders: list[Path]) -> list[Path]:
    """The folders that are there and lie in none of the others."""
    there = sorted({folder.resolve() for folder in folders if folder.is_dir()})
    return [folder for folder in there if not any(other in folder.parents for other in there)]


def hide(folder: Path, *, keep: list[Path], show: list[Path]) -> None:
    """Cover a folder, and put back what may be seen of it. Raises OSError; then everything is as it was."""
    kept = {path: path in keep for path in (*keep, *show) if folder in path.parents and path.exists()}
    opened = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in kept}
    try:
        mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, COVER_OPTIONS)
        try:
            for path, descriptor in sorted(opened.items()):
                put_back(path, descriptor, writable=kept[path])
            mount(None, folder, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, None)
        except OSError:
            with contextlib.suppress(OSError):
                unmount(folder)
            raise
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def put_back(path: Path, descriptor: int, *, writable: bool) -> None:
    """Make a path visible again, from a descriptor that was opened before it was covered."""
    if os.path.isdir(f"/proc/self/fd/{descriptor}"):
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    mount(f"/proc/self/fd/{descriptor}", path, None, MS_BIND | MS_REC, None)
    if not writable:
        flags = os.statvfs(path).f_flag & KEPT_FLAGS
        mount(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, None)


def mount(source: str | None, target: Path, kind: str | None, flags: int, options: str | None) -> None:
    """mount(2). Raises OSError."""
    words = [word.encode() if word is not None else None for word in (source, os.fspath(target), kind, options)]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fspath(target))


def unmount(target: Path) -> None:
    """umount2(2), with everything that lies on it. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fspath(target).encode(), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fspath(target))


if __name__ == "__main__":
    main()
