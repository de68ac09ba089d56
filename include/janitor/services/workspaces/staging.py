"""Puts what changed in a working tree into an index, by its content alone.

`git add` would run filters, take a repository within the tree for a submodule, and refuse odd names. Here files are
read without following a link, and their objects are written directly.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from janitor.domain.errors import WorkspaceError
from janitor.services.workspaces.git import Git

LARGEST_PATCH_BYTES = 64 * 1024 * 1024
_LINK = "120000"
_FILE = "100644"
_PROGRAM = "100755"
_BATCH = 500
"""Names for one command line; Linux takes 2 MiB of them."""
_GIT_NAMES = (".git", "git~1")
"""What file systems of others take for `.git`. Source: git, path.c, is_ntfs_dotgit; compared without case."""


def stage_changes(git: Git, tree: Path, objects: Path, env: Mapping[str, str]) -> None:
    """Bring an index to what is in the tree.

    Args:
        git: For the tree.
        tree: The working tree.
        objects: Where objects are written.
        env: Names the index.

    Raises:
        WorkspaceError: git can't list or take it, or it is more than a patch may hold.
        OSError: A file can't be read.
    """
    modes = {}
    for entry in git.listed("ls-files", "-z", "--stage", cwd=tree, env=env):
        meta, _, name = entry.partition(b"\t")
        modes[os.fsdecode(name)] = meta.split()[0].decode()
    words = ["ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard"]
    listed = dict.fromkeys(os.fsdecode(name).rstrip("/") for name in git.listed(*words, cwd=tree, env=env))
    gone: list[str] = []
    taken: list[str] = []
    size = 0
    for each in (each for one in listed for each in _files(tree, one)):
        found = _content(tree / each, modes.get(each), LARGEST_PATCH_BYTES - size)
        if found is None:
            gone.append(each)
            continue
        mode, content = found
        size += len(content)
        taken.append(f"{mode},{_write_blob(objects, content)},{each}")
    for batch in _batches(gone):
        git("update-index", "--force-remove", "--", *batch, cwd=tree, env=env)
    for batch in _batches(taken):
        pairs = [word for each in batch for word in ("--cacheinfo", each)]
        git("update-index", "--add", "--replace", *pairs, cwd=tree, env=env)


def _files(tree: Path, name: str) -> Iterator[str]:
    """The files that a listed name stands for: itself, or those of a repository within the tree."""
    path = tree / name
    if path.is_symlink() or not path.is_dir():
        yield name
        return
    for at, folders, files in os.walk(path):
        folders[:] = [each for each in folders if each.casefold() not in _GIT_NAMES]
        links = [each for each in folders if (Path(at) / each).is_symlink()]
        for each in (*files, *links):
            if each.casefold() not in _GIT_NAMES:
                yield str((Path(at) / each).relative_to(tree))


def _content(path: Path, known_mode: str | None, room: int) -> tuple[str, bytes] | None:
    """Mode and content as git has them; None for what is gone or is no file."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return _LINK, os.fsencode(os.readlink(path))
    if not stat.S_ISREG(status.st_mode):
        return None
    if status.st_size > room:
        raise WorkspaceError(f"the work in {path.parent} is more than {LARGEST_PATCH_BYTES} bytes; keep it by hand")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        content = file.read(room + 1)
    # A link of the repository's lies in the tree as a file.
    mode = _LINK if known_mode == _LINK else _PROGRAM if status.st_mode & stat.S_IXUSR else _FILE
    return mode, content


def _write_blob(objects: Path, content: bytes) -> str:
    whole = b"blob %d\0" % len(content) + content
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = objects / name[:2] / name[2:]
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f"tmp_{secrets.token_hex(8)}")
        temporary.write_bytes(zlib.compress(whole, 1))
        temporary.replace(path)
    return name


def _batches(items: Sequence[str]) -> Iterator[list[str]]:
    left = iter(items)
    while batch := list(islice(left, _BATCH)):
        yield batch
