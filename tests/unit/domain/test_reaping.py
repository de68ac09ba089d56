"""The reaper's decision: every combination of facts, and what holds whatever happens in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.identity import TAG_DEADLINE, TAG_EXPIRES, TAG_KEEP_UNTIL
from janitor.domain.reap.reaping import (
    LONGEST_LEASE,
    LONGEST_LIFETIME,
    UNKNOWN_LIFETIME,
    InstanceFacts,
    Mark,
    Ownership,
    ReapDecision,
    ReapStep,
    deadline_of,
    decide_reaping,
    instant_of,
    lifetime_of,
)
from janitor.domain.states import InstanceState, OwnerKind, ReapEvidence, TerminationReason, ValidationStatus

LAUNCH = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
EXPIRY = LAUNCH + timedelta(minutes=30)
INTERVAL = timedelta(minutes=5)
CONSISTENCY = timedelta(minutes=1)
ALIVE = (InstanceState.PENDING, InstanceState.RUNNING)
HALTED = (InstanceState.STOPPING, InstanceState.STOPPED)
ENDING = (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)
OPEN = ValidationStatus.RUNNING
OVER = ValidationStatus.SUCCESS


def tags(expires: datetime | None = EXPIRY, keep_until: datetime | None = None) -> dict[str, str]:
    named = {TAG_EXPIRES: expires, TAG_KEEP_UNTIL: keep_until}
    return {name: at.isoformat() for name, at in named.items() if at is not None}


def owned(validation: ValidationStatus | None = OPEN, keep_until: datetime | None = None) -> Ownership:
    return owned_by(
        OwnerKind.VALIDATION if validation is not None else None,
        is_over=validation is not None and validation.is_final,
        keep_until=keep_until,
    )


def owned_by(kind: OwnerKind | None, *, is_over: bool, keep_until: datetime | None = None) -> Ownership:
    return Ownership(expires_at=EXPIRY, keep_until=keep_until, kind=kind, is_over=is_over)


def instance(
    owner: Ownership | None = None,
    *,
    state: InstanceState = InstanceState.RUNNING,
    tagged: dict[str, str] | None = None,
) -> InstanceFacts:
    return InstanceFacts(state=state, launched_at=LAUNCH, tags=tags() if tagged is None else tagged, owner=owner)


def decide(facts: InstanceFacts, now: datetime, mark: Mark | None = None) -> ReapDecision:
    return decide_reaping(facts, mark, now=now, reap_interval=INTERVAL, consistency=CONSISTENCY)


def marked(evidence: ReapEvidence, ago: timedelta, now: datetime) -> Mark:
    return Mark(evidence=evidence, first_seen_at=now - ago)


NEW = LAUNCH + timedelta(seconds=30)
MIDDLE = LAUNCH + timedelta(minutes=10)
LATE = EXPIRY + timedelta(seconds=1)
KEPT = EXPIRY + timedelta(hours=1)
LEASED_OUT = KEPT + timedelta(seconds=1)

# Owner and tags, the instant, and the evidence that stands then.
TABLE = [
    ("open, in time", instance(owned()), MIDDLE, None),
    ("open, just launched", instance(owned()), NEW, None),
    ("open, overdue", instance(owned()), LATE, ReapEvidence.OVERDUE),
    ("open, overdue, its tags are gone", instance(owned(), tagged={}), LATE, ReapEvidence.OVERDUE),
    ("open, at its expiry", instance(owned()), EXPIRY, None),
    ("over, in time", instance(owned(OVER)), MIDDLE, ReapEvidence.VALIDATION_OVER),
    ("over, just launched", instance(owned(OVER)), NEW, None),
    ("over, overdue", instance(owned(OVER)), LATE, ReapEvidence.OVERDUE),
    ("over, kept by the ledger", instance(owned(OVER, KEPT)), LATE, None),
    ("over, kept by a tag", instance(owned(OVER), tagged=tags(keep_until=KEPT)), LATE, None),
    ("over, kept for less than its time", instance(owned(OVER, MIDDLE)), MIDDLE - timedelta(seconds=1), None),
    ("over, lease ended in its time", instance(owned(OVER, NEW)), MIDDLE, ReapEvidence.LEASE_EXPIRED),
    ("over, lease ended", instance(owned(OVER, KEPT)), LEASED_OUT, ReapEvidence.LEASE_EXPIRED),
    ("open, lease ended in its time", instance(owned(OPEN, NEW)), MIDDLE, None),
    ("open, lease ended", instance(owned(OPEN, KEPT)), LEASED_OUT, ReapEvidence.LEASE_EXPIRED),
    ("a run's, open, in time", instance(owned_by(OwnerKind.RUN, is_over=False)), MIDDLE, None),
    ("a run's, over, in time", instance(owned_by(OwnerKind.RUN, is_over=True)), MIDDLE, ReapEvidence.OWNER_OVER),
    ("a worker's, in time", instance(owned_by(OwnerKind.WORKER, is_over=False)), MIDDLE, None),
    ("a worker's, overdue", instance(owned_by(OwnerKind.WORKER, is_over=False)), LATE, ReapEvidence.OVERDUE),
    ("a worker's, over, in time", instance(owned_by(OwnerKind.WORKER, is_over=True)), MIDDLE, ReapEvidence.OWNER_OVER),
    ("adopted, in time", instance(owned(None)), MIDDLE, ReapEvidence.UNKNOWN_OWNER),
    ("adopted, overdue", instance(owned(None)), LATE, ReapEvidence.OVERDUE),
    ("unknown, in time", instance(), MIDDLE, ReapEvidence.UNKNOWN_OWNER),
    ("unknown, just launched", instance(), NEW, None),
    ("unknown, overdue", instance(), LATE, ReapEvidence.OVERDUE),
    ("unknown, kept by a tag", instance(tagged=tags(keep_until=KEPT)), LATE, None),
    ("unknown, lease of a tag ended", instance(tagged=tags(keep_until=KEPT)), LEASED_OUT, ReapEvidence.LEASE_EXPIRED),
    ("unknown, no tags", instance(tagged={}), LATE, ReapEvidence.UNKNOWN_OWNER),
    (
        "unknown, no tags, old",
        instance(tagged={}),
        LAUNCH + UNKNOWN_LIFETIME + timedelta(seconds=1),
        ReapEvidence.OVERDUE,
    ),
    ("unknown, unreadable tags", instance(tagged={TAG_EXPIRES: "tomorrow"}), LATE, ReapEvidence.UNKNOWN_OWNER),
]
POSITIVE = (ReapEvidence.OVERDUE, ReapEvidence.LEASE_EXPIRED)


@pytest.mark.parametrize("state", InstanceState)
@pytest.mark.parametrize("ago", [None, timedelta(0), INTERVAL / 2, INTERVAL * 3])
@pytest.mark.parametrize(("facts", "now", "evidence"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_case(
    facts: InstanceFacts, now: datetime, evidence: ReapEvidence | None, ago: timedelta | None, state: InstanceState
) -> None:
    facts = InstanceFacts(state=state, launched_at=facts.launched_at, tags=facts.tags, owner=facts.owner)
    kept = "kept" in next(
        name for name, row, at, _ in TABLE if (row.tags, row.owner, at) == (facts.tags, facts.owner, now)
    )
    if state in HALTED and evidence not in POSITIVE and now - LAUNCH >= CONSISTENCY and not kept:
        evidence = ReapEvidence.STOPPED
    mark = None if ago is None else marked(evidence or ReapEvidence.UNKNOWN_OWNER, ago, now)
    decision = decide(facts, now, mark)
    if state in ENDING or evidence is None:
        assert decision.step is (ReapStep.LEAVE if mark is None else ReapStep.CLEAR)
        return
    assert decision.evidence is evidence
    if evidence in POSITIVE or (ago is not None and ago >= INTERVAL / 2):
        assert decision.step is ReapStep.TERMINATE
    elif mark is None:
        assert decision.step is ReapStep.MARK
    else:
        assert decision.step is ReapStep.WAIT


@pytest.mark.parametrize("before", ReapEvidence)
def test_other_evidence_than_before_is_a_first_strike_again(before: ReapEvidence) -> None:
    decision = decide(instance(owned(OVER)), MIDDLE, marked(before, INTERVAL * 2, MIDDLE))
    assert decision.step is (ReapStep.TERMINATE if before is ReapEvidence.VALIDATION_OVER else ReapStep.MARK)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (ReapEvidence.OVERDUE, TerminationReason.OVERDUE),
        (ReapEvidence.LEASE_EXPIRED, TerminationReason.LEASE_EXPIRED),
        (ReapEvidence.VALIDATION_OVER, TerminationReason.ORPHAN),
        (ReapEvidence.OWNER_OVER, TerminationReason.ORPHAN),
        (ReapEvidence.UNKNOWN_OWNER, TerminationReason.ORPHAN),
        (ReapEvidence.STOPPED, TerminationReason.ORPHAN),
    ],
)
def test_the_reason_that_the_ledger_keeps(evidence: ReapEvidence, reason: TerminationReason) -> None:
    assert ReapDecision(step=ReapStep.TERMINATE, evidence=evidence).reason is reason


@pytest.mark.parametrize("owner", [None, owned(OVER), owned(OPEN, datetime(2199, 1, 1, tzinfo=timezone.utc))])
def test_no_word_keeps_an_instance_for_ever(owner: Ownership | None) -> None:
    wild = tags(expires=datetime(2199, 1, 1, tzinfo=timezone.utc), keep_until=datetime(2199, 1, 1, tzinfo=timezone.utc))
    until = lifetime_of(instance(owner, tagged=wild)).may_live_until
    assert until <= (EXPIRY if owner else LAUNCH + LONGEST_LIFETIME) + LONGEST_LEASE


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (EXPIRY.isoformat(), EXPIRY),
        ("2026-01-01T12:30:00Z", EXPIRY),
        ("2026-01-01T13:30:00+01:00", EXPIRY),
        ("2026-01-01T12:30:00", EXPIRY),
        ("", None),
        ("soon", None),
        ("9" * 30, None),
        ("2026-01-01T12:30:00z", EXPIRY),
        # Beyond what UTC, or a timestamp of Postgres, can hold.
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
    ],
)
def test_instants_in_tags(text: str, read: datetime | None) -> None:
    assert instant_of({TAG_EXPIRES: text}, TAG_EXPIRES) == read


def test_an_adopted_row_gets_a_deadline_within_its_expiry() -> None:
    assert deadline_of(instance(tagged={**tags(), TAG_DEADLINE: MIDDLE.isoformat()})) == MIDDLE
    assert deadline_of(instance(tagged={**tags(), TAG_DEADLINE: KEPT.isoformat()})) == EXPIRY
    assert deadline_of(instance(tagged={})) == LAUNCH + UNKNOWN_LIFETIME


seconds = st.integers(min_value=0, max_value=4 * 3600)
statuses = st.sampled_from([None, *ValidationStatus])
marks = st.none() | st.builds(
    lambda evidence, after: Mark(evidence=evidence, first_seen_at=LAUNCH + timedelta(seconds=after)),
    st.sampled_from(ReapEvidence),
    seconds,
)


@given(state=st.sampled_from(ALIVE), after=st.integers(min_value=0, max_value=30 * 60), mark=marks, lease=seconds)
def test_a_healthy_instance_is_never_reaped(state: InstanceState, after: int, mark: Mark | None, lease: int) -> None:
    """Whatever an earlier pass has kept, and whatever lease there was."""
    for keep_until in (None, LAUNCH + timedelta(seconds=lease)):
        facts = instance(owned(OPEN, keep_until), state=state)
        decision = decide(facts, LAUNCH + timedelta(seconds=after), mark)
        assert decision.step in (ReapStep.LEAVE, ReapStep.CLEAR)


@given(
    state=st.sampled_from([*ALIVE, *HALTED]),
    has_row=st.booleans(),
    status=statuses,
    expires=seconds,
    keep=st.none() | seconds,
    late=st.integers(min_value=1, max_value=3600),
    mark=marks,
)
def test_an_overdue_one_is_ended_at_once(
    state: InstanceState,
    has_row: bool,
    status: ValidationStatus | None,
    expires: int,
    keep: int | None,
    late: int,
    mark: Mark | None,
) -> None:
    expiry = LAUNCH + timedelta(seconds=expires)
    keep_until = None if keep is None else LAUNCH + timedelta(seconds=keep)
    owner = replace(owned(status, keep_until), expires_at=expiry) if has_row else None
    facts = instance(owner, state=state, tagged=tags(expiry, keep_until))
    now = lifetime_of(facts).may_live_until + timedelta(seconds=late)
    assert decide(facts, now, mark).step is ReapStep.TERMINATE


@given(
    events=st.lists(
        st.tuples(
            st.integers(min_value=1, max_value=15 * 60),
            st.sampled_from([*ALIVE, *HALTED]),
            statuses,
            st.none() | seconds,
        ),
        max_size=30,
    )
)
def test_in_whatever_order_things_happen(
    events: list[tuple[int, InstanceState, ValidationStatus | None, int | None]],
) -> None:
    """Passes at any distance: nothing ends without a reason, and the same evidence in two passes is the end."""
    now, mark = LAUNCH, None
    for pause, state, status, keep in events:
        now += timedelta(seconds=pause)
        keep_until = None if keep is None else LAUNCH + timedelta(seconds=keep)
        facts = instance(owned(status, keep_until), state=state, tagged=tags(keep_until=keep_until))
        decision = decide(facts, now, mark)
        until = lifetime_of(facts).may_live_until
        if now > until:
            assert decision.step is ReapStep.TERMINATE
        elif state in ALIVE and status is not None and not status.is_final:
            assert decision.step in (ReapStep.LEAVE, ReapStep.CLEAR)
        elif decision.step is ReapStep.TERMINATE and decision.evidence is not ReapEvidence.LEASE_EXPIRED:
            assert mark is not None
            assert (mark.evidence, now - mark.first_seen_at >= INTERVAL / 2) == (decision.evidence, True)
        # What a pass keeps.
        if decision.step is ReapStep.CLEAR:
            mark = None
        elif decision.step is ReapStep.MARK:
            assert decision.evidence is not None
            mark = Mark(evidence=decision.evidence, first_seen_at=now)
        if mark is not None and decision.evidence is mark.evidence:
            assert decide(facts, max(now, mark.first_seen_at + INTERVAL), mark).step is ReapStep.TERMINATE
