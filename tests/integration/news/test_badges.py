"""Badges in the bucket: what is published, when it is written anew, and that an old one turns grey."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import SecretStr

from janitor.services.badges import publish_badges
from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.support.localcloud_server import LocalCloudServer
from tests.support.news import COMMITS, Fleet, failed, passed


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    with LocalCloudServer(tmp_path_factory.mktemp("badges") / "home") as running:
        running.client("s3").create_bucket(Bucket="test")
        yield running


@pytest.fixture
def fleet(settings: Settings, cloud: LocalCloudServer) -> Fleet:
    """One with a bucket."""
    reached = {
        "aws_endpoint_url": cloud.endpoint_url,
        "aws_access_key_id": cloud.access_key_id,
        "aws_secret_access_key": SecretStr(cloud.secret_access_key),
    }
    return Fleet(settings.model_copy(update=reached))


def with_badges(fleet: Fleet, value: bool = True) -> None:
    with transaction(fleet.settings.writer_url) as connection:
        connection.execute(
            "update validation_runs set badges = %s where deployment = %s", (value, fleet.settings.deployment)
        )


def published(cloud: LocalCloudServer, name: str) -> Any:
    return cloud.client("s3").get_object(Bucket="test", Key=f"badges/acme/{name}")


def message(cloud: LocalCloudServer, repository: str) -> str:
    return str(json.loads(published(cloud, f"{repository}.json")["Body"].read())["message"])


def test_a_badge_is_written_when_it_says_something_else(fleet: Fleet, cloud: LocalCloudServer) -> None:
    fleet.run(a=passed(), b=passed())
    assert publish_badges(fleet.settings) == 0, "nobody asked for badges"
    with_badges(fleet)
    assert publish_badges(fleet.settings) == 2
    assert publish_badges(fleet.settings) == 0
    picture = published(cloud, "worker-a.svg")
    assert picture["ContentType"].startswith("image/svg+xml")
    assert picture["CacheControl"] == "public, max-age=300"
    assert b"<title>janitor: passing</title>" in picture["Body"].read()
    fleet.run(a=failed("x is missing", commit=COMMITS[1]), b=passed())
    with_badges(fleet)
    assert publish_badges(fleet.settings) == 1
    assert message(cloud, "worker-a").startswith("failing since ")
    # Nobody validates any more: green would be a lie.
    assert publish_badges(fleet.settings, now=datetime.now(timezone.utc) + timedelta(days=5)) == 2
    assert message(cloud, "worker-b") == "unknown 5 d"
    with_badges(fleet, value=False)
    assert publish_badges(fleet.settings) == 2
    assert message(cloud, "worker-a") == "unknown"


def test_a_bucket_that_is_not_there_fails_nothing(fleet: Fleet) -> None:
    fleet.run(a=passed())
    with_badges(fleet)
    assert publish_badges(fleet.settings.model_copy(update={"bucket": "not-there"})) == 0
