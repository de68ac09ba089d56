"""The reaper's function, called in this process against a local cloud."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest

from tests.support.cloud import Cloud, tags, unique
from tests.support.localcloud_server import LocalCloudServer

SOURCE = Path(__file__).resolve().parents[3] / "infra" / "lambda" / "reaper.py"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="package")
def reaper() -> ModuleType:
    """The function's one file, loaded as Lambda does: by its name alone."""
    spec = importlib.util.spec_from_file_location("reaper", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["reaper"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="package")
def lambda_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    with LocalCloudServer(tmp_path_factory.mktemp("lambda") / "home", boot_delay=0.1, agent_delay=0.1) as running:
        yield running


@pytest.fixture(scope="package")
def lambda_clients(lambda_server: LocalCloudServer) -> Cloud:
    return Cloud.of(lambda_server)


def ago(amount: timedelta) -> str:
    """An instant in the past (or the future), as tags hold it."""
    return (datetime.now(timezone.utc) - amount).isoformat()


@dataclass
class Function:
    """The function with its environment, a deployment of its own, and the cloud that it acts on."""

    module: ModuleType
    cloud: Cloud
    server: LocalCloudServer
    monkeypatch: pytest.MonkeyPatch
    deployment: str
    bucket: str

    def call(self, event: Any = None, *, seconds_left: float = 60.0) -> dict[str, Any]:
        """Call it as Lambda does."""
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: int(seconds_left * 1000))
        answer = self.module.handler({} if event is None else event, context)
        return json.loads(json.dumps(answer))  # Lambda has to encode it

    def launch(self, **own: Any) -> str:
        """One instance of the deployment; tags by `expires` and `keep`, others by their names."""
        names = {"janitor:deployment": self.deployment}
        names |= {
            tag: own.pop(key)
            for key, tag in {"expires": "janitor:expires", "keep": "janitor:keep-until"}.items()
            if key in own
        }
        names |= own.pop("tagged", {})
        return self.cloud.launch(TagSpecifications=[tags("instance", **names)], **own)

    def protected(self) -> str:
        """One overdue instance that EC2 refuses to terminate."""
        instance_id = self.launch(expires=ago(HOUR))
        self.cloud.ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": True})
        return instance_id

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def states(self, *instance_ids: str) -> list[str]:
        """Whether each is alive or ended."""
        return ["alive" if self.cloud.state(one) in ("pending", "running") else "ended" for one in instance_ids]

    def notices(self) -> dict[str, dict[str, Any]]:
        """The notices by key, below the deployment."""
        prefix = f"janitor-notices/{self.deployment}/"
        listed = self.cloud.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return {
            entry["Key"].removeprefix(prefix): json.load(
                self.cloud.s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"]
            )
            for entry in listed
        }

    def metrics(self) -> dict[str, float]:
        """The highest value of each metric."""
        now = datetime.now(timezone.utc)
        client = self.server.client("cloudwatch")
        found = {}
        for name in ("OverdueInstances", "InstancesAlive"):
            points = client.get_metric_statistics(
                Namespace="Janitor",
                MetricName=name,
                Dimensions=[{"Name": "Deployment", "Value": self.deployment}],
                StartTime=now - HOUR,
                EndTime=now + HOUR,
                Period=60,
                Statistics=["Maximum"],
            )["Datapoints"]
            found |= {name: max(point["Maximum"] for point in points)} if points else {}
        return found


@pytest.fixture
def function(
    reaper: ModuleType, lambda_server: LocalCloudServer, lambda_clients: Cloud, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Function]:
    for name, value in lambda_server.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "MAX_LIFETIME_MINUTES", "MAX_KEEP_MINUTES", "DRY_RUN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    used = dataclasses.replace(lambda_clients, launched=[])
    deployment, bucket = unique("fleet"), unique("bucket")
    used.s3.create_bucket(Bucket=bucket)
    monkeypatch.setenv("DEPLOYMENT", deployment)
    monkeypatch.setenv("BUCKET", bucket)
    yield Function(reaper, used, lambda_server, monkeypatch, deployment, bucket)
    lambda_server.set_faults()
    for instance_id in used.launched:
        used.ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
    used.terminate_launched()
