"""What is launched follows the template's default within a minute, and one intent means the same at each try."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from janitor.cloud.ec2 import template_versions
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.services.launch.advance import Launched
from janitor.services.provider import provider_of
from janitor.settings import Settings
from tests.integration.services.test_launching import latest, launch, launched_unheard, step
from tests.support.instances import instances_of
from tests.support.rows import insert_run

FIRST, SECOND = "ami-0123456789abcdef0", "ami-0fedcba9876543210"


@pytest.fixture
def templated(settings: Settings) -> Settings:
    """Settings with a template whose default names the first image."""
    name = f"template-{settings.deployment}"
    CloudAccess.of(settings).client("ec2").create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData={"ImageId": FIRST}
    )
    return settings.model_copy(update={"image_id": None, "launch_template": name})


def new_default(settings: Settings, data: Mapping[str, Any]) -> None:
    ec2, name = CloudAccess.of(settings).client("ec2"), settings.launch_template
    made = ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=data)
    number = made["LaunchTemplateVersion"]["VersionNumber"]
    ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion=str(number))


def launched_with(settings: Settings, validation_id: UUID) -> tuple[str, str]:
    """Version and image of the last intent."""
    parameters = latest(settings, validation_id).launch_parameters
    return parameters["LaunchTemplate"]["Version"], parameters["ImageId"]


def test_a_new_default_between_two_tries_changes_nothing_of_the_intent(templated: Settings) -> None:
    """With another version the same token would be an IdempotentParameterMismatch, here as on EC2."""
    _, (first, _) = insert_run(templated.writer_url, deployment=templated.deployment)
    instance_id = launched_unheard(templated, first)
    new_default(templated, {"ImageId": SECOND})
    kept = latest(templated, first).launch_parameters
    assert provider_of(templated).launch(kept) == instance_id  # the same instance again
    assert step(templated, first) == Launched(instance_id=instance_id, adopted=True)
    assert launched_with(templated, first) == ("1", FIRST)
    assert len(instances_of(templated, first)) == 1


def test_a_process_that_lives_on_launches_the_new_image(templated: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    _, (first, second) = insert_run(templated.writer_url, deployment=templated.deployment)
    launch(templated, first)
    new_default(templated, {"ImageId": SECOND})
    monkeypatch.setattr(template_versions, "_FRESH_FOR", timedelta(0))  # a minute later
    launch(templated, second)
    assert launched_with(templated, first) == ("1", FIRST)
    assert launched_with(templated, second) == ("2", SECOND)


def test_an_image_of_the_settings_wins_and_the_version_is_kept_all_the_same(templated: Settings) -> None:
    own = templated.model_copy(update={"image_id": SECOND})
    _, (first, _) = insert_run(own.writer_url, deployment=own.deployment)
    launch(own, first)
    assert launched_with(own, first) == ("1", SECOND)


def test_a_template_that_is_missing_or_names_no_image_says_which_setting(templated: Settings) -> None:
    missing = templated.model_copy(update={"launch_template": "of-nobody"})
    with pytest.raises(CloudError, match=r"launch template of-nobody can't be read: .*check JANITOR_LAUNCH_TEMPLATE"):
        provider_of(missing).launch_source()
    name = f"empty-{templated.deployment}"
    CloudAccess.of(templated).client("ec2").create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "g5.xlarge"}
    )
    with pytest.raises(CloudError, match="names no image; set JANITOR_IMAGE_ID"):
        provider_of(templated.model_copy(update={"launch_template": name})).launch_source()
