"""Nothing outlives its machine, and no machine outlives its cloud, seen through the APIs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import escapes
from tests.support.cloud import Cloud, eventually, processes_with, unique
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only


def escaped(cloud: Cloud, instance_id: str) -> str:
    """Start processes that try every usual way out; returns the mark that they carry."""
    mark = unique("mark")
    assert cloud.output(instance_id, escapes.script(mark)) == "escaped\n"
    escapes.wait_started(mark)
    return mark


def test_terminated_means_that_every_process_is_gone(cloud: Cloud) -> None:
    instance_id = cloud.online()
    mark = escaped(cloud, instance_id)
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "terminated")
    assert escapes.running(mark) == []


def test_stopped_means_that_every_process_is_gone(cloud: Cloud) -> None:
    instance_id = cloud.online()
    mark = escaped(cloud, instance_id)
    cloud.send(instance_id, "setsid shutdown -h now")
    cloud.wait_state(instance_id, "stopped")
    assert escapes.running(mark) == []


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_no_machine_outlives_the_cloud(tmp_path: Path, end: str) -> None:
    server = LocalCloudServer(tmp_path / "home", boot_delay=0, agent_delay=0)
    server.start()
    try:
        cloud = Cloud.of(server)
        mark = escaped(cloud, cloud.online())
        assert (server.stop() if end == "stop" else server.kill()) in (0, None)
    finally:
        server.kill()
    escapes.wait_ended(mark)
    eventually("no init left", lambda: not processes_with(str(tmp_path)), seconds=10)
