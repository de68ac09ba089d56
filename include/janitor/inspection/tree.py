"""Reads a checkout without being led out of it.

Invariant: no read follows a symlink to anything outside the checkout, blocks on a pipe or a device, or takes more
memory than its limit.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

MAX_ENTRIES = 200_000
"""Entries of a tree that are looked at; what lies beyond is not."""
MAX_DEPTH = 200
"""Folders within each other that are looked into; no worker needs a tenth of it."""
MAX_PATH_BYTES = 4_095
"""Longest path that is looked at, the checkout's own included. Source: Linux, PATH_MAX, without the closing NUL."""
MAX_READ_BYTES = 4 * 1024 * 1024
"""Largest file that is read as text or JSON."""


class UnreadableError(Exception):
    """A file of the repository can't be read as what it should be; the message says why, for people."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file or a symlink of the tree."""

    path: PurePosixPath
    """Relative to the tree's root."""
    size_bytes: int
    is_symlink: bool
    mode: int
    """Permission bits."""


class RepositoryTree:
    """A checkout's files.

    Args:
        root: The checkout's folder.
        only: The files that count, relative to the root, such as those that git doesn't ignore; None is all of them.
            A folder among them counts with all that is in it.
        modes: Permission bits of files, by their paths, that go before those of the folder.
    """

    def __init__(
        self, root: Path, *, only: Iterable[str] | None = None, modes: Mapping[str, int] | None = None
    ) -> None:
        self._modes = modes or {}
        self.root = root.resolve()
        self._only = None if only is None else tuple(sorted(set(only)))
        self._too_deep: PurePosixPath | None = None
        self._root_bytes = len(os.fsencode(self.root)) + 1

    @property
    def too_deep(self) -> PurePosixPath | None:
        """The first path that lies deeper, or is longer, than is looked at; what is in it isn't among the entries."""
        _ = self.entries  # found while they are listed
        return self._too_deep

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All files and symlinks, sorted by path, without those of git itself; at most `MAX_ENTRIES`."""
        found: list[Entry] = []
        if self._only is None:
            return self._below(self.root)
        for name in self._only:
            if self._is_too_deep(name):
                continue
            path = self.root / name
            try:
                info = path.lstat()
            except (OSError, ValueError):
                continue  # known to git, and removed since
            if stat.S_ISDIR(info.st_mode):
                found += self._below(path)
            elif stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode):
                link = stat.S_ISLNK(info.st_mode)
                mode = self._modes.get(name, stat.S_IMODE(info.st_mode))
                entry = Entry(path=PurePosixPath(name), size_bytes=info.st_size, is_symlink=link, mode=mode)
                found.append(entry)
        return tuple(found[:MAX_ENTRIES])

    def _below(self, top: Path) -> tuple[Entry, ...]:
        found: list[Entry] = []
        for folder, folders, files in os.walk(top):
            base = Path(folder)
            # A submodule's .git is a file.
            folders[:] = sorted(name for name in folders if name != ".git")
            inside = base.relative_to(self.root).as_posix()
            folders[:] = [name for name in folders if not self._is_too_deep(f"{inside}/{name}/")]
            # A symlink to a folder is listed among the folders, though it is not walked into.
            links = [name for name in folders if (base / name).is_symlink()]
            for name in sorted({*files, *links} - {".git"}):
                path = base / name
                if self._is_too_deep(f"{inside}/{name}"):
                    continue
                info = path.lstat()
                if stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode):
                    found.append(
                        Entry(
                            path=PurePosixPath(path.relative_to(self.root).as_posix()),
                            size_bytes=info.st_size,
                            is_symlink=stat.S_ISLNK(info.st_mode),
                            mode=stat.S_IMODE(info.st_mode),
                        )
                    )
            if len(found) >= MAX_ENTRIES:
                break
        return tuple(found[:MAX_ENTRIES])

    def _is_too_deep(self, name: str) -> bool:
        """Whether a path isn't looked at; the first one is kept. A folder's path ends with a slash."""
        is_too_deep = name.count("/") > MAX_DEPTH or self._root_bytes + len(os.fsencode(name)) > MAX_PATH_BYTES
        if is_too_deep and self._too_deep is None:
            self._too_deep = PurePosixPath(name)
        return is_too_deep

    @cached_property
    def unfetched_folders(self) -> tuple[PurePosixPath, ...]:
        """The folders among the files that count in which there is nothing: submodules that aren't fetched."""
        found = []
        for name in self._only or ():
            try:
                path = self.root / name
                is_empty = stat.S_ISDIR(path.lstat().st_mode) and not set(os.listdir(path)) - {".git"}
            except (OSError, ValueError):
                continue
            if is_empty:
                found.append(PurePosixPath(name.rstrip("/")))
        return tuple(found)

    @property
    def is_cut(self) -> bool:
        """Whether the tree has more entries than `entries` holds."""
        return len(self.entries) >= MAX_ENTRIES

    @cached_property
    def escaping_symlinks(self) -> tuple[tuple[PurePosixPath, str], ...]:
        """The symlinks that lead out of the tree, each with its target."""
        return tuple(
            (entry.path, os.readlink(self.root / entry.path))
            for entry in self.entries
            if entry.is_symlink and not self._is_inside(self.root / entry.path)
        )

    def is_file(self, path: PurePosixPath | str) -> bool:
        """Whether there is a regular file, itself or behind a symlink within the tree."""
        target = self._resolve(path)
        return target is not None and target.is_file() and self._counts(target)

    def is_folder(self, path: PurePosixPath | str) -> bool:
        """Whether there is a folder, itself or behind a symlink within the tree."""
        target = self._resolve(path)
        return target is not None and target.is_dir() and self._counts(target)

    def real(self, path: PurePosixPath | str) -> PurePosixPath | None:
        """The path behind symlinks within the tree; None where they lead out of it."""
        target = self._resolve(path)
        return None if target is None else PurePosixPath(target.relative_to(self.root).as_posix())

    def link_target(self, path: PurePosixPath | str) -> str | None:
        """Where a symlink says that it leads; None for anything else."""
        try:
            return os.readlink(self.root / PurePosixPath(path))
        except (OSError, ValueError):
            return None

    def names(self, folder: PurePosixPath | str) -> tuple[str, ...]:
        """The names in a folder, sorted; empty if it isn't there."""
        target = self._resolve(folder)
        if target is None or not target.is_dir():
            return ()
        return tuple(sorted(name for name in os.listdir(target) if self._counts(target / name)))

    @cached_property
    def _counted(self) -> frozenset[PurePosixPath]:
        listed = {path for entry in self.entries for path in (entry.path, *entry.path.parents)}
        return frozenset({*listed, *self.unfetched_folders})

    def _counts(self, target: Path) -> bool:
        if self._only is None:
            return True
        return PurePosixPath(target.relative_to(self.root).as_posix()) in self._counted

    def read(self, path: PurePosixPath | str, *, most: int = MAX_READ_BYTES) -> bytes:
        """The content of a file.

        Args:
            path: Relative to the root.
            most: Largest size that is read, in bytes.

        Raises:
            UnreadableError: It isn't there, no regular file, larger than `most`, or a symlink out of the tree.
        """
        target = self._resolve(path)
        if target is None:
            raise UnreadableError(f"{path} leads out of the repository")
        try:
            handle = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as exc:
            raise UnreadableError(f"{path}: {exc.strerror}") from exc
        with os.fdopen(handle, "rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise UnreadableError(f"{path} is no regular file")
            if info.st_size > most:
                raise UnreadableError(f"{path} has {info.st_size} bytes; at most {most} are read")
            return file.read(most + 1)[:most]

    def read_text(self, path: PurePosixPath | str, *, most: int = MAX_READ_BYTES) -> str:
        """The content of a UTF-8 file, without its byte order mark.

        Args:
            path: Relative to the root.
            most: Largest size that is read, in bytes.

        Raises:
            UnreadableError: As for `read`, or it is not UTF-8.
        """
        try:
            return self.read(path, most=most).decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise UnreadableError(f"{path} is not UTF-8: {exc.reason} at byte {exc.start}") from exc

    def _resolve(self, path: PurePosixPath | str) -> Path | None:
        target = self.root / PurePosixPath(path)
        try:
            resolved = target.resolve()
        except (OSError, RuntimeError, ValueError):
            return None  # a loop of symlinks, or a name with a NUL
        return resolved if resolved == self.root or self.root in resolved.parents else None

    def _is_inside(self, path: Path) -> bool:
        # An absolute link is an escape even if it happens to point at this very checkout.
        if os.path.isabs(os.readlink(path)):
            return False
        try:
            path.stat()
        except OSError as exc:
            if exc.errno == errno.ELOOP:
                return True  # leads nowhere at all, which no reader follows
        return self._resolve(PurePosixPath(path.relative_to(self.root).as_posix())) is not None
