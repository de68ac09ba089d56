"""Derived identities are the same each time and different where they must be."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.deadlines import execution_timeout_for
from janitor.domain.identity import (
    TAG_REPOSITORY,
    TAG_RUN,
    TAG_VALIDATION,
    TAG_WORKER,
    client_token_for,
    command_comment_for,
    external_timer_name_for,
    run_id_for,
    validation_id_for,
)
from janitor.domain.launch.order import LaunchIdentity
from janitor.domain.launch.owner import Owner, owner_of
from janitor.domain.states import OwnerKind

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
        owner=Owner.validation(UUID(int=2)),
        run_id=UUID(int=1),
        generation=1,
        name=name,
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
        owner=Owner.validation(UUID(int=2)),
        run_id=UUID(int=1),
        generation=1,
        name="worker-basic",
        repository_name="worker-basic",
        deadline_at=NOW,
        expires_at=NOW,
        intent_at=NOW,
    )
    assert identity.tags["Name"] == "janitor-worker-basic-20260101030405"


@pytest.mark.parametrize("kind", OwnerKind)
def test_an_instance_names_its_owner_and_no_other(kind: OwnerKind) -> None:
    owner = Owner(kind=kind, id=UUID(int=7))
    run_id = {OwnerKind.VALIDATION: UUID(int=1), OwnerKind.RUN: owner.id, OwnerKind.WORKER: None}[kind]
    identity = LaunchIdentity(
        deployment="d",
        owner=owner,
        run_id=run_id,
        generation=1,
        name="pool",
        repository_name=None,
        deadline_at=NOW,
        expires_at=NOW,
        intent_at=NOW,
    )
    assert owner_of(identity.tags) == owner
    assert TAG_REPOSITORY not in identity.tags
    assert (TAG_RUN in identity.tags) == (run_id is not None)
    assert identity.client_token == client_token_for(owner.id, 1)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"Name": "janitor-x"},
        {TAG_WORKER: "no uuid"},
        # Whatever else it says: what its own word can't be read of is nobody's.
        {TAG_VALIDATION: "no uuid", TAG_RUN: str(UUID(int=1))},
    ],
)
def test_tags_that_cannot_be_read_name_nobody(tags: dict[str, str]) -> None:
    assert owner_of(tags) is None


def test_durations() -> None:
    late = execution_timeout_for(NOW, NOW - timedelta(hours=1), timedelta(minutes=2))
    assert late == timedelta(seconds=1)


def test_the_external_timer_s_name_fits() -> None:
    name = external_timer_name_for("a" * 63, "i-0123456789abcdef0")
    assert re.fullmatch(r"[0-9A-Za-z_.-]{1,64}", name)
    assert name != external_timer_name_for("b", "i-0123456789abcdef0")
