"""Derived identities are the same each time and different where they must be."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.deadlines import execution_timeout_for
from janitor.domain.identity import (
    TAG_VALIDATION,
    LaunchIdentity,
    client_token_for,
    command_comment_for,
    external_timer_name_for,
    run_id_for,
    validation_id_for,
)

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
        expires_at=NOW + timedelta(minutes=32),
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
        expires_at=NOW,
        intent_at=NOW,
    )
    assert identity.tags["Name"] == "janitor-worker-basic-20260101030405"


def test_durations() -> None:
    late = execution_timeout_for(NOW, NOW - timedelta(hours=1), timedelta(minutes=2))
    assert late == timedelta(seconds=1)


def test_the_external_timer_s_name_fits() -> None:
    name = external_timer_name_for("a" * 63, "i-0123456789abcdef0")
    assert re.fullmatch(r"[0-9A-Za-z_.-]{1,64}", name)
    assert name != external_timer_name_for("b", "i-0123456789abcdef0")
