"""What lies in a machine's folders, each entry in a line that changes with it. No link is followed, no pipe opened.

Every walk is bounded in entries and by the clock: a folder that is too large says so, and can't be compared.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from janitor.guest.regular_file import read_beginning
from janitor.protocol.reuse.manifest import LONGEST_NAME, MOST_ENTRIES, Area, AreaSeen
from janitor.validator.reuse.places import Folder

_MOST_READ = 1024 * 1024
"""Bytes of a file whose content counts; of a longer one its size and its instant of change count, too."""
_DIGEST = 32
"""Hex digits: enough that nobody finds a second text."""
_MOST_SEEN = 400_000
"""Entries that one walk passes."""
_MOST_DEEP = 12
_KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
}


class Clock:
    """Until when it may be looked."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self.is_over = False
        """Whether something was cut short."""

    def has_time(self) -> bool:
        """Whether there is time left; what asks and is refused has cut itself short."""
        if time.monotonic() < self._ends_at:
            return True
        self.is_over = True
        return False


def contents(paths: Iterable[Path], clock: Clock) -> AreaSeen:
    """Files and folders by their content."""
    found = _Found()
    for path in paths:
        for each, noted in _below(path, _MOST_DEEP, clock, found):
            found.add(name_of(each), _content(each, noted))
    return found.area(Area.FILES)


def programs(folders: Iterable[Folder], clock: Clock) -> AreaSeen:
    """Folders by what the kernel notes of the files in them; the newest is named."""
    found = _Found()
    for folder in folders:
        _note_folders(folder.path, folder.depth, clock, found)
    return found.area(Area.PROGRAMS)


def set_uid(folders: Iterable[Folder], clock: Clock) -> AreaSeen:
    """Programs that run as another than who starts them."""
    found = _Found()
    for folder in folders:
        for path, noted in _below(folder.path, folder.depth, clock, found):
            if stat.S_ISREG(noted.st_mode) and noted.st_mode & (stat.S_ISUID | stat.S_ISGID):
                found.add(name_of(path), f"{noted.st_mode & 0o7777:o} {noted.st_uid}:{noted.st_gid} {_instants(noted)}")
    return found.area(Area.SET_UID)


def name_of(path: str | Path) -> str:
    """A path as a document can hold it; a long one by its beginning and its hash."""
    raw = os.fsencode(path)
    text = raw.decode("utf-8", "backslashreplace")
    if len(text) <= LONGEST_NAME:
        return text
    return f"{text[: LONGEST_NAME - 50]}…{hashlib.sha256(raw).hexdigest()[:_DIGEST]}"


class _Found:
    """Entries, up to a limit; what is more is counted."""

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}
        self._left_out = 0
        self.seen = 0

    def add(self, name: str, value: str) -> None:
        if name in self._entries or len(self._entries) < MOST_ENTRIES:
            self._entries[name] = value
        else:
            self._left_out += 1

    def leave_out(self) -> None:
        self._left_out += 1

    def area(self, area: Area) -> AreaSeen:
        return AreaSeen(area=area, entries=self._entries, left_out=self._left_out)


def _below(path: Path, depth: int, clock: Clock, found: _Found) -> Iterator[tuple[str, os.stat_result]]:
    """A path, and what is below it where it is a folder, each with what the kernel notes of it."""
    waiting = [(os.fspath(path), depth)]
    while waiting:
        here, left = waiting.pop()
        noted = _noted(here)
        if noted is None:
            continue
        found.seen += 1
        if found.seen > _MOST_SEEN or not clock.has_time():
            found.leave_out()
            return
        yield here, noted
        if left > 0 and stat.S_ISDIR(noted.st_mode):
            try:
                names = sorted(os.listdir(here), reverse=True)
            except OSError as exc:
                found.add(name_of(here), f"unreadable: {exc.strerror}")
                continue
            waiting += [(os.path.join(here, name), left - 1) for name in names]


def _note_folders(folder: Path, depth: int, clock: Clock, found: _Found) -> None:
    waiting = [(os.fspath(folder), depth)]
    while waiting:
        here, left = waiting.pop()
        if not os.path.isdir(here):
            continue
        digest, newest, count = hashlib.sha256(), (0, ""), 0
        try:
            names = sorted(os.listdir(here))
        except OSError as exc:
            found.add(name_of(here), f"unreadable: {exc.strerror}")
            continue
        for name in names:
            found.seen += 1
            if found.seen > _MOST_SEEN or not clock.has_time():
                found.leave_out()
                return
            path = os.path.join(here, name)
            noted = _noted(path)
            if noted is None:
                continue
            if stat.S_ISDIR(noted.st_mode):
                waiting += [(path, left - 1)] if left > 1 else []
                line = f"{noted.st_mode} {noted.st_uid}:{noted.st_gid}"
            else:
                line = f"{noted.st_mode} {noted.st_uid}:{noted.st_gid} {_instants(noted)}"
                newest = max(newest, (noted.st_ctime_ns, name))
            digest.update(f"{name_of(name)}\0{line}\n".encode())
            count += 1
        shown = name_of(newest[1])[:100]
        found.add(name_of(here), f"{count} entries, {digest.hexdigest()[:_DIGEST]}, last changed {shown or 'none'}")


def _content(path: str, noted: os.stat_result) -> str:
    owned = f"{noted.st_mode & 0o7777:o} {noted.st_uid}:{noted.st_gid}"
    if stat.S_ISLNK(noted.st_mode):
        try:
            return f"link {_digest(os.fsencode(os.readlink(path)))}"
        except OSError as exc:
            return f"unreadable link: {exc.strerror}"
    if not stat.S_ISREG(noted.st_mode):
        return f"{_KINDS.get(stat.S_IFMT(noted.st_mode), 'other')} {owned}"
    content = read_beginning(Path(path), _MOST_READ)
    if content is None:
        return f"unreadable {owned} {_instants(noted)}"
    more = f" {_instants(noted)}" if noted.st_size > _MOST_READ else ""
    return f"file {owned} {_digest(content)}{more}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGEST]


def _instants(noted: os.stat_result) -> str:
    """Its size, and when the kernel saw it change: that instant is none that a program can set."""
    return f"{noted.st_size} {noted.st_ctime_ns}"


def _noted(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None
