"""A package that a new release of it broke: bounded where it was in the last success, one package a step.

Which package it was is known where one alone changed, where an experiment says so, or where the failure names it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from janitor.domain.culprit.difference import UNKNOWN
from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.inspection.install.requirements import normalised
from janitor.protocol.terms.statuses import CheckName
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.recipe import Draft, failing_check, told
from janitor.services.repair.recipes.requirement_text import asked_as, bounded, with_specifier
from janitor.services.repair.world import UnknownError, World

_INSTALLING = frozenset({CheckName.BUILD.value, CheckName.DEPS_RESOLVE.value})
_CHECKS = _INSTALLING | frozenset(
    name.value
    for name in (
        *(CheckName.CONTAINER_START, CheckName.HANDLER_LOCAL, CheckName.HANDLER_API),
        *(CheckName.LOG_SCAN, CheckName.NEGATIVE_INPUT, CheckName.GPU_IN_CONTAINER),
    )
)
_FRAME = re.compile(r"site-packages/(?P<folder>[\w.-]+?)(?:/|\.py\b)")
_NAMED = re.compile(r"(?:module|from|cannot import name '[\w.]+' from) '(?P<module>[\w.]+)'")
_MOST = 60


class PutBack:
    """See the module."""

    name = "put_back"
    repairs = "a package whose new release broke it, though nobody asked for that release"
    how = "the smallest bound below which the last success was, in the file that asks for it"

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """See `Recipe`."""
        check, changes = failing_check(failure), failure.changes
        if check is None or check.name not in _CHECKS or changes is None:
            return None
        moved = tuple(
            change
            for change in changes.of(Changed.PACKAGE)
            if change.name is not None and change.before is not None and change.after is not None
        )
        if not moved and not _installs_no_more(failure, world):
            return None
        chosen = _chosen(failure, moved, world)
        if isinstance(chosen, Abstained):
            return chosen
        return _draft(failure, chosen, worker, world)


def _installs_no_more(failure: Failure, world: World) -> bool:
    """Whether an installation of the same commit comes to no end today: what it would have brought, a search tells."""
    then, now = (
        None if report is None or report.provenance is None else report.provenance.packages
        for report in (failure.last_good, failure.repeated.report)
    )
    is_installation = failure.repeated.report.failing_check in _INSTALLING
    return world.culprit is not None and is_installation and then is not None and (now is None or not now.versions)


def _chosen(failure: Failure, moved: Sequence[PartChange], world: World) -> PartChange | Abstained:
    """The one package that broke it."""
    same_commit = (
        failure.changes is not None and failure.changes.commits is not None and failure.changes.commits.is_same
    )
    if len(moved) == 1 and same_commit:
        return moved[0]
    if world.culprit is not None and same_commit:
        found = world.culprit(failure, moved)
        if isinstance(found, Abstained):
            return found
        if others := [change for change in found if change.part is not Changed.PACKAGE]:
            return Abstained(reason=f"it is no package that broke it: {others[0].part.value} changed")
        if len(found) == 1:
            return found[0]
        return Abstained(reason=f"{len(found)} packages broke it together: one is put back at a time")
    if not moved:
        return Abstained(reason="the commit changed, too, and nothing could be installed")
    named = named_among(failure, moved)
    if len(named) == 1:
        return named[0]
    names = ", ".join(str(change.name) for change in moved[:5])
    which = "the commit changed, too, and it names none of them" if not same_commit else "nobody says which"
    return Abstained(reason=f"{len(moved)} packages changed ({names}), and {which}")


def named_among(failure: Failure, moved: Sequence[PartChange]) -> list[PartChange]:
    """The packages that the failure's last words name: by their distribution, module, or file in the traceback."""
    by_module = {_module(str(change.name)): change for change in moved}
    lines = list(told(failure))
    for pattern in (_NAMED, _FRAME):
        # The innermost frame stands last.
        for line in reversed(lines[-_MOST:]):
            for match in pattern.finditer(line):
                if (change := by_module.get(_module(match[1].split(".")[0]))) is not None:
                    return [change]
    words = {_module(word) for line in lines[:1] for word in re.findall(r"[A-Za-z][\w.-]+", line)}
    return [change for module, change in by_module.items() if module in words]


def _module(name: str) -> str:
    return normalised(name).replace("-", "_")


def _draft(failure: Failure, change: PartChange, worker: WorkerTree, world: World) -> Draft | Abstained:
    name, before = str(change.name), str(change.before)
    after = "a release" if change.after in (None, UNKNOWN) else str(change.after)
    asked = asked_as(worker, name)
    bound = _bound(change, asked or "", worker, world)
    edits = with_specifier(worker, name, bounded(asked or "", bound))
    if isinstance(edits, Abstained):
        return edits
    shown = [line.strip() for line in told(failure) if line.strip()][:1]
    return Draft(
        edits=edits,
        summary=f"Ask for {name} {bound}, as in the last success"[:72],
        root_cause=f"{name} {after} came in the place of {before} without anybody asking for it, and broke the worker.",
        evidence=(f"{name}: {before} -> {change.after or UNKNOWN}", *shown),
    )


def _bound(change: PartChange, asked: str, worker: WorkerTree, world: World) -> str:
    """Below what it is now where that is what it was before; else no more than it was before."""
    exact = f"<={change.before}"
    if world.packages is None or change.after in (None, UNKNOWN):
        return exact
    if any(each.index_urls or each.extra_index_urls for each in worker.requirements):
        return exact
    name, below = str(change.name), bounded(asked, f"<{change.after}")
    try:
        found = world.packages.resolved([f"{name}{below}"], python=worker.python)
    except UnknownError:
        return exact
    return f"<{change.after}" if found is not None and found.get(normalised(name)) == change.before else exact
