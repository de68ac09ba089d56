"""Tells when a handler that failed was failed by the place it ran in: no GPU, no memory, no network, or an environment
that is not the image.

Only failures are excused, never turned into a pass: the result is `error`, and the reason says what was missing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from janitor.diagnosis.rules import worker
from janitor.diagnosis.rules.rule import LOOPBACK, Trouble
from janitor.inspection.capability_gap import Gap, listed
from janitor.protocol.terms.reason_codes import ReasonCode

_AROUND = 120
"""Characters shown on either side of what was recognised."""
LONGEST_TEXT = 12_000
"""Characters that are looked at, those at the end."""
_PORT_TAKEN = re.compile(r"(?i)address already in use|EADDRINUSE")
_MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'|ImportError: .*")
_MISSING_LIBRARY = re.compile(r"cannot open shared object file|OSError: .{0,200}?lib\S{1,60}?\.so")
_NEWER_SYNTAX = re.compile(r"(?:Syntax|Indentation)Error: .*")
_REFUSED = re.compile(r"(?i)connection ?refused|ECONNREFUSED|failed to establish a new connection")
_MISSING_FILE = re.compile(
    r"(?:FileNotFoundError|PermissionError|NotADirectoryError|OSError): .{0,500}?['\"]([^'\"\n]{1,4096})['\"]"
)
# Of paths that lead out of the worker's own folders: a container's root may write there, and finds nobody's files.
_NOT_OURS = re.compile(r"(?:PermissionError|FileExistsError): .{0,500}?['\"](/[^'\"\n]{1,4096})['\"]")
# The same as shells, core utilities and other programs say it, and as an exception's text without its class has it.
_DENIED = re.compile(
    r"\[Errno 13\] [^\n'\"]{0,200}['\"](/[^'\"\n]{1,4096})['\"]"
    r"|(?<![\w.@+/-])(/[\w.@+/-]{1,400})['\u2019\"]?: Permission denied"
)
_NO_DATABASE = re.compile(r"unable to open database file")
"""SQLite names no path: whether it is one that a container's root may write to can't be told."""
_ERROR = re.compile(r"(?i)error|exception")
_ABSOLUTE = re.compile(r"(?<![\w./:~-])(?:/[\w.@+-]+)+")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a handler ran."""

    has_gpu: bool
    gaps: tuple[Gap, ...]
    """What the image has and this place lacks; empty in a container of the image."""
    in_image: Callable[[str], bool]
    """Whether the repository puts something at this absolute path of the image."""
    is_image: bool
    """Whether it ran in a container of the image."""
    unfetched_files: tuple[str, ...] = ()
    """Files that are only Git LFS pointers here."""
    made: frozenset[str] = frozenset()
    """Absolute paths of what the build's commands make in the image."""
    root: str = ""
    """What stands for the image's root here; empty in a container."""
    workdir: str = "/"
    """Where the worker starts, in the image."""
    base_modules: frozenset[str] = frozenset()
    """Modules that images bring with their Python, beside its standard library, and this place doesn't."""
    killed_for_memory: bool = False
    """Whether this machine's kernel killed something for want of memory while the worker ran."""
    hub_variables: frozenset[str] = frozenset()
    """Variables that hub.json has the platform set, and that nothing sets here."""
    named_folders: Callable[[], frozenset[str]] = frozenset
    """The image's absolute paths that the worker's programs name; read only when that is asked."""


def host_condition(text: str, place: Place) -> Trouble | None:
    """What in the place made the handler fail; None if nothing did, so far as can be told.

    Args:
        text: What the worker printed, its exception included; empty to go by the place alone.
        place: Where it ran.
    """
    text = text[-LONGEST_TEXT:]
    if place.killed_for_memory:
        return _trouble(ReasonCode.OUT_OF_MEMORY, "the instance's kernel killed a process for want of memory meanwhile")
    for rule in worker.WITH_GPU if place.has_gpu else worker.WITHOUT_GPU:
        matches = (each for each in rule.pattern.finditer(text) if not rule.is_remote or not _is_its_own(text, each))
        if match := next(matches, None):
            return rule.trouble(_around(text, match))
    for name in sorted(place.hub_variables):
        if match := re.search(worker.says_missing(rf"\b{re.escape(name)}\b"), text):
            reason = f"hub.json has the platform set {name}, and nothing sets it here: {_around(text, match)}"
            return _trouble(ReasonCode.PLATFORM_ONLY, reason)
    if place.unfetched_files:
        names = ", ".join(place.unfetched_files[:3])
        return _trouble(
            ReasonCode.LFS_UNFETCHED, f"{len(place.unfetched_files)} files are only Git LFS pointers here: {names}"
        )
    return None if place.is_image else _not_the_image(text, place)


def excuse(printed: str, reason: str, place: Place) -> Trouble | None:
    """What in the place made a worker fail, by what it printed and by what it is blamed for; None if nothing did.

    Args:
        printed: By the worker; empty where nothing of it can be the cause.
        reason: Why the worker is blamed, which may be what it answered.
        place: Where it ran.
    """
    return host_condition(printed, place) or denied_here(reason, place)


def denied_here(text: str, place: Place) -> Trouble | None:
    """Why a path of the machine that was refused says nothing of the worker: in a container it is the worker's own.

    Good for what a worker answers, too: no other reason of this engine's is told by a path.
    """
    if place.is_image:
        return None
    if match := _NO_DATABASE.search(text):
        said = _around(text, match)
        return _trouble(
            ReasonCode.ENGINE_LIMIT, f"a container's root may write where the venv engine's may not: {said}"
        )
    match = _DENIED.search(text)
    path = match and (match[1] or match[2])
    if match is None or not path or (place.root and path.startswith(place.root)):
        return None
    return _trouble(
        ReasonCode.ENGINE_LIMIT,
        f"a container's root may write to {path}, the venv engine's not: {_around(text, match)}",
    )


def _not_ours(text: str, place: Place) -> Trouble | None:
    match = _NOT_OURS.search(text)
    if match is None or (place.root and match.group(1).startswith(place.root)):
        return None
    return _trouble(
        ReasonCode.ENGINE_LIMIT,
        f"a container has {match.group(1)} to itself, the venv engine hasn't: {_around(text, match)}",
    )


def _not_the_image(text: str, place: Place) -> Trouble | None:
    if match := _MISSING_FILE.search(text):
        path = match.group(1)
        if _is_in_image(path, place):
            return _trouble(ReasonCode.ENGINE_LIMIT, f"{path} is in the image, but the venv engine has no such path")
    if trouble := _not_ours(text, place) or denied_here(text, place):
        return trouble
    if match := _PORT_TAKEN.search(text):
        reason = f"another process of this instance has a port that the worker wants: {_around(text, match)}"
        return _trouble(ReasonCode.PORT_IN_USE, reason)
    for match in _MISSING_MODULE.finditer(text):
        if trouble := _module_of_the_image((match.group(1) or "").partition(".")[0], place):
            return trouble
    if path := _path_of_the_image(text, place):
        return _trouble(ReasonCode.ENGINE_LIMIT, f"{path} is in the image, but the venv engine has no such path")
    if not place.gaps:
        return None
    lacks = f"the venv engine lacks what the image has ({listed(place.gaps)})"
    for pattern in (_MISSING_LIBRARY, _MISSING_MODULE, _MISSING_FILE, _REFUSED):
        if match := pattern.search(text):
            return _trouble(ReasonCode.ENGINE_LIMIT, f"{lacks}: {_around(text, match)}")
    # What another Python calls an error may be this one's lack.
    if any(gap.text.startswith("Python ") for gap in place.gaps) and (match := _NEWER_SYNTAX.search(text)):
        return _trouble(ReasonCode.ENGINE_LIMIT, f"{lacks}: {_around(text, match)}")
    if any(gap.is_deep for gap in place.gaps):
        return _trouble(ReasonCode.ENGINE_LIMIT, f"{lacks}, of which this failure may come")
    return None


def _module_of_the_image(module: str, place: Place) -> Trouble | None:
    """A missing module that the image's Python brings, or that lies in a folder which a program names absolutely."""
    if module in place.base_modules:
        return _trouble(ReasonCode.ENGINE_LIMIT, f"the image's Python comes with {module}, the venv engine's does not")
    if not module:
        return None
    for folder in place.named_folders():
        if any(place.in_image(posixpath.join(folder, name)) for name in (module, f"{module}.py")):
            reason = f"a program names {folder}, which has {module} in the image, but the venv engine has no such path"
            return _trouble(ReasonCode.ENGINE_LIMIT, reason)
    return None


def _path_of_the_image(text: str, place: Place) -> str | None:
    """An absolute path of the image on the line of an error: a worker may say in its own words what it doesn't find."""
    for line in text.splitlines():
        for match in _ABSOLUTE.finditer(line) if _ERROR.search(line) else ():
            path = match.group().rstrip(".")
            if not (place.root and path.startswith(place.root)) and _is_in_image(path, place):
                return path
    return None


def _is_its_own(text: str, match: re.Match[str]) -> bool:
    """Whether what looks like the network is a server of the worker's own, on the loopback interface."""
    return LOOPBACK.search(_around(text, match)) is not None


def _is_in_image(path: str, place: Place) -> bool:
    """Whether the image has this path, or the folder that it is in was made for such files."""
    is_absolute = path.startswith("/")
    if place.root and path.startswith(place.root):
        path = path[len(place.root) :]
    full = posixpath.normpath(posixpath.join(place.workdir, path))
    if full in place.made or posixpath.dirname(full) in place.made:
        return True
    return is_absolute and place.in_image(path)


def _trouble(code: ReasonCode, reason: str) -> Trouble:
    return Trouble(repository_at_fault=False, code=code, reason=reason)


def _around(text: str, match: re.Match[str]) -> str:
    """The line of a match, or the part of it around the match where the line is long."""
    start = max(text.rfind("\n", 0, match.start()) + 1, match.start() - _AROUND)
    end = text.find("\n", match.end())
    stop = min(end if end >= 0 else len(text), match.end() + _AROUND)
    return " ".join(text[start:stop].split())
