"""What differs between the last success and a failure of the same commit: what can be put back, and what can't.

Invariant: what is put back is the repository's world alone: its packages, its base images, its Python. A machine, a
driver or a validator that changed is told, and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from janitor.domain.culprit.minimize import PutBack
from janitor.domain.result.provenance_changes import Changed, PartChange, every_change
from janitor.inspection.install.requirements import normalised
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import CheckName, Engine

_MACHINES = "the machine's or the validator's, not the repository's"
_SHORTEST_NAMED = 3
"""Characters of a package's name that is looked for in a log: shorter ones are everywhere."""
UNKNOWN = "unknown"
"""A version that nobody knows, as where an installation comes to no end."""
_SAFE = re.compile(r"[A-Za-z0-9][\w.!+-]{0,199}")
"""Names and versions that are written into a file of the repository."""


class Way(str, Enum):
    """How packages are put back."""

    INSTALLED = "installed"  # what was put in their place is replaced, once all is installed: nothing else moves
    BOUND = "bound"  # the installer may take no other version: where it comes to no end today


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A change that stays as it is."""

    change: PartChange
    reason: str


@dataclass(frozen=True, kw_only=True)
class Differences:
    """From green to red."""

    way: Way
    candidates: tuple[PartChange, ...]
    """What can be put back. Where packages are bound, all that were there: what they are now is `UNKNOWN`."""
    kept: tuple[Kept, ...]


def differences(good: Report, bad: Report) -> Differences:
    """What changed from the last success to a failure.

    Args:
        good: The last success.
        bad: The failure, of the same commit.
    """
    changes = every_change(good, bad)
    candidates: list[PartChange] = []
    kept: list[Kept] = []
    has_images = any(each.part is Changed.BASE_IMAGE for each in changes) and bad.engine is Engine.DOCKER
    for change in changes:
        if (reason := _kept_because(change, bad, has_images=has_images)) is not None:
            kept.append(Kept(change=change, reason=reason))
        else:
            candidates.append(change)
    way = Way.INSTALLED
    if not _packages(bad) and bad.failing_check in (CheckName.BUILD.value, CheckName.DEPS_RESOLVE.value):
        way = Way.BOUND
        bound = [
            PartChange(part=Changed.PACKAGE, name=name, before=version, after=UNKNOWN)
            for name, version in sorted(_packages(good).items())
        ]
        candidates += [each for each in bound if _is_safe(each)]
    return Differences(way=way, candidates=tuple(candidates), kept=tuple(kept))


def key_of(change: PartChange) -> str:
    """Of a change among those of one failure."""
    return f"{change.part.value} {change.name or ''}".rstrip()


def by_likelihood(candidates: Iterable[PartChange], *, direct: Collection[str], said: str) -> tuple[PartChange, ...]:
    """The likeliest first.

    Args:
        candidates: The changes.
        direct: Packages that the repository asks for itself, as PEP 503 normalises names.
        said: What the check that failed said.
    """
    named = _named(said)
    return tuple(sorted(candidates, key=lambda each: (_rank(each, direct, named), key_of(each))))


def hunches(candidates: Iterable[PartChange], *, direct: Collection[str], said: str) -> tuple[PutBack, ...]:
    """Sets that are likely to hold the culprit: what the failure names, and that with what is asked for directly."""
    named = _named(said)
    ranks = {key_of(each): _rank(each, direct, named) for each in candidates}
    first = frozenset(key for key, rank in ranks.items() if rank < _Rank.DIRECT)
    second = frozenset(key for key, rank in ranks.items() if rank <= _Rank.DIRECT)
    return tuple(dict.fromkeys(each for each in (first, second) if each and len(each) < len(ranks)))


class _Rank(int, Enum):
    NAMED_AND_DIRECT = 0
    NAMED = 1
    DIRECT = 2
    IMAGE = 3
    OTHER = 4
    GONE = 5
    CAME = 6


def _rank(change: PartChange, direct: Collection[str], named: str) -> int:
    if change.part is not Changed.PACKAGE:
        return _Rank.IMAGE
    name = normalised(change.name or "")
    # A module has underscores where its package has dashes.
    is_named = len(name) >= _SHORTEST_NAMED and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", named) is not None
    if is_named:
        return _Rank.NAMED_AND_DIRECT if name in direct else _Rank.NAMED
    if change.before is None:
        return _Rank.CAME
    if name in direct:
        return _Rank.DIRECT
    return _Rank.GONE if change.after is None else _Rank.OTHER


def _named(said: str) -> str:
    """Text in which a package's name is looked for: of `torch.nn` and `site-packages/torch/` it finds torch."""
    return re.sub(r"_+", "-", said.lower())


def _kept_because(change: PartChange, bad: Report, *, has_images: bool) -> str | None:
    """Why a change stays as it is; None where it can be put back."""
    if change.part is Changed.PACKAGE:
        return None if _is_safe(change) else "its name or version can't be written into a file"
    if change.part is Changed.BASE_IMAGE:
        if bad.engine is not Engine.DOCKER:
            return "the failure was seen without an image being built"
        digests = change.before is not None and ":" in change.before and change.name is not None
        return None if digests and change.before and change.before.startswith("sha") else "no digest is known of it"
    if change.part is Changed.PYTHON:
        if has_images:
            return "it comes with its base image"
        return None if _minor(change.before) != _minor(change.after) else "the same minor version"
    return _MACHINES


def _is_safe(change: PartChange) -> bool:
    return all(value is None or _SAFE.fullmatch(value) for value in (change.name, change.before, change.after))


def _minor(version: str | None) -> str:
    return ".".join((version or "").split(".")[:2])


def _packages(report: Report) -> Mapping[str, str]:
    packages = report.provenance.packages if report.provenance is not None else None
    return packages.versions if packages is not None else {}
