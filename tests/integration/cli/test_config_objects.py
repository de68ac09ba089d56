"""A configuration in S3: read for the command and for a run alike, checked the same, and clear where it can't be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from janitor.cli.main import main
from janitor.domain.errors import CloudError, ConfigError
from janitor.services.config_files import load_config
from janitor.services.launch.blueprint import RunRequest, blueprint_of
from janitor.settings import Settings
from tests.support.localcloud_server import LocalCloudServer

CONFIG = b"""\
max_concurrent_instances: 2
repositories:
  - {name: one, organization: tests, prompt: look}
"""


@pytest.fixture
def bucket(cloud: LocalCloudServer) -> Iterator[str]:
    name = f"configs-{uuid4().hex[:8]}"
    cloud.client("s3").create_bucket(Bucket=name)
    yield name
    cloud.set_faults()


@pytest.fixture
def environment(environment: dict[str, str], cloud: LocalCloudServer) -> dict[str, str]:
    return {
        **environment,
        "JANITOR_AWS_ENDPOINT_URL": cloud.endpoint_url,
        "JANITOR_AWS_ACCESS_KEY_ID": cloud.access_key_id,
        "JANITOR_AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
    }


def put(cloud: LocalCloudServer, bucket: str, key: str, body: bytes) -> str:
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"s3://{bucket}/{key}"


def test_a_run_is_made_of_it(settings: Settings, cloud: LocalCloudServer, bucket: str) -> None:
    address = put(cloud, bucket, "fleets/night ly.yaml", CONFIG)
    blueprint = blueprint_of(settings, RunRequest(airflow_run_id="a", trigger="manual", config_path=address))
    assert (blueprint.source, blueprint.max_concurrent_instances) == (address, 2)
    assert [plan.name for plan in blueprint.plans] == ["one"]


def test_the_command_checks_it_as_it_checks_a_file(
    environment: dict[str, str],
    cloud: LocalCloudServer,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    for name, value in {**environment, "JANITOR_ENV": "local"}.items():
        monkeypatch.setenv(name, value)
    assert main(["check-config", put(cloud, bucket, "w.yaml", CONFIG), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["repositories"][0]["name"] == "one"
    address = put(cloud, bucket, "wrong.yaml", CONFIG.replace(b"prompt", b"promt"))
    assert main(["check-config", address, "--json"]) == 2
    (problem, *_) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["source"], problem["line"]) == (address, 3)


@pytest.mark.parametrize("address", ["s3://", "s3://b", "s3://Bucket_Name/key", "s3://bucket/", "s3://bucket//key"])
def test_an_address_that_is_none(settings: Settings, address: str) -> None:
    with pytest.raises(ConfigError, match="is no object's address"):
        load_config(settings, address)


def test_what_isnt_there_or_is_too_large(settings: Settings, cloud: LocalCloudServer, bucket: str) -> None:
    for missing in (f"s3://{bucket}/nothing.yaml", "s3://nobodys-bucket/w.yaml"):
        with pytest.raises(ConfigError, match="there is no such object"):
            load_config(settings, missing)
    large = put(cloud, bucket, "large.yaml", b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="1000001 bytes, over the 1000000 allowed"):
        load_config(settings, large)


def test_who_may_not_read_it_is_told_what_it_takes(settings: Settings, cloud: LocalCloudServer, bucket: str) -> None:
    address = put(cloud, bucket, "w.yaml", CONFIG)
    cloud.set_faults({"api": "GetObject", "code": "AccessDenied"})
    with pytest.raises(CloudError, match=r"can't be read: .*AccessDenied.*needs s3:GetObject"):
        load_config(settings, address)
