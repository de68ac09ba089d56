"""Where an instance is tried, in which order, and when the search ends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.config.fields import Market
from janitor.domain.launch.launch_codes import LaunchVerdict
from janitor.domain.launch.launching import classify_launch_failure, is_refusal
from janitor.domain.launch.placement import (
    LONGEST_THROTTLE_PAUSE,
    PATIENCE,
    ROUND_PAUSE,
    ROUNDS,
    Attempt,
    Candidate,
    GiveUp,
    Pause,
    Try,
    candidates_of,
    next_step,
    present_search,
)
from janitor.domain.states import PlacementResult

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
TYPES = ("g5.xlarge", "g6.xlarge")
ZONES = ("subnet-a", "subnet-b", "subnet-c")
SECOND = timedelta(seconds=1)


def shown(candidates: tuple[Candidate, ...]) -> list[tuple[str, str, str | None]]:
    return [(one.market.value, one.instance_type, one.subnet_id) for one in candidates]


def test_cheaper_market_then_types_then_zones() -> None:
    assert shown(candidates_of(TYPES, Market.SPOT_THEN_ON_DEMAND, ZONES[:2], spread=0)) == [
        ("spot", "g5.xlarge", "subnet-a"),
        ("spot", "g5.xlarge", "subnet-b"),
        ("spot", "g6.xlarge", "subnet-a"),
        ("spot", "g6.xlarge", "subnet-b"),
        ("on-demand", "g5.xlarge", "subnet-a"),
        ("on-demand", "g5.xlarge", "subnet-b"),
        ("on-demand", "g6.xlarge", "subnet-a"),
        ("on-demand", "g6.xlarge", "subnet-b"),
    ]


def test_neighbours_begin_in_different_zones() -> None:
    first = [candidates_of(TYPES, Market.ON_DEMAND, ZONES, spread=index)[0].subnet_id for index in range(4)]
    assert first == ["subnet-a", "subnet-b", "subnet-c", "subnet-a"]


def test_without_subnets_ec2_chooses_the_zone() -> None:
    assert shown(candidates_of(TYPES, Market.SPOT, (), spread=3)) == [
        ("spot", "g5.xlarge", None),
        ("spot", "g6.xlarge", None),
    ]


def test_a_successor_begins_elsewhere_and_after_an_interruption_on_demand() -> None:
    every = candidates_of(TYPES, Market.ON_DEMAND, ZONES, spread=0)
    again = candidates_of(TYPES, Market.ON_DEMAND, ZONES, spread=0, replaced=every[2])
    assert again == (*every[3:], *every[:3])
    interrupted = candidates_of(TYPES, Market.SPOT, ZONES, spread=0, interrupted=True)
    assert {one.market for one in interrupted} == {Market.ON_DEMAND}


def attempts(candidates: tuple[Candidate, ...], *results: PlacementResult) -> list[Attempt]:
    """What `next_step` would have led to, one second apart, waiting out every pause."""
    done: list[Attempt] = []
    now = BEGIN
    for result in results:
        step = next_step(candidates, done, now)
        while isinstance(step, Pause):
            now = step.until
            step = next_step(candidates, done, now)
        assert isinstance(step, Try), step
        done.append(
            Attempt(candidate=step.candidate, round=step.round, position=step.position, result=result, started_at=now)
        )
        now += SECOND
    return done


CANDIDATES = candidates_of(TYPES, Market.ON_DEMAND, (), spread=0)
CAPACITY, THROTTLED = PlacementResult.CAPACITY, PlacementResult.THROTTLED


def test_every_candidate_once_in_a_round_and_a_growing_pause_between_rounds() -> None:
    done = attempts(CANDIDATES, *[CAPACITY] * (len(CANDIDATES) * ROUNDS))
    assert [(one.round, one.position) for one in done] == [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    assert done[2].started_at - done[1].started_at == ROUND_PAUSE
    assert done[4].started_at - done[3].started_at == 2 * ROUND_PAUSE
    over = next_step(CANDIDATES, done, done[-1].started_at + SECOND)
    assert over == GiveUp(last=CAPACITY, attempts=6)


def test_throttling_repeats_the_candidate_ever_later_and_never_drops_it_within_the_patience() -> None:
    done = attempts(CANDIDATES, *[THROTTLED] * 12)
    assert {one.position for one in done} == {0}
    pauses = [later.started_at - earlier.started_at for earlier, later in pairwise(done)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_THROTTLE_PAUSE
    assert isinstance(next_step(CANDIDATES, done, BEGIN + PATIENCE), GiveUp)


def test_a_search_begins_anew_after_a_launch() -> None:
    done = attempts(CANDIDATES, CAPACITY, PlacementResult.LAUNCHED)
    assert present_search(done) == []
    assert next_step(CANDIDATES, present_search(done), BEGIN) == Try(candidate=CANDIDATES[0], round=1, position=0)


@given(
    st.lists(st.sampled_from([CAPACITY, PlacementResult.PRICE, THROTTLED, PlacementResult.UNKNOWN]), max_size=40),
    st.integers(min_value=1, max_value=3),
)
def test_no_search_is_endless(results: list[PlacementResult], zones: int) -> None:
    candidates = candidates_of(TYPES, Market.SPOT_THEN_ON_DEMAND, ZONES[:zones], spread=0)
    done: list[Attempt] = []
    now, tried = BEGIN, 0
    for result in results * 20:
        step = next_step(candidates, done, now)
        if isinstance(step, GiveUp):
            break
        if isinstance(step, Pause):
            assert step.until > now
            now = step.until
            continue
        tried += 1
        done.append(
            Attempt(candidate=step.candidate, round=step.round, position=step.position, result=result, started_at=now)
        )
        now += SECOND
    assert now <= BEGIN + PATIENCE + 2 * LONGEST_THROTTLE_PAUSE


@pytest.mark.parametrize(
    ("code", "answered", "result", "verdict"),
    [
        ("InsufficientInstanceCapacity", True, PlacementResult.CAPACITY, LaunchVerdict.NEXT_CANDIDATE),
        ("Unsupported", True, PlacementResult.CAPACITY, LaunchVerdict.NEXT_CANDIDATE),
        ("SpotMaxPriceTooLow", True, PlacementResult.PRICE, LaunchVerdict.NEXT_CANDIDATE),
        ("RequestLimitExceeded", True, PlacementResult.THROTTLED, LaunchVerdict.SAME_CANDIDATE),
        ("VcpuLimitExceeded", True, PlacementResult.QUOTA, LaunchVerdict.STOP),
        ("MaxSpotInstanceCountExceeded", True, PlacementResult.QUOTA, LaunchVerdict.STOP),
        ("UnauthorizedOperation", True, PlacementResult.PERMISSION, LaunchVerdict.STOP),
        ("InvalidAMIID.NotFound", True, PlacementResult.CONFIG, LaunchVerdict.STOP),
        ("InternalError", True, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT),
        ("IdempotentParameterMismatch", True, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT),
        ("ReadTimeoutError", False, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT),
        # Without an answer no code means anything.
        ("InsufficientInstanceCapacity", False, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT),
    ],
)
def test_every_refusal_has_its_class(
    code: str, answered: bool, result: PlacementResult, verdict: LaunchVerdict
) -> None:
    failure = classify_launch_failure(code, "words of AWS", answered=answered)
    assert (failure.result, failure.verdict, failure.aws_code) == (result, verdict, code)


def test_only_a_refusal_says_that_nothing_was_launched_where_it_comes_with_a_5xx() -> None:
    refusals = ("InsufficientInstanceCapacity", "RequestLimitExceeded", "EC2ThrottledException", "Throttling")
    assert all(map(is_refusal, refusals))
    assert not any(map(is_refusal, ("InternalError", "Unavailable", "ServiceUnavailable", "Unknown")))


def test_a_quota_is_named_by_its_code() -> None:
    assert "L-DB2E81BA" in classify_launch_failure("VcpuLimitExceeded", "x", answered=True).summary
    assert "L-3819A6DF" in classify_launch_failure("MaxSpotInstanceCountExceeded", "x", answered=True).summary


@pytest.mark.parametrize(
    ("code", "answered", "result", "hint"),
    [
        ("InsufficientVolumeCapacity", True, PlacementResult.CAPACITY, "no capacity"),
        ("InsufficientFreeAddressesInSubnet", True, PlacementResult.CAPACITY, "no capacity"),
        ("ReservationCapacityExceeded", True, PlacementResult.CAPACITY, "no capacity"),
        ("NetworkInterfaceLimitExceeded", True, PlacementResult.QUOTA, "NetworkInterfaceLimitExceeded"),
        ("TooManyRequestsException", True, PlacementResult.THROTTLED, "throttled"),
        ("ExpiredTokenException", True, PlacementResult.PERMISSION, "credentials of this process, and its clock"),
        ("RequestExpired", True, PlacementResult.PERMISSION, "clock"),
        ("UnauthorizedOperation", True, PlacementResult.PERMISSION, "policy"),
        ("PendingVerification", True, PlacementResult.PERMISSION, "AWS Support"),
        ("IdempotentInstanceTerminated", True, PlacementResult.UNKNOWN, "did not say"),
        # botocore's own: the request never left.
        ("NoCredentialsError", False, PlacementResult.PERMISSION, "was not sent"),
        ("ParamValidationError", False, PlacementResult.CONFIG, "check image"),
        ("ConnectTimeoutError", False, PlacementResult.UNKNOWN, "did not say"),
    ],
)
def test_every_refusal_says_what_to_do(code: str, answered: bool, result: PlacementResult, hint: str) -> None:
    failure = classify_launch_failure(code, "words of AWS", answered=answered)
    assert failure.result is result
    assert hint in failure.summary


@pytest.mark.parametrize(
    ("instance_type", "named"),
    [("g6e.xlarge", True), ("g4dn.xlarge", True), ("vt1.3xlarge", True), ("p5.48xlarge", False), ("gr6.4xlarge", True)],
)
def test_no_quota_is_named_that_another_type_counts_against(instance_type: str, named: bool) -> None:
    summary = classify_launch_failure("VcpuLimitExceeded", "x", answered=True, instance_type=instance_type).summary
    assert ("L-DB2E81BA" in summary) is named
    assert named or instance_type in summary
