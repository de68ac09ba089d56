"""An image's file system, as far as it is known: each place is surely there, surely absent, or unknown.

Invariant: what isn't known stays unknown. A place is called absent only where nothing can have brought it since.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import PurePosixPath

_MOST_PLACES = 400_000
"""That all stages of a Dockerfile remember together; where there are more, nothing is known."""
_MOST_WORK = 6_000_000
"""Places that are looked at for all instructions together: some seconds."""
_MOST_LINKS = 40
"""That are followed for one path. Source: Linux, MAXSYMLINKS."""
_MOST_PARTS = 256
"""Of one path; of what lies deeper nothing is known."""


class PlaceKind(Enum):
    """What is at a place."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A file that is surely there."""

    line: int
    """Of the instruction that brought it."""
    mode: int | None
    """Permission bits; None where they aren't known."""
    source: PurePosixPath | None = None
    """The file of the repository whose content it has; None where the content isn't from there."""
    text: str | None = None
    """Content that stands in the Dockerfile itself."""
    is_changed: bool = False
    """Whether something may have changed the content since."""
    lost_returns: bool = False
    """Whether carriage returns were taken out of it."""

    @property
    def may_run(self) -> bool:
        """Whether somebody may execute it, so far as its mode is known."""
        return self.mode is None or self.mode & 0o111 != 0


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is at a path."""

    kind: PlaceKind
    path: str
    """Absolute, behind all links."""
    line: int | None
    """Of the instruction that decides; None where it is so from the start."""
    file: ImageFile | None = None
    target: str | None = None
    """Of a link."""
    in_the_way: str | None = None
    """The file that keeps an absent path from being there: it stands where a folder would have to."""

    @property
    def is_absent(self) -> bool:
        """Whether nothing is there."""
        return self.kind is PlaceKind.ABSENT


class _Node:
    __slots__ = ("children", "emptied", "file", "kind", "line", "rest", "target")

    def __init__(self, kind: PlaceKind, line: int | None, rest: PlaceKind = PlaceKind.UNKNOWN) -> None:
        self.kind = kind
        self.line = line
        self.rest = rest
        """Of a folder: what its other names are, absent or unknown."""
        self.children: dict[str, _Node] = {}
        self.file: ImageFile | None = None
        self.target: str | None = None
        self.emptied: int | None = None
        """Of a folder that was made anew: the line of what took the one before it away."""

    def size(self) -> int:
        """How many places it and all below it are."""
        count, waiting = 0, [self]
        while waiting:
            count += 1
            waiting += waiting.pop().children.values()
        return count

    def copy(self) -> _Node:
        made = _Node(self.kind, self.line, self.rest)
        waiting = [(self, made)]
        while waiting:
            node, other = waiting.pop()
            other.file, other.target, other.emptied = node.file, node.target, node.emptied
            for name, child in node.children.items():
                other.children[name] = _Node(child.kind, child.line, child.rest)
                waiting.append((child, other.children[name]))
        return made

    def become(self, kind: PlaceKind, line: int | None, rest: PlaceKind = PlaceKind.UNKNOWN) -> None:
        self.emptied = self.line if self.kind is PlaceKind.ABSENT and kind is PlaceKind.FOLDER else None
        self.kind, self.line, self.rest = kind, line, rest
        self.children, self.file, self.target = {}, None, None


class Budget:
    """What the stages of one Dockerfile may remember and look at, all together."""

    def __init__(self) -> None:
        self._places = _MOST_PLACES
        self._work = _MOST_WORK

    def remembers(self, count: int) -> bool:
        """Whether there is room for so many places more."""
        self._places -= count
        return self._places >= 0

    def looks_at(self, count: int) -> bool:
        """Whether there is time for so many places more."""
        self._work -= count
        return self._work >= 0


class ImagePlaces:
    """The file system of a stage, changed instruction by instruction.

    Args:
        holds_more: Whether the base may hold what isn't said of it.
        budget: For all stages of the Dockerfile.
    """

    def __init__(self, *, holds_more: bool, budget: Budget) -> None:
        rest = PlaceKind.UNKNOWN if holds_more else PlaceKind.ABSENT
        self._root = _Node(PlaceKind.FOLDER, None, rest)
        self._budget = budget
        self.is_read = True
        """Whether every command was understood. If not, files can also be where none of them is known to be."""

    def copy(self) -> ImagePlaces:
        """The same for a stage that builds on this one."""
        made = ImagePlaces(holds_more=True, budget=self._budget)
        made.is_read = self.is_read
        if self._budget.remembers(self._root.size()):
            made._root = self._root.copy()
        else:
            made._forget()
        return made

    # -- what is there

    def at(self, path: str, *, follows: bool = True) -> Place:
        """What is at an absolute path.

        Args:
            path: The path.
            follows: Whether a link at its end is followed; those before it always are.
        """
        waiting, links = _parts(path)[::-1], 0
        names, nodes = list[str](), [self._root]
        if len(waiting) > _MOST_PARTS:
            return Place(kind=PlaceKind.UNKNOWN, path=path, line=None)
        while waiting:
            name, node = waiting.pop(), nodes[-1]
            if name == "..":
                if names:
                    names.pop()
                    nodes.pop()
                continue
            if node.kind is not PlaceKind.FOLDER:
                return _beyond(node, _path(names), _path([*names, name, *waiting[::-1]]))
            child = node.children.get(name)
            if child is None:
                line = node.emptied if node.rest is PlaceKind.ABSENT else None
                return Place(kind=node.rest, path=_path([*names, name, *waiting[::-1]]), line=line)
            if child.kind is PlaceKind.LINK and (waiting or follows):
                links += 1
                waiting += _parts(child.target or "")[::-1]
                if links > _MOST_LINKS or len(waiting) > _MOST_PARTS:
                    return Place(kind=PlaceKind.UNKNOWN, path=path, line=child.line)
                if (child.target or "").startswith("/"):
                    names, nodes = [], [self._root]
                continue
            names.append(name)
            nodes.append(child)
        node = nodes[-1]
        return Place(kind=node.kind, path=_path(names), line=node.line, file=node.file, target=node.target)

    def names(self, folder: str) -> list[str]:
        """The names in a folder that are known and not absent."""
        node = self._existing(self.at(folder).path)
        if node is None or node.kind is not PlaceKind.FOLDER:
            return []
        return [name for name, child in node.children.items() if child.kind is not PlaceKind.ABSENT]

    def files_below(self, path: str) -> Iterator[tuple[str, ImageFile]]:
        """The known files of a folder and all that is in it, or the file itself."""
        top = self.at(path).path
        node = self._existing(top)
        waiting = [(top, node)] if node is not None else []
        while waiting and self._budget.looks_at(1):
            here, each = waiting.pop()
            if each.file is not None:
                yield here, each.file
            waiting += [(posixpath.join(here, name), child) for name, child in each.children.items()]

    # -- what an instruction does

    def put(self, path: str, file: ImageFile) -> None:
        """A file, in place of whatever was there; the folders around it are made."""
        node = self._made(path, file.line)
        node.become(PlaceKind.FILE, file.line)
        node.file = file

    def change(self, path: str, **changes: object) -> None:
        """Change what is known of a file that is there."""
        node = self._existing(self.at(path).path)
        if node is not None and node.file is not None:
            node.file = replace(node.file, **changes)  # type: ignore[arg-type]  # named by the caller

    def link(self, path: str, target: str, line: int) -> None:
        """A symbolic link."""
        node = self._made(path, line)
        node.become(PlaceKind.LINK, line)
        node.target = target

    def make_folder(self, path: str, line: int | None) -> None:
        """A folder, with those around it; one that is there stays as it is."""
        node = self._made(self.at(path).path, line)
        if node.kind is PlaceKind.ABSENT:
            node.become(PlaceKind.FOLDER, line, PlaceKind.ABSENT)
        elif node.kind is not PlaceKind.FOLDER:
            node.become(PlaceKind.FOLDER, line)

    def remove(self, path: str, line: int | None) -> None:
        """Take away what is at a path, with all that is in it; of a link, the link."""
        place = self.at(path, follows=False)
        if not place.is_absent:
            self._made(place.path, line).become(PlaceKind.ABSENT, line)

    def graft(self, source: ImagePlaces, path: str, target: str, line: int) -> None:
        """Put what another stage, or this one, has at a path to another path, in place of what was there."""
        node = source._existing(source.at(path).path)
        if node is None:
            self.blur(target, line)
            return
        size = node.size()
        if not self._budget.remembers(size) or not self._budget.looks_at(size):
            self._forget()
            return
        made = node.copy()
        spot = self._made(target, line)
        spot.kind, spot.line, spot.rest = made.kind, line, made.rest
        spot.children, spot.file, spot.target = made.children, made.file, made.target

    # -- what can't be read

    def blur(self, path: str, line: int | None) -> None:
        """Anything may be at a path from now on, and nothing of what was there is known."""
        self._perhaps_made(self.at(path).path, line).become(PlaceKind.UNKNOWN, line)
        # The root itself is there, whatever is in it.
        self._root.kind = PlaceKind.FOLDER

    def fill(self, path: str) -> None:
        """Anything may have come into a folder; what is known to be there stays."""
        waiting = [self._perhaps_made(self.at(path).path, None)]
        while waiting:
            node = waiting.pop()
            if not self._budget.looks_at(1):
                self._forget()
                return
            if node.kind is PlaceKind.ABSENT:
                node.become(PlaceKind.UNKNOWN, None)
            node.rest = PlaceKind.UNKNOWN
            waiting += node.children.values()

    # -- within

    def _forget(self) -> None:
        """Nothing is known any more."""
        self._root.become(PlaceKind.FOLDER, None)
        self.is_read = False

    def _existing(self, path: str) -> _Node | None:
        node = self._root
        for name in _parts(path):
            found = node.children.get(name)
            if found is None:
                return None
            node = found
        return node

    def _perhaps_made(self, path: str, line: int | None) -> _Node:
        """The node of a path; or the first folder around it that isn't surely there."""
        node, parts = self._root, _parts(path)
        for index in range(min(len(parts), _MOST_PARTS)):
            if node.kind is not PlaceKind.FOLDER:
                return node
            node = self._made(_path(parts[: index + 1]), line)
        return node

    def _made(self, path: str, line: int | None) -> _Node:
        """The node of a path; the folders around it are there then. It is absent or unknown if it is new."""
        parts = _parts(path)
        node = self._root
        if len(parts) > _MOST_PARTS:
            return _Node(PlaceKind.UNKNOWN, line)
        for index, name in enumerate(parts):
            child = node.children.get(name)
            if child is None:
                child = _Node(node.rest, None)
                if not self._budget.remembers(1):
                    self._forget()
                    return _Node(PlaceKind.UNKNOWN, line)
                node.children[name] = child
            if index < len(parts) - 1 and child.kind is not PlaceKind.FOLDER:
                real = self.at(_path(parts[: index + 1])).path
                if child.kind is PlaceKind.LINK and real != _path(parts[: index + 1]):
                    return self._made(posixpath.join(real, *parts[index + 1 :]), line)
                rest = PlaceKind.ABSENT if child.kind is PlaceKind.ABSENT else PlaceKind.UNKNOWN
                child.become(PlaceKind.FOLDER, line, rest)
            node = child
        return node


def _beyond(node: _Node, above: str, path: str) -> Place:
    """What is below something that is no folder."""
    if node.kind is PlaceKind.UNKNOWN:
        return Place(kind=PlaceKind.UNKNOWN, path=path, line=node.line)
    in_the_way = above if node.kind is PlaceKind.FILE else None
    return Place(kind=PlaceKind.ABSENT, path=path, line=node.line, in_the_way=in_the_way)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _path(parts: list[str]) -> str:
    return "/" + "/".join(parts)
