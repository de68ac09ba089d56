"""What of a run is worked on, and what is left alone and why: a pure function of its causes and of the repairs so far.

A shard is one repository with one cause. It is made where the repository is to blame and nobody knows of it yet; where
several share a cause, one goes first, and the others wait until it is proved or given up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from janitor.domain.evidence.cause import BrokenRepository, Cause, Causes
from janitor.domain.evidence.verdict import Verdict
from janitor.domain.repair.shard import PlannedShard, shard_id_for
from janitor.domain.repair.states import RepairState
from janitor.domain.states import ValidationStatus


@dataclass(frozen=True, kw_only=True)
class KnownRepair:
    """The newest repair of a repository's cause, as far as it decides what is done next."""

    state: RepairState
    base_validation_id: UUID
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class LeftAlone:
    """A broken repository that no shard is made of."""

    repository: str
    """`organization/name`."""
    signature: str | None
    reason: str
    """In a line."""


@dataclass(frozen=True, kw_only=True)
class Discovered:
    """What there is to do."""

    shards: Sequence[PlannedShard]
    """Those that wait for none first."""
    left_alone: Sequence[LeftAlone]
    at: datetime
    """When it was looked, by the database's clock: what was claimed since isn't in it."""
    causes_left_out: int = 0
    """How many causes more there are than are looked at in one run."""


RepairKey = tuple[str, str]
"""Repository and signature."""
OFF = "its configuration says `repair: off`"
_AT_WORK = frozenset({RepairState.PROPOSED, RepairState.PROVING})
_UNTOLD: Mapping[ValidationStatus, str] = {
    ValidationStatus.ERROR: "its last validation ended by trouble that isn't the repository's",
    ValidationStatus.TIMED_OUT: "its last validation was cut off at its hard limit",
    ValidationStatus.INCOMPLETE: "its last validation didn't do every check",
}


def discover(
    causes: Causes,
    *,
    run_id: str,
    at: datetime,
    repairs: Mapping[RepairKey, KnownRepair],
    at_work: Mapping[RepairKey, str] | None = None,
    only: Collection[str] = (),
    off: Collection[str] = (),
) -> Discovered:
    """Plan the shards of a maintenance run.

    Args:
        causes: Of the validation run that is looked at.
        run_id: Of the maintenance run.
        at: The present instant.
        repairs: The newest of each repository's cause.
        at_work: What another maintenance run has a shard of that isn't final, with that shard.
        only: Names, or `organization/name`, of the repositories to look at; empty: all of them.
        off: `organization/name` of those whose people want no repairs.
    """
    at_work = at_work or {}
    shards: list[PlannedShard] = []
    left: list[LeftAlone] = []
    for cause in causes.causes:
        # Where one of them is at work already, the others wait for it.
        canary = next((shard for (_, signature), shard in at_work.items() if signature == cause.signature), None)
        for one in _wanted(cause, only):
            reason = OFF if one.repository in off else _reason_against(cause, one, repairs, at_work)
            if reason is not None or cause.signature is None:
                why = reason or "its failure has no signature to know it by"
                left.append(LeftAlone(repository=one.repository, signature=cause.signature, reason=why))
                continue
            shard_id = shard_id_for(run_id, one.repository, cause.signature)
            shards.append(
                PlannedShard(
                    shard_id=shard_id,
                    run_id=run_id,
                    repository=one.repository,
                    validation_id=one.validation_id,
                    signature=cause.signature,
                    canary_of=canary,
                )
            )
            canary = canary or shard_id
    shards.sort(key=lambda each: each.canary_of is not None)
    return Discovered(shards=tuple(shards), left_alone=tuple(left), at=at, causes_left_out=causes.left_out)


def unknown_names(causes: Causes, only: Collection[str]) -> tuple[str, ...]:
    """Names that no broken repository has: a typing error is said, not passed over."""
    known = {name for cause in causes.causes for one in cause.repositories for name in _names(one)}
    return tuple(sorted(set(only) - known))


def _wanted(cause: Cause, only: Collection[str]) -> Iterator[BrokenRepository]:
    return (one for one in cause.repositories if not only or not _names(one).isdisjoint(only))


def _names(one: BrokenRepository) -> set[str]:
    return {one.repository, one.repository_name}


def _reason_against(
    cause: Cause, one: BrokenRepository, repairs: Mapping[RepairKey, KnownRepair], at_work: Mapping[RepairKey, str]
) -> str | None:
    """Why a repository is left alone; None: it isn't."""
    if one.status is not ValidationStatus.FAILED:
        return _UNTOLD.get(one.status, f"its last validation ended as {one.status.value}")
    if one.commit_sha is None:
        return "it was not checked out, so that no commit is known to be repaired"
    if one.onset.flaky or one.verdict is Verdict.FLAKY:
        return "flaky: its verdict turns over at one and the same commit"
    if one.acknowledged is not None:
        return f"acknowledged by {one.acknowledged.made_by}: {one.acknowledged.reason}"
    if cause.signature is None:
        return None
    key = (one.repository, cause.signature)
    if key in at_work:
        return "another maintenance run works on it"
    known = repairs.get(key)
    return None if known is None else _reason_of_repair(known, one)


def _reason_of_repair(known: KnownRepair, one: BrokenRepository) -> str | None:
    if known.state in _AT_WORK:
        return "a repair of it is being proved"
    if known.state is RepairState.REJECTED:
        return "a person said no to a repair of this cause; it is never proposed again"
    if known.state is RepairState.PUBLISHED and not _broke_after(one, known.updated_at):
        return "already repaired: people have the repair, and it hasn't broken anew since"
    has_ended = known.state not in (RepairState.PUBLISHED, RepairState.PROVEN, RepairState.SUPERSEDED)
    if has_ended and known.base_validation_id == one.validation_id:
        return f"this validation's repair was {known.state.value} already; validate the repository again first"
    return None


def _broke_after(one: BrokenRepository, at: datetime) -> bool:
    return one.first_bad is not None and one.first_bad.at > at
