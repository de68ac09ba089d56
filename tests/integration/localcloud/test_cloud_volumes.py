"""Volumes: what is written to one is there on the next machine and after a restart, by EC2's rules of attaching."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, eventually, tags
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

ZONE = "us-east-1a"
READ = 'cat "$HOME"/../volumes/sdf/kept 2>/dev/null || echo nothing'


def make_volume(cloud: Cloud, zone: str = ZONE) -> str:
    volume: str = cloud.ec2.create_volume(
        Size=50, VolumeType="gp3", AvailabilityZone=zone, TagSpecifications=[tags("volume", Use="cache")]
    )["VolumeId"]
    return volume


def in_zone(cloud: Cloud, zone: str = ZONE) -> str:
    return cloud.online(Placement={"AvailabilityZone": zone})


def attach(cloud: Cloud, volume_id: str, instance_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
    return answer


def refused(cloud: Cloud, volume_id: str, instance_id: str) -> str:
    with pytest.raises(ClientError) as caught:
        attach(cloud, volume_id, instance_id)
    return error_code(caught)


def shown(cloud: Cloud, volume_id: str) -> dict[str, Any]:
    (volume,) = cloud.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    return dict(volume)


def test_one_machine_after_another_has_what_was_written(cloud: Cloud) -> None:
    volume_id, first = make_volume(cloud), in_zone(cloud)
    attach(cloud, volume_id, first)
    assert shown(cloud, volume_id)["State"] == "in-use"
    assert cloud.output(first, f'{READ}; echo warm >"$HOME"/../volumes/sdf/kept') == "nothing\n"
    second = in_zone(cloud)
    assert refused(cloud, volume_id, second) == "VolumeInUse"
    assert cloud.output(second, READ) == "nothing\n"
    cloud.ec2.terminate_instances(InstanceIds=[first])
    eventually("the volume to be free", lambda: shown(cloud, volume_id)["State"] == "available")
    attach(cloud, volume_id, second)
    assert cloud.output(second, READ) == "warm\n"
    cloud.ec2.detach_volume(VolumeId=volume_id)
    assert cloud.output(second, READ) == "nothing\n"
    cloud.ec2.delete_volume(VolumeId=volume_id)


def test_a_volume_is_attached_in_its_zone_and_to_a_running_instance_alone(cloud: Cloud) -> None:
    elsewhere, instance_id = make_volume(cloud, "us-east-1b"), in_zone(cloud)
    assert refused(cloud, elsewhere, instance_id) == "InvalidVolume.ZoneMismatch"
    here = make_volume(cloud)
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    assert refused(cloud, here, instance_id) == "IncorrectState"
    for volume_id in (elsewhere, here):
        cloud.ec2.delete_volume(VolumeId=volume_id)


def test_a_volume_survives_a_killed_cloud_while_a_machine_has_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with LocalCloudServer(home, boot_delay=0, agent_delay=0) as server:
        cloud = Cloud.of(server)
        volume_id, instance_id = make_volume(cloud), in_zone(cloud)
        attach(cloud, volume_id, instance_id)
        cloud.output(instance_id, 'echo warm >"$HOME"/../volumes/sdf/kept')
        server.kill()
    with LocalCloudServer(home, boot_delay=0, agent_delay=0) as server:
        cloud = Cloud.of(server)
        volume = shown(cloud, volume_id)
        assert (volume["State"], volume["Size"], volume["AvailabilityZone"]) == ("available", 50, ZONE)
        assert volume["Tags"] == [{"Key": "Use", "Value": "cache"}]
        instance_id = in_zone(cloud)
        attach(cloud, volume_id, instance_id)
        assert cloud.output(instance_id, READ) == "warm\n"
        cloud.terminate_launched()
