"""What the reaper does with an instance that EC2 shows: a pure decision over what tags, ledger and clock say.

Two kinds of evidence. A lapsed time is positive: the instance's own tags and its row say that it may not live any more.
Everything else is only a sign that nobody works on it (a task may be about to), so it has to hold over two passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum

from janitor.domain.config.limits import MAX_TIMEOUT_MINUTES
from janitor.domain.identity import TAG_DEADLINE, TAG_EXPIRES, TAG_KEEP_UNTIL
from janitor.domain.states import InstanceState, OwnerKind, ReapEvidence, TerminationReason

LONGEST_LEASE = timedelta(hours=8)
"""How far past its expiry an instance may be kept, whoever says so."""
UNKNOWN_LIFETIME = timedelta(hours=3)
"""How long an instance may live from its launch when neither its tags nor the ledger say."""
LONGEST_LIFETIME = timedelta(minutes=MAX_TIMEOUT_MINUTES) + UNKNOWN_LIFETIME
"""No tag is believed beyond this from the launch: the longest hard limit, and time for its grace."""

_ENDING = (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)
_HALTED = (InstanceState.STOPPING, InstanceState.STOPPED)


class ReapStep(str, Enum):
    """What a pass does with one instance."""

    LEAVE = "leave"
    MARK = "mark"  # first strike
    WAIT = "wait"  # marked before, too short a time ago
    CLEAR = "clear"  # marked before, and the evidence is gone
    TERMINATE = "terminate"


@dataclass(frozen=True, kw_only=True)
class Ownership:
    """What the ledger holds of an instance."""

    expires_at: datetime
    keep_until: datetime | None
    """End of its last debug lease; it may be over."""
    kind: OwnerKind | None
    """Whose it is; None: nobody's of ours."""
    is_over: bool
    """Whether the owner is known to have ended."""


@dataclass(frozen=True, kw_only=True)
class InstanceFacts:
    """An instance as EC2 and the ledger show it."""

    state: InstanceState
    launched_at: datetime
    tags: Mapping[str, str]
    owner: Ownership | None
    """None: the ledger has no row of it."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The first strike that an earlier pass kept."""

    evidence: ReapEvidence
    first_seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """How long an instance may live, and how much of that is a debug lease."""

    expires_at: datetime
    may_live_until: datetime

    @property
    def is_lease(self) -> bool:
        """Whether a debug lease put the end off."""
        return self.may_live_until > self.expires_at


@dataclass(frozen=True, kw_only=True)
class ReapDecision:
    """The step, and the evidence for it where there is any."""

    step: ReapStep
    evidence: ReapEvidence | None = None

    @property
    def reason(self) -> TerminationReason:
        """What the ledger keeps as the cause of the end."""
        return {
            ReapEvidence.OVERDUE: TerminationReason.OVERDUE,
            ReapEvidence.LEASE_EXPIRED: TerminationReason.LEASE_EXPIRED,
        }.get(self.evidence or ReapEvidence.UNKNOWN_OWNER, TerminationReason.ORPHAN)


def instant_of(tags: Mapping[str, str], name: str) -> datetime | None:
    """The instant that a tag holds in ISO 8601, in UTC where it names no zone; None where it can't be read."""
    try:
        # Python 3.10 doesn't read the Z.
        at = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", tags.get(name, "").strip()))
        return (at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def lifetime_of(facts: InstanceFacts) -> Lifetime:
    """How long an instance may live: as long as either its tags or its row allow, within bounds.

    No word of anybody is believed beyond `LONGEST_LIFETIME` and `LONGEST_LEASE`, so that a wild tag can't keep an
    instance for ever.
    """
    owner = facts.owner
    tagged = instant_of(facts.tags, TAG_EXPIRES)
    if tagged is not None:
        tagged = min(tagged, facts.launched_at + LONGEST_LIFETIME)
    if tagged is not None and owner is not None:
        tagged = min(tagged, owner.expires_at + LONGEST_LEASE)
    words = [at for at in (tagged, owner.expires_at if owner else None) if at is not None]
    expires_at = max(words, default=facts.launched_at + UNKNOWN_LIFETIME)
    leases = [instant_of(facts.tags, TAG_KEEP_UNTIL), owner.keep_until if owner else None]
    kept_until = max((at for at in leases if at is not None), default=expires_at)
    kept_until = min(kept_until, (owner.expires_at if owner else expires_at) + LONGEST_LEASE)
    return Lifetime(expires_at=expires_at, may_live_until=max(expires_at, kept_until))


def deadline_of(facts: InstanceFacts) -> datetime:
    """The hard limit that its tags name, at most its expiry."""
    expires_at = lifetime_of(facts).expires_at
    return min(instant_of(facts.tags, TAG_DEADLINE) or expires_at, expires_at)


def is_new(facts: InstanceFacts, now: datetime, consistency: timedelta) -> bool:
    """Whether it was launched so short a time ago that the ledger may not hold its id yet."""
    return now - facts.launched_at < consistency


def decide_reaping(
    facts: InstanceFacts, mark: Mark | None, *, now: datetime, reap_interval: timedelta, consistency: timedelta
) -> ReapDecision:
    """Decide over one instance.

    Args:
        facts: What is known of it now.
        mark: What an earlier pass kept of it.
        now: The present instant.
        reap_interval: Pause between two passes; a second strike comes at least half of it after the first.
        consistency: How long after a launch nothing is concluded from what the ledger lacks.
    """
    nothing = ReapDecision(step=ReapStep.LEAVE if mark is None else ReapStep.CLEAR)
    if facts.state in _ENDING:
        return nothing
    lifetime = lifetime_of(facts)
    if now > lifetime.may_live_until:
        # Its own word, so neither a second pass nor the time after the launch matters.
        evidence = ReapEvidence.LEASE_EXPIRED if lifetime.is_lease else ReapEvidence.OVERDUE
        return ReapDecision(step=ReapStep.TERMINATE, evidence=evidence)
    if _is_kept(facts, lifetime, now) or is_new(facts, now, consistency):
        return nothing
    sign = _sign(facts, now)
    if sign is None:
        return nothing
    if sign is ReapEvidence.LEASE_EXPIRED:
        return ReapDecision(step=ReapStep.TERMINATE, evidence=sign)
    if mark is None or mark.evidence is not sign:
        return ReapDecision(step=ReapStep.MARK, evidence=sign)
    if now - mark.first_seen_at < reap_interval / 2:
        return ReapDecision(step=ReapStep.WAIT, evidence=sign)
    return ReapDecision(step=ReapStep.TERMINATE, evidence=sign)


def _is_kept(facts: InstanceFacts, lifetime: Lifetime, now: datetime) -> bool:
    """Whether a debug lease holds it; one that ends before its expiry counts as well."""
    leases = (instant_of(facts.tags, TAG_KEEP_UNTIL), facts.owner.keep_until if facts.owner else None)
    return any(at is not None and now < min(at, lifetime.may_live_until) for at in leases)


def _sign(facts: InstanceFacts, now: datetime) -> ReapEvidence | None:
    owner = facts.owner
    is_idle = owner is None or owner.kind is None or owner.is_over
    if owner is not None and owner.keep_until is not None and is_idle:
        # A person kept it when its owner was over, and the lease was all that it lived for.
        return ReapEvidence.LEASE_EXPIRED
    if facts.state in _HALTED:
        return ReapEvidence.STOPPED
    if owner is None or owner.kind is None:
        return ReapEvidence.UNKNOWN_OWNER
    if not is_idle:
        return None
    return ReapEvidence.VALIDATION_OVER if owner.kind is OwnerKind.VALIDATION else ReapEvidence.OWNER_OVER
