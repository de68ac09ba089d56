"""Derived identities are the same each time and different where they must be."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.deadlines import execution_timeout_for, guest_timer_minutes
from janitor.domain.identity import (
    TAG_VALIDATION,
    LaunchIdentity,
    client_token_for,
    command_comment_for,
    run_id_for,
    validation_id_for,
)
from janitor.domain.launching import LaunchVerdict, classify_launch_failure

NOW = datetime(2026, 1, 1, 3, 4, 5, tzinfo=timezone.utc)
EC2_TOKEN_LENGTH, EC2_TAG_LENGTH, SSM_COMMENT_LENGTH = 64, 256, 100


def test_the_same_run_has_the_same_ids() -> None:
    assert run_id_for("d", "r") == run_id_for("d", "r")
    ids = {run_id_for("d", "r"), run_id_for("d", "s"), run_id_for("e", "r"), run_id_for("d/r", "")}
    assert len(ids) == 4
    run_id = run_id_for("d", "r")
    assert len({validation_id_for(run_id, index) for index in range(2000)}) == 2000


@given(validation_id=st.uuids(), generation=st.integers(1, 10_000))
def test_tokens_and_comments_fit_and_differ_by_generation(validation_id: UUID, generation: int) -> None:
    token = client_token_for(validation_id, generation)
    assert token.isascii()
    assert len(token) <= EC2_TOKEN_LENGTH
    assert token != client_token_for(validation_id, generation + 1)
    assert len(command_comment_for(validation_id, generation)) <= SSM_COMMENT_LENGTH


@given(name=st.text(min_size=1, max_size=300))
def test_tags_are_what_ec2_takes(name: str) -> None:
    identity = LaunchIdentity(
        deployment="d",
        run_id=UUID(int=1),
        validation_id=UUID(int=2),
        generation=1,
        repository_name=name,
        deadline_at=NOW + timedelta(minutes=30),
        intent_at=NOW,
    )
    assert all(len(value) <= EC2_TAG_LENGTH for value in identity.tags.values())
    assert identity.tags[TAG_VALIDATION] == str(UUID(int=2))


def test_the_name_follows_the_convention() -> None:
    identity = LaunchIdentity(
        deployment="d",
        run_id=UUID(int=1),
        validation_id=UUID(int=2),
        generation=1,
        repository_name="worker-basic",
        deadline_at=NOW,
        intent_at=NOW,
    )
    assert identity.tags["Name"] == "janitor-worker-basic-20260101030405"


def test_durations() -> None:
    assert guest_timer_minutes(timedelta(minutes=30), timedelta(minutes=2)) == 37
    assert guest_timer_minutes(timedelta(seconds=30), timedelta(seconds=6)) == 6
    late = execution_timeout_for(NOW, NOW - timedelta(hours=1), timedelta(minutes=2))
    assert late == timedelta(seconds=1)


def test_what_a_failed_launch_means() -> None:
    def verdict(code: str, *, answered: bool = True) -> LaunchVerdict:
        return classify_launch_failure(code, "text", answered=answered).verdict

    assert verdict("InsufficientInstanceCapacity") is LaunchVerdict.TRY_AGAIN
    assert verdict("RequestLimitExceeded") is LaunchVerdict.TRY_AGAIN
    assert verdict("VcpuLimitExceeded") is LaunchVerdict.STOP
    assert verdict("UnauthorizedOperation") is LaunchVerdict.STOP
    assert verdict("InvalidAMIID.NotFound") is LaunchVerdict.STOP
    # Without an answer there may be an instance: nothing but the same token is safe.
    assert verdict("ReadTimeoutError", answered=False) is LaunchVerdict.UNKNOWN
    assert verdict("InternalError") is LaunchVerdict.UNKNOWN
