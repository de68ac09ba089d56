"""Notices in S3: read with care, because anything may lie there."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

import pytest

from janitor.cloud import notices, storage
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.identity import notice_prefix_for
from janitor.domain.states import NoticeKind
from janitor.settings import Settings
from tests.support.localcloud_server import LocalCloudServer

FIRST, SECOND = "i-00000000000000001", "i-00000000000000002"


@pytest.fixture
def settings(killers_settings: Settings) -> Settings:
    """A deployment of its own: its notices are its own."""
    return killers_settings.model_copy(update={"deployment": f"notices-{uuid4().hex[:8]}"})


def put(settings: Settings, kind: str, instance_id: str, /, *, content: bytes | None = None, **changed: Any) -> str:
    """Write a notice; returns its key."""
    body = {
        "kind": kind,
        "deployment": settings.deployment,
        "instance_id": instance_id,
        "noticed_at": "2026-01-02T03:04:05+00:00",
        "reason": "why",
        "expires_at": "2026-01-02T03:00:00Z",
        "validation_id": None,
        "run_id": None,
        "killer": "reaper",
    }
    key = f"{notice_prefix_for(settings.deployment)}{kind}/{instance_id}.json"
    storage.put(CloudAccess.of(settings), settings.bucket, key, content or json.dumps(body | changed).encode())
    return key


def listed(settings: Settings, known: set[str] | None = None) -> list[notices.Notice]:
    return notices.list_notices(CloudAccess.of(settings), settings.bucket, settings.deployment, known=known or set())


def test_what_is_read(settings: Settings) -> None:
    warned, ended = put(settings, "spot_warning", FIRST), put(settings, "terminated", SECOND)
    first, second = listed(settings)
    assert (first.key, first.kind, first.instance_id) == (warned, NoticeKind.SPOT_WARNING, FIRST)
    assert (second.key, second.kind, second.killer, second.reason) == (ended, NoticeKind.TERMINATED, "reaper", "why")
    assert second.noticed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert second.expires_at == datetime(2026, 1, 2, 3, tzinfo=timezone.utc)
    assert second.detail["killer"] == "reaper"


def test_known_ones_are_not_read_again(settings: Settings, killers_cloud: LocalCloudServer) -> None:
    known = {put(settings, "terminated", FIRST), put(settings, "terminated", SECOND)}
    killers_cloud.set_faults({"api": "GetObject", "code": "AccessDenied", "http_status": 403})
    try:
        assert listed(settings, known) == []
        with pytest.raises(CloudError, match="AccessDenied"):
            listed(settings, {min(known)})
    finally:
        killers_cloud.set_faults()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 10_000,
        b"x" * 20_000,
        json.dumps({"kind": "terminated"}).encode(),
    ],
    ids=["empty", "cut off", "list", "null", "text", "not text", "deep", "large", "lacking"],
)
def test_what_cannot_be_understood_is_left_out_and_said(
    settings: Settings, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    good = put(settings, "terminated", SECOND)
    bad = put(settings, "terminated", FIRST, content=content or b" ")
    with caplog.at_level(logging.WARNING):
        untaken: list[str] = []
        access = CloudAccess.of(settings)
        found = notices.list_notices(access, settings.bucket, settings.deployment, untaken=untaken)
        assert [notice.key for notice in found] == [good]
        assert untaken == [bad]
    assert bad in caplog.text


@pytest.mark.parametrize(
    "changed",
    [
        {"instance_id": SECOND},
        {"kind": "spot_warning"},
        {"deployment": "another"},
        {"noticed_at": "yesterday"},
        {"noticed_at": None},
        {"noticed_at": 5},
    ],
)
def test_a_body_that_contradicts_its_key_is_left_out(settings: Settings, changed: dict[str, Any]) -> None:
    put(settings, "terminated", FIRST, **changed)
    assert listed(settings) == []


def test_odd_tags_in_a_body_do_not_cost_the_notice(settings: Settings) -> None:
    put(settings, "terminated", FIRST, validation_id="no uuid", run_id=7)
    (notice,) = listed(settings)
    assert (notice.validation_id, notice.run_id) == (None, None)


@pytest.mark.parametrize("name", ["other/i-00000000000000001.json", "terminated/x.json", "terminated/i-1.txt", "note"])
def test_other_keys_are_no_notices(settings: Settings, name: str) -> None:
    storage.put(CloudAccess.of(settings), settings.bucket, notice_prefix_for(settings.deployment) + name, b"{}")
    assert listed(settings) == []


def test_other_deployments_are_left_alone(settings: Settings) -> None:
    put(settings.model_copy(update={"deployment": f"{settings.deployment}-2"}), "terminated", FIRST)
    assert listed(settings) == []


def test_spot_warnings_are_listed_without_reading(settings: Settings, killers_cloud: LocalCloudServer) -> None:
    put(settings, "spot_warning", FIRST)
    put(settings, "terminated", SECOND)
    killers_cloud.set_faults({"api": "GetObject", "code": "AccessDenied", "http_status": 403})
    try:
        found = notices.spot_warnings(CloudAccess.of(settings), settings.bucket, settings.deployment)
    finally:
        killers_cloud.set_faults()
    assert found == {FIRST}


def test_deleting_twice_is_fine(settings: Settings) -> None:
    key = put(settings, "terminated", FIRST)
    for _ in range(2):
        storage.delete(CloudAccess.of(settings), settings.bucket, key)
    assert listed(settings) == []


def test_a_missing_bucket_is_said(settings: Settings) -> None:
    with pytest.raises(CloudError, match="JANITOR_BUCKET"):
        notices.list_notices(CloudAccess.of(settings), "not-there", settings.deployment)
    with pytest.raises(CloudError, match="JANITOR_BUCKET"):
        notices.spot_warnings(CloudAccess.of(settings), "not-there", settings.deployment)


def test_at_most_so_many_are_read_in_a_call(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_MOST_READ", 3)
    keys = [put(settings, "terminated", f"i-{number:017x}") for number in range(5)]
    first = [notice.key for notice in listed(settings)]
    assert first == keys[:3]
    assert [notice.key for notice in listed(settings, set(first))] == keys[3:]
