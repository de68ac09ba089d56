"""Machine images in the local cloud: published, kept, removed with their snapshots, and never one that is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from janitor.cloud.provisioning.machine_images import own_images, parameter_value
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError, NotFoundError
from janitor.domain.machine_images import TAG_IMAGE, image_parameter_of
from janitor.services.machine_image.housekeeping import publish, tidy
from janitor.settings import Settings, load_settings
from tests.support.deployment import ROOT
from tests.support.localcloud_server import LocalCloudServer

Make = Callable[..., str]


@pytest.fixture
def settings(cloud: LocalCloudServer, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A deployment of this test's own; it needs no database."""
    name = "".join(each for each in request.node.name if each.isalnum())[-40:]
    values = {
        "PATH": os.environ["PATH"],
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": str(tmp_path),
        "JANITOR_DEPLOYMENT": f"ami-{name}",
        "JANITOR_BUCKET": "none",
        "JANITOR_AWS_ENDPOINT_URL": cloud.endpoint_url,
        "JANITOR_AWS_ACCESS_KEY_ID": cloud.access_key_id,
        "JANITOR_AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
    }
    return load_settings("local", environ=values, project_root=ROOT).model_copy(update={"image_id": None})


@pytest.fixture
def ec2(cloud: LocalCloudServer) -> Any:
    """A client of one's own."""
    return cloud.client("ec2")


@pytest.fixture
def make(settings: Settings, ec2: Any) -> Iterator[Make]:
    """Makes images as Packer does: with a snapshot, and the tag on both."""
    made: list[str] = []

    def image(number: int, deployment: str | None = None) -> str:
        image_id: str = ec2.register_image(
            Name=f"janitor-{deployment or settings.deployment}-{number}",
            RootDeviceName="/dev/sda1",
            BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8}}],
        )["ImageId"]
        # The local cloud makes the snapshot by itself and takes no tags with an image.
        (found,) = ec2.describe_images(ImageIds=[image_id])["Images"]
        tagged = [image_id, found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]]
        ec2.create_tags(Resources=tagged, Tags=[{"Key": TAG_IMAGE, "Value": deployment or settings.deployment}])
        made.append(image_id)
        return image_id

    yield image
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        ec2.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])


def images(settings: Settings) -> list[str]:
    found = own_images(CloudAccess.of(settings), settings.deployment)
    return [each.image_id for each in sorted(found, key=lambda each: each.name)]


def snapshots(ec2: Any, settings: Settings) -> int:
    filters = [{"Name": f"tag:{TAG_IMAGE}", "Values": [settings.deployment]}]
    return len(ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"])


def test_two_are_kept_and_older_ones_go_with_their_snapshots(settings: Settings, ec2: Any, make: Make) -> None:
    made = [make(number) for number in range(4)]
    stranger = make(9, deployment="another")
    planned = tidy(settings, dry_run=True)
    assert [each.image_id for each in planned.removed] == made[:2]
    assert images(settings) == made, "a dry run removes nothing"
    done = tidy(settings)
    assert [each.image_id for each in done.removed] == made[:2]
    assert [len(each.snapshot_ids) for each in done.removed] == [1, 1]
    assert images(settings) == made[2:]
    assert snapshots(ec2, settings) == 2
    assert [each.image_id for each in own_images(CloudAccess.of(settings), "another")] == [stranger]
    assert tidy(settings).removed == ()


def test_what_a_template_s_default_version_names_stays(settings: Settings, ec2: Any, make: Make) -> None:
    made = [make(number) for number in range(5)]
    template = ec2.create_launch_template(LaunchTemplateName="of-others", LaunchTemplateData={"ImageId": made[0]})
    ec2.create_launch_template_version(
        LaunchTemplateId=template["LaunchTemplate"]["LaunchTemplateId"], LaunchTemplateData={"ImageId": made[1]}
    )
    done = tidy(settings)
    assert done.held == {made[0]: "the launch template of-others"}
    assert images(settings) == [made[0], *made[3:]], "a version that isn't the default holds nothing"


def test_what_a_parameter_names_stays(settings: Settings, cloud: LocalCloudServer, ec2: Any, make: Make) -> None:
    made = [make(number) for number in range(5)]
    parameter = publish(settings, made[0])
    assert parameter_value(CloudAccess.of(settings), parameter) == made[0]
    cloud.client("ssm").put_parameter(Name="/others/ami", Value=made[1], Type="String")
    for name, resolved in (("a", "/others/ami"), ("b", "/others/none-such")):
        ec2.create_launch_template(
            LaunchTemplateName=f"by-parameter-{name}", LaunchTemplateData={"ImageId": f"resolve:ssm:{resolved}"}
        )
    done = tidy(settings)
    assert done.held == {
        made[0]: f"the parameter {parameter}",
        made[1]: "the launch template by-parameter-a",
    }
    assert images(settings) == [*made[:2], *made[3:]]


def test_publishing_changes_what_is_launched(settings: Settings, make: Make) -> None:
    first, second = make(1), make(2)
    parameter = publish(settings, first)
    assert parameter == image_parameter_of(settings.deployment) == f"/janitor/{settings.deployment}/ami"
    assert publish(settings, second) == parameter
    assert parameter_value(CloudAccess.of(settings), parameter) == second
    with pytest.raises(NotFoundError, match="ami-0ffffffffffffffff"):
        publish(settings, "ami-0ffffffffffffffff")
    assert parameter_value(CloudAccess.of(settings), parameter) == second


def test_a_snapshot_that_lost_its_image_goes_at_the_next_time(
    settings: Settings, ec2: Any, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from janitor.services.machine_image import housekeeping

    made = [make(number) for number in range(3)]
    # Killed between the two calls.
    ec2.deregister_image(ImageId=made[0])
    assert snapshots(ec2, settings) == 3
    assert tidy(settings).snapshots == (), "it could be a build's that is going on"
    monkeypatch.setattr(housekeeping, "_BUILD_MAY_TAKE", timedelta(0))
    assert len(tidy(settings).snapshots) == 1
    assert snapshots(ec2, settings) == 2
    assert images(settings) == made[1:]


def test_nothing_is_removed_while_it_can_not_be_known_what_is_named(
    settings: Settings, ec2: Any, make: Make, cloud: LocalCloudServer
) -> None:
    made = [make(number) for number in range(4)]
    ec2.create_launch_template(LaunchTemplateName="unreadable", LaunchTemplateData={"ImageId": "resolve:ssm:"})
    with pytest.raises(CloudError, match="GetParameter"):
        tidy(settings)
    assert images(settings) == made


@pytest.mark.parametrize(
    ("code", "stays"),
    [("InvalidSnapshot.InUse", True), ("InvalidSnapshot.NotFound", False)],
    ids=["in-use-by-another-image", "gone-already"],
)
def test_a_snapshot_that_can_not_be_deleted_stops_nothing(
    settings: Settings, make: Make, cloud: LocalCloudServer, code: str, stays: bool
) -> None:
    made = [make(number) for number in range(3)]
    cloud.set_faults({"api": "DeleteSnapshot", "code": code, "http_status": 400})
    try:
        done = tidy(settings)
    finally:
        cloud.set_faults()
    (removed,) = done.removed
    assert (removed.image_id, images(settings)) == (made[0], made[1:])
    assert done.in_use == (removed.snapshot_ids if stays else ())


def test_another_refusal_of_a_snapshot_is_told(settings: Settings, make: Make, cloud: LocalCloudServer) -> None:
    for number in range(3):
        make(number)
    cloud.set_faults({"api": "DeleteSnapshot", "code": "UnauthorizedOperation", "http_status": 403})
    try:
        with pytest.raises(CloudError, match="DeleteSnapshot snap-"):
            tidy(settings)
    finally:
        cloud.set_faults()
