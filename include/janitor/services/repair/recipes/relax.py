"""Requirements that can't be had together, or not at all: the smallest relaxation of one of them, by a resolver.

One package a step. What was pinned stays pinned, to what a resolver finds; of two that would do, the one whose version
moves least is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from janitor.domain.repair.proposal import Abstained, Failure
from janitor.inspection.install.requirements import Requirement, RequirementSet
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.recipe import Draft, failed_with, reason_of, told
from janitor.services.repair.recipes.requirement_text import asked_as, with_specifier
from janitor.services.repair.world import Packages, World

_CODES = (ReasonCode.DEPENDENCY_CONFLICT, ReasonCode.DEPENDENCY_NOT_FOUND, ReasonCode.PIN_CONFLICT)
_MOST_TRIED = 24
"""Packages; each takes a few questions to the resolver."""
_PIN = re.compile(r"={2,3}([0-9][^\s,*]*)")
_RELEASE = re.compile(r"\d+")


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A relaxation that resolves."""

    requirement: Requirement
    version: str
    distance: tuple[int, int]
    """How far it moves: which part of the version, and by how much."""


class Relax:
    """See the module."""

    name = "relax"
    repairs = "requirements that contradict each other, or ask for a version that isn't there"
    how = "the one pin or bound that has to move least, to what `uv pip compile` finds"

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """See `Recipe`."""
        if not any(failed_with(failure, *_CODES)):
            return None
        if world.packages is None:
            return Abstained(reason="no package index is asked")
        for each in worker.requirements:
            if others := [url for url in (*each.index_urls, *each.extra_index_urls) if url not in world.index_urls]:
                return Abstained(reason=f"packages come from {others[0]}, which isn't asked from here")
            if each.unread:
                return Abstained(reason=f"{each.unread[0]} can't be read")
        for each in worker.requirements:
            wanted = _spelled(each)
            if world.packages.resolved(wanted, python=worker.python) is not None:
                continue
            found = _relaxed(each, failure, worker, world.packages)
            if found is None:
                return Abstained(reason="no relaxation of one package makes it resolve")
            return _draft(failure, found, worker)
        return Abstained(reason="what is asked for resolves from here")


def _spelled(each: RequirementSet, but: Requirement | None = None, versions: str = "") -> list[str]:
    """All that one installation asks for, one of it with other specifiers."""
    listed = []
    for one in (*each.requirements, *each.constraints):
        spec = versions if one is but else one.versions
        listed.append(f"{one.name}{spec}{f' ; {one.marker}' if one.marker else ''}")
    return listed


def _relaxed(each: RequirementSet, failure: Failure, worker: WorkerTree, packages: Packages) -> _Found | None:
    """The relaxation of one package that moves least; of equal ones that which the failure names first."""
    said = "\n".join(told(failure))
    bounded = [one for one in each.requirements if one.url is None and one.versions]
    named = sorted(bounded, key=lambda one: _mentioned(one.name, said))[:_MOST_TRIED]
    found: list[_Found] = []
    for one in named:
        for versions in _looser(one.versions):
            solution = packages.resolved(_spelled(each, one, versions), python=worker.python)
            if solution is not None and one.name in solution:
                version = solution[one.name]
                found.append(_Found(requirement=one, version=version, distance=_distance(one.versions, version)))
                break
    return min(found, key=lambda each: each.distance, default=None)


def _mentioned(name: str, said: str) -> int:
    spelled = re.escape(name).replace("\\-", "[-_.]+")
    pattern = rf"(?i)(?<![\w.-]){spelled}(?![\w-])"
    at = re.search(pattern, said)
    return at.start() if at else len(said)


def _looser(versions: str) -> Iterator[str]:
    """Looser specifiers, the nearest first."""
    pin = _PIN.fullmatch(versions)
    if pin is None:
        uppers = [part for part in versions.split(",") if part.startswith("<")]
        lowers = [part for part in versions.split(",") if part.startswith((">", "~="))]
        # Without its lower bound, then without its upper one, then without both.
        yield from dict.fromkeys(",".join(parts) for parts in (uppers, lowers, []) if ",".join(parts) != versions)
        return
    numbers = _RELEASE.findall(pin[1].partition("+")[0])
    for count in (2, 1):
        if len(numbers) > count:
            # Below it first: what was written for a version knows the older ones.
            yield f"<{pin[1]},=={'.'.join(numbers[:count])}.*"
            yield f"=={'.'.join(numbers[:count])}.*"
    yield f"<{pin[1]}"
    yield ""


def _distance(versions: str, version: str) -> tuple[int, int]:
    """How far a version is from the one that is named: major, minor or patch, and by how much."""
    old = [int(number) for number in _RELEASE.findall(re.split(r"[<>=!~]+", versions)[-1])][:3]
    new = [int(number) for number in _RELEASE.findall(version)][:3]
    width = max(len(old), len(new))
    pairs = zip([*old, *[0] * (width - len(old))], [*new, *[0] * (width - len(new))], strict=True)
    for index, (was, now) in enumerate(pairs):
        if was != now:
            return 3 - index, abs(was - now)
    return 0, 0


def _draft(failure: Failure, found: _Found, worker: WorkerTree) -> Draft | Abstained:
    name, old = found.requirement.name, asked_as(worker, found.requirement.name) or ""
    edits = with_specifier(worker, name, _specifier(found.requirement.versions, found.version))
    if isinstance(edits, Abstained):
        return edits
    codes = {check.reason_code for check in failed_with(failure, *_CODES)}
    gone = ReasonCode.DEPENDENCY_NOT_FOUND.value in codes
    why = "there is no such version" if gone else "it doesn't go together with the rest"
    return Draft(
        edits=edits,
        summary=f"Ask for a {name} that can be had: {found.version}"[:72],
        root_cause=f"{name}{old} is asked for, and {why}. {found.version} is the nearest that resolves.",
        evidence=(reason_of(failure),),
    )


def _specifier(old: str, version: str) -> str:
    """What was pinned is pinned again; a range gets as much room below or above as it had."""
    if _PIN.fullmatch(old):
        return f"=={version}"
    uppers = [part for part in old.split(",") if part.startswith("<")]
    return f"<={version}" if uppers else f"=={version}"
