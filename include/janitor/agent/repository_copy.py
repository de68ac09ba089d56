"""Packs a repository that nobody trusts into an archive for a sandbox.

Invariant: every file is opened relative to its folder's descriptor and without following a link, so that nothing
outside the checkout gets in, whatever changes while it is read. Links are packed as links: in the sandbox they lead to
what the sandbox's user may read.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

MAX_BYTES = 256 * 1024 * 1024
"""Largest copy; files beyond it are left out."""
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_FILES = 50_000
_NAME = "workspace"
_OWNER = 65_534


def pack_repository(checkout: Path) -> tuple[bytes, list[str]]:
    """Pack the files of a checkout, without git's own.

    Args:
        checkout: The folder.

    Returns:
        A tar archive with every name below `workspace/`, and notes of what was left out.

    Raises:
        OSError: The folder can't be read.
    """
    packer = _Packer()
    root = os.open(checkout, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        packer.folder(_NAME)
        packer.walk(root, _NAME)
    finally:
        os.close(root)
    return packer.finish(), packer.notes()


class _Packer:
    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  # closed by its owner
        self._entries = 0
        self._left_out: dict[str, int] = {}

    def finish(self) -> bytes:
        self._tar.close()
        return self._buffer.getvalue()

    def notes(self) -> list[str]:
        return [f"{count} {what} left out of the agent's copy" for what, count in sorted(self._left_out.items())]

    def folder(self, name: str) -> None:
        entry = self._entry(name, 0o755)
        entry.type = tarfile.DIRTYPE
        self._tar.addfile(entry)

    def walk(self, folder: int, name: str) -> None:
        for entry_name, info in _listed(folder):
            path = f"{name}/{entry_name}"
            if entry_name == ".git":
                continue  # hooks, configuration and credentials of remotes
            if self._entries >= MAX_FILES:
                self._leave_out("files beyond the limit")
                return
            self._entries += 1
            if stat.S_ISDIR(info.st_mode):
                self._sub_folder(folder, entry_name, path)
            elif stat.S_ISLNK(info.st_mode):
                self._link(folder, entry_name, path)
            elif stat.S_ISREG(info.st_mode):
                self._file(folder, entry_name, path)
            else:
                self._leave_out("special files")

    def _sub_folder(self, folder: int, entry_name: str, path: str) -> None:
        try:
            inner = os.open(entry_name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            self._leave_out("unreadable folders")
            return
        try:
            self.folder(path)
            if path.count("/") < 100:
                self.walk(inner, path)
            else:
                self._leave_out("folders too deep")
        finally:
            os.close(inner)

    def _link(self, folder: int, entry_name: str, path: str) -> None:
        try:
            target = os.readlink(entry_name, dir_fd=folder)
        except OSError:
            self._leave_out("unreadable links")
            return
        entry = self._entry(path, 0o777)
        entry.type = tarfile.SYMTYPE
        entry.linkname = target.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
        self._tar.addfile(entry)

    def _file(self, folder: int, entry_name: str, path: str) -> None:
        # Not blocking: what was a file when it was listed may be a pipe now.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(entry_name, flags, dir_fd=folder)
        except OSError:
            self._leave_out("unreadable files")
            return
        with os.fdopen(handle, "rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                self._leave_out("special files")
                return
            if info.st_size > MAX_FILE_BYTES or self._buffer.tell() + info.st_size > MAX_BYTES:
                self._leave_out("large files")
                return
            content = file.read(MAX_FILE_BYTES)
        entry = self._entry(path, 0o755 if info.st_mode & stat.S_IXUSR else 0o644)
        entry.size = len(content)
        self._tar.addfile(entry, io.BytesIO(content))

    def _entry(self, name: str, mode: int) -> tarfile.TarInfo:
        # Neither set-uid bits nor owners of this machine.
        entry = tarfile.TarInfo(name.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace"))
        entry.mode = mode
        entry.uid = entry.gid = _OWNER
        return entry

    def _leave_out(self, what: str) -> None:
        self._left_out[what] = self._left_out.get(what, 0) + 1


def _listed(folder: int) -> Iterator[tuple[str, os.stat_result]]:
    for name in sorted(os.listdir(folder)):
        try:
            yield name, os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue  # it is gone
