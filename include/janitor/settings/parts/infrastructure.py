"""Who made what is in the cloud, and how Terraform is run."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Variable

INFRASTRUCTURE_ENV_NAME = "infrastructure.env"
"""In an embedded stack's folder: what `make infra-apply` made in its cloud, as settings."""
NOT_MADE = "not-made-yet"
"""Stands for the bucket before Terraform has made it."""
MADE_BY_APPLY = (
    *("bucket", "launch_template", "subnet_ids", "schedule_group", "scheduler_role_arn", "reaper_function"),
)
"""Fields that an environment lacks until `make infra-apply` writes them, or somebody who has made these by hand."""


class Provisioner(str, Enum):
    """Who made bucket, roles, template and killers."""

    OWN = "own"  # `make up` for its own cloud, or a person by hand
    TERRAFORM = "terraform"  # `make infra-apply`; nobody else changes them


class InfrastructureSettings(DeploymentSettings):
    """Terraform."""

    provisioned_by: Annotated[Provisioner, Variable("JANITOR_PROVISIONED_BY")] = Provisioner.OWN
    terraform_mirror: Annotated[Path | None, Variable("JANITOR_TERRAFORM_MIRROR")] = None
    """Folder with Terraform's providers, for machines that don't reach the registry; None: one below /opt, if there is
    any, else what Terraform's own configuration says."""
    terraform_state_bucket: Annotated[str | None, Variable("JANITOR_TERRAFORM_STATE_BUCKET")] = None
    """Bucket of Terraform's state; None: `janitor-terraform-<account>-<region>`, which is made where it is missing."""
