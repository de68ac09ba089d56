"""Searches for the change of the world that broke a repository: puts parts of the old one back, and validates again.

Invariant: what was tried is written down before it is paid for, and is never asked for twice: a search that was killed,
or that ran out of money, goes on with the same key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from janitor.domain.culprit.culprit import Culprit, CulpritState, CulpritStep, Limits, spelled
from janitor.domain.culprit.difference import (
    Differences,
    Kept,
    by_likelihood,
    differences,
    hunches,
    key_of,
)
from janitor.domain.culprit.minimize import Found, Inconclusive, Outcome, PutBack, Try, Unnamed, next_experiment
from janitor.domain.errors import BudgetRefusedError
from janitor.domain.experiment.experiment import Experiment, ExperimentPurpose, Laboratory, Observation, Observed
from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.inspection.dockerfile.lexer import DockerfileSyntaxError
from janitor.inspection.install.requirements import normalised
from janitor.inspection.repository.layout import read_layout
from janitor.inspection.tree import RepositoryTree, UnreadableError
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import CheckName
from janitor.services.culprit.dockerfile_text import DockerfileText
from janitor.services.culprit.installers import direct_requirements
from janitor.services.culprit.notebook import Entry, Notebook, experiment_id
from janitor.services.culprit.put_back import put_back

OnStep = Callable[[CulpritStep], None]
_LONGEST_REASON = 300
_SHOWN = 5
_SOONER = tuple(CheckName)
"""The checks in their order."""


@dataclass(frozen=True, kw_only=True)
class _Search:
    """All that doesn't change while it goes on."""

    laboratory: Laboratory
    failure: Failure
    tree: RepositoryTree
    differences: Differences
    changes: dict[str, PartChange]
    """By key, the likeliest first."""
    hunches: Sequence[PutBack]
    notebook: Notebook
    limits: Limits
    on_step: OnStep
    ends: float


def find_culprit(
    laboratory: Laboratory,
    failure: Failure,
    *,
    tree: Path,
    notebook: Notebook,
    limits: Limits | None = None,
    on_step: OnStep | None = None,
) -> Culprit:
    """The smallest set of changes that makes a failure green again once it is put back.

    Args:
        laboratory: Carries out the experiments.
        failure: A red validation, and the success before it.
        tree: The repository at the failure's commit.
        notebook: Of this search; what it holds is gone on with.
        limits: How far it goes.
        on_step: Told of each step, those of before among them.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    if (unasked := without_question(failure)) is not None:
        return unasked
    assert failure.last_good is not None
    limits = limits or Limits()
    repository = RepositoryTree(tree)
    found = _possible(differences(failure.last_good, failure.repeated.report), repository, failure)
    direct, said = _direct(repository, failure, addressed=False), _said(failure.repeated.report)
    ordered = by_likelihood(found.candidates, direct=direct, said=said)
    search = _Search(
        laboratory=laboratory,
        failure=failure,
        tree=repository,
        differences=found,
        changes={key_of(each): each for each in ordered},
        hunches=hunches(ordered, direct=direct, said=said),
        notebook=notebook,
        limits=limits,
        on_step=on_step or (lambda _: None),
        ends=time.monotonic() + limits.within.total_seconds(),
    )
    return _go_on(search)


def without_question(failure: Failure) -> Culprit | None:
    """The answer where there is nothing to search for; None where there is."""
    reason = None
    if failure.last_good is None:
        reason = "no success of this repository is known to compare with"
    elif (good := failure.last_good.repository.commit_sha) != failure.repeated.commit_sha:
        was, now = (good or "an unknown commit")[:12], failure.repeated.commit_sha[:12]
        reason = f"the commit changed: green at {was}, red at {now}; a release is searched for at one commit"
    if reason is None:
        return None
    return Culprit(state=CulpritState.INCONCLUSIVE, changes=(), steps=(), cost_usd=Decimal(0), reason=reason)


def _possible(found: Differences, tree: RepositoryTree, failure: Failure) -> Differences:
    """Without the changes for which this repository has no place. Packages share one, so that the first tells."""
    reasons: dict[Changed, str | None] = {}
    candidates, kept = [], list(found.kept)
    addressed = _direct(tree, failure, addressed=True)
    for change in found.candidates:
        if change.part is Changed.PACKAGE and normalised(change.name or "") in addressed:
            kept.append(Kept(change=change, reason="it is installed from an address, and from no index"))
            continue
        if change.part is not Changed.PACKAGE or change.part not in reasons:
            patch = put_back(tree, failure.repeated.plan.repository, [change], found.way)
            reasons[change.part] = patch.reason if isinstance(patch, Abstained) else None
        if (reason := reasons[change.part]) is None:
            candidates.append(change)
        else:
            kept.append(Kept(change=change, reason=reason))
    return replace(found, candidates=tuple(candidates), kept=tuple(kept))


def _go_on(search: _Search) -> Culprit:
    """One step after another, until it is over or a limit is reached."""
    steps: list[CulpritStep] = []
    entries = list(search.notebook.entries())
    for entry in entries:
        if entry.outcome is not None:
            steps.append(_step(search, entry))
            search.on_step(steps[-1])
    while True:
        done = [each for each in entries if each.outcome is not None]
        asked = next_experiment(list(search.changes), [each.tried for each in done], hunches=search.hunches)
        if isinstance(asked, Found):
            return _found(search, asked, steps)
        if isinstance(asked, Inconclusive):
            return _inconclusive(search, asked, steps)
        if (limit := _limit_reached(search, steps)) is not None:
            return _stopped(steps, limit)
        # What a killed search had begun is asked for under its own id: it is carried out no second time.
        begun = next((each for each in entries if each.outcome is None and each.put_back == asked.put_back), None)
        entry = begun or _entry(search, asked, len(entries) + 1)
        try:
            ended = _carry_out(search, entry, is_begun=begun is not None)
        except BudgetRefusedError as exc:
            return _stopped(steps, f"the budget: {exc}")
        entries = [*(each for each in entries if each.number != ended.number), ended]
        entries.sort(key=lambda each: each.number)
        steps.append(_step(search, ended))
        search.on_step(steps[-1])


def _entry(search: _Search, asked: Try, number: int) -> Entry:
    return Entry(
        number=number,
        experiment_id=experiment_id(search.notebook.key, number),
        put_back=asked.put_back,
        outcome=None,
        reason="under way",
    )


def _carry_out(search: _Search, entry: Entry, *, is_begun: bool) -> Entry:
    patch: Patch | Abstained | None = None
    if entry.put_back:
        changes = [search.changes[key] for key in search.changes if key in entry.put_back]
        plan = search.failure.repeated.plan.repository
        patch = put_back(search.tree, plan, changes, search.differences.way)
    if not is_begun:
        search.notebook.begin(entry)
    if isinstance(patch, Abstained):
        ended = replace(entry, outcome=Outcome.OTHERWISE, reason=patch.reason[:_LONGEST_REASON], cost_usd=Decimal(0))
    else:
        experiment = Experiment(
            experiment_id=entry.experiment_id,
            purpose=ExperimentPurpose.CULPRIT,
            repeated=search.failure.repeated,
            patch=patch,
        )
        seen = search.laboratory.observe(experiment)
        ended = replace(
            entry,
            outcome=_outcome(search, entry, seen),
            reason=seen.reason[:_LONGEST_REASON],
            validation_id=seen.validation_id,
            cost_usd=seen.cost_usd,
        )
    search.notebook.end(ended)
    return ended


def _outcome(search: _Search, entry: Entry, seen: Observation) -> Outcome:
    if seen.observed is Observed.GREEN:
        return Outcome.GREEN
    if seen.observed is Observed.INCONCLUSIVE:
        return Outcome.UNTOLD
    if not entry.put_back:
        # As it is now, it must fail by the cause that is looked for.
        return Outcome.RED if seen.signature == search.failure.repeated.signature else Outcome.OTHERWISE
    now = seen.report.failing_check if seen.report is not None else None
    return Outcome.OTHERWISE if _is_sooner(now, search.failure.repeated.report.failing_check) else Outcome.RED


def _is_sooner(check: str | None, than: str | None) -> bool:
    """Whether a check is made before another one."""
    order = [each.value for each in _SOONER]
    return check in order and than in order and order.index(check) < order.index(than)


def _limit_reached(search: _Search, steps: Sequence[CulpritStep]) -> str | None:
    limits = search.limits
    if len(steps) >= limits.max_steps:
        return f"{limits.max_steps} steps"
    if limits.max_usd is not None and _cost(steps) >= limits.max_usd:
        return f"{limits.max_usd} US dollars"
    return f"the time of {limits.within}" if time.monotonic() >= search.ends else None


def _step(search: _Search, entry: Entry) -> CulpritStep:
    return CulpritStep(
        number=entry.number,
        put_back=tuple(search.changes[key] for key in search.changes if key in entry.put_back),
        outcome=entry.outcome or Outcome.UNTOLD,
        reason=entry.reason,
        validation_id=entry.validation_id,
        cost_usd=entry.cost_usd,
    )


def _cost(steps: Sequence[CulpritStep]) -> Decimal:
    return sum((each.cost_usd for each in steps if each.cost_usd is not None), Decimal(0))


def _stopped(steps: Sequence[CulpritStep], limit: str) -> Culprit:
    """A search that can be gone on with: its notebook stays open."""
    green = [each.put_back for each in steps if each.outcome is Outcome.GREEN and each.put_back]
    return Culprit(
        state=CulpritState.INCONCLUSIVE,
        changes=min(green, key=len, default=()),
        steps=tuple(steps),
        cost_usd=_cost(steps),
        reason=f"it stopped at its limit of {limit}; the same search with a higher one goes on from here",
    )


def _found(search: _Search, found: Found, steps: Sequence[CulpritStep]) -> Culprit:
    changes = tuple(search.changes[key] for key in search.changes if key in found.put_back)
    several = "one of them alone is not enough: " if len(changes) > 1 else ""
    reason = f"{several}green with {spelled(changes)} put back, red without"
    return _ended(search.notebook, CulpritState.FOUND, changes, steps, reason)


def _inconclusive(search: _Search, seen: Inconclusive, steps: Sequence[CulpritStep]) -> Culprit:
    changes = tuple(search.changes[key] for key in search.changes if key in (seen.green or ()))
    return _ended(search.notebook, CulpritState.INCONCLUSIVE, changes, steps, _why(search, seen, steps))


def _why(search: _Search, seen: Inconclusive, steps: Sequence[CulpritStep]) -> str:
    about = tuple(search.changes[key] for key in search.changes if key in seen.about)
    last = next((each.reason for each in reversed(steps) if set(each.put_back) == set(about)), "")
    kept = [f"{spelled([each.change])} ({each.reason})" for each in search.differences.kept]
    more = f" and {len(kept) - _SHOWN} more" if len(kept) > _SHOWN else ""
    others = f"; what changed and stays: {', '.join(kept[:_SHOWN])}{more}" if kept else ""
    everything = "all" if len(about) == len(search.changes) else spelled(about)
    stands = f"{everything} put back" if about else "nothing put back"
    words = {
        Unnamed.NO_CHANGE: f"nothing that could be put back is known to have changed{others}",
        Unnamed.GREEN_NOW: "it is green as it is now: the failure has gone, or comes and goes",
        Unnamed.RED_BEFORE: f"it is red with the old world, too ({last}): its cause is none of these changes{others}",
        Unnamed.UNTOLD: f"with {stands} it could not be judged: {last}",
        Unnamed.OTHERWISE: f"with {stands} it fails otherwise: {last}{others}",
        Unnamed.FLAKY: f"with {spelled(about)} put back it is now green, now red: it is flaky",
        Unnamed.ENTANGLED: f"whether less would do can't be told: with {spelled(about)} put back, {last}",
    }
    return words[seen.reason]


def _ended(
    notebook: Notebook,
    state: CulpritState,
    changes: tuple[PartChange, ...],
    steps: Sequence[CulpritStep],
    reason: str,
) -> Culprit:
    culprit = Culprit(state=state, changes=changes, steps=tuple(steps), cost_usd=_cost(steps), reason=reason)
    notebook.close(state, changes, reason)
    return culprit


def _direct(tree: RepositoryTree, failure: Failure, *, addressed: bool) -> frozenset[str]:
    """What the repository asks for itself; nothing where its Dockerfile can't be read.

    Args:
        tree: Of the failure's commit.
        failure: With how it is built.
        addressed: Only what is asked for by an address: its name in an index may be a stranger's.
    """
    plan = failure.repeated.plan
    path = read_layout(tree, dockerfile=plan.dockerfile).dockerfile
    try:
        if path is None:
            return frozenset()
        sets = direct_requirements(DockerfileText.read(tree, path, plan.build_args), tree)
    except (UnreadableError, DockerfileSyntaxError):
        return frozenset()
    named = (each for one in sets for each in one.requirements if each.url is not None or not addressed)
    return frozenset(normalised(each.name) for each in named)


def _said(report: Report) -> str:
    """What the check that failed said."""
    check = next((each for each in report.checks if each.name == report.failing_check), None)
    if check is None:
        return report.summary
    return "\n".join([report.summary, check.reason or "", *(each.tail for each in check.evidence)])
