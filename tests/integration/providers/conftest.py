"""Providers of instances, each with its stand-in: what is asked of all is asked of each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.settings import Settings, load_settings
from janitor.stack.provision.foundation import ensure_foundation
from tests.integration.providers.bench import Bench, Ec2Bench, PaidBench, RunPodBench
from tests.support.deployment import ROOT
from tests.support.localcloud_server import LocalCloudServer
from tests.support.runpod_server import RunPodServer

PAID_KEY, PAID_DOLLARS = "RUNPOD_TEST_KEY", "RUNPOD_TEST_USD"
"""Opt in to RunPod itself: a key of an account of its own, and the most that the whole suite may cost."""


def settings_with(folder: Path, **variables: str) -> Settings:
    """Settings of a deployment of its own without a database."""
    values = {
        "PATH": os.environ["PATH"],
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": str(folder),
        "JANITOR_DEPLOYMENT": f"test-{uuid4().hex[:8]}",
        "JANITOR_BUCKET": "providers-test",
        "JANITOR_CONSISTENCY_SECONDS": "1",
        **variables,
    }
    return load_settings("local", environ=values, project_root=ROOT)


@pytest.fixture(scope="package")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    with LocalCloudServer(tmp_path_factory.mktemp("cloud") / "home", boot_delay=0.1, agent_delay=0.1) as server:
        yield server


@pytest.fixture(scope="package")
def runpod_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunPodServer]:
    with RunPodServer(tmp_path_factory.mktemp("runpod") / "home", boot_delay=0.1) as server:
        yield server


@pytest.fixture
def runpod(runpod_server: RunPodServer, tmp_path: Path) -> Iterator[RunPodBench]:
    """RunPod's stand-in without faults, for a deployment of its own; nothing of it is left afterwards."""
    settings = settings_with(
        tmp_path,
        JANITOR_RUNPOD_API_URL=runpod_server.api_url,
        JANITOR_RUNPOD_API_KEY=runpod_server.key,
        JANITOR_RUNPOD_IMAGE="example/worker:1",
    )
    bench = RunPodBench(settings, runpod_server)
    yield bench
    bench.clear()


@pytest.fixture
def ec2(local_cloud: LocalCloudServer, tmp_path: Path) -> Iterator[Ec2Bench]:
    settings = settings_with(
        tmp_path,
        JANITOR_AWS_ENDPOINT_URL=local_cloud.endpoint_url,
        JANITOR_AWS_ACCESS_KEY_ID=local_cloud.access_key_id,
        JANITOR_AWS_SECRET_ACCESS_KEY=local_cloud.secret_access_key,
    )
    ensure_foundation(settings)
    bench = Ec2Bench(settings, local_cloud)
    yield bench
    bench.clear()


@pytest.fixture
def paid(tmp_path: Path) -> Iterator[PaidBench]:
    """RunPod itself, for whoever gives a key and a limit in dollars."""
    key, dollars = os.environ.get(PAID_KEY), os.environ.get(PAID_DOLLARS)
    if not key or not dollars:
        pytest.skip(f"RunPod itself is asked only where {PAID_KEY} and {PAID_DOLLARS} are set: it costs money")
    settings = settings_with(
        tmp_path,
        JANITOR_RUNPOD_API_KEY=key,
        JANITOR_RUNPOD_IMAGE="python:3.12-slim",
        JANITOR_CONSISTENCY_SECONDS="30",
    )
    bench = PaidBench(settings, float(dollars))
    yield bench
    bench.clear()


@pytest.fixture(params=["ec2", "runpod", "paid"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Each provider in turn."""
    found: Bench = request.getfixturevalue(request.param)
    return found
