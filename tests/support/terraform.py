"""Real Terraform for tests: on a copy of the module, against a local cloud. Where there is none, a test says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.terraform import Terraform, find_mirror, find_program, write_cli_config
from janitor.stack.provision.function_package import REAPER_SOURCE, build_package
from tests.support.localcloud_server import LocalCloudServer

ROOT = Path(__file__).resolve().parents[2]
LIMIT = timedelta(minutes=15)
LOCAL_BACKEND = 'terraform {\n  backend "local" {}\n}\n'


def require_terraform() -> str:
    """Terraform's path; skips the test, with the reason, where there is none."""
    try:
        return find_program(os.environ["PATH"])
    except InfrastructureError as exc:
        pytest.skip(str(exc))


def copied_module(folder: Path) -> Path:
    """A copy of the module with what lies beside it; returns the module's folder."""
    for name in ("terraform", "policies"):
        shutil.copytree(ROOT / "infra" / name, folder / "infra" / name, ignore=shutil.ignore_patterns(".terraform*"))
    package = folder / "infra" / "lambda" / "dist" / "reaper.zip"
    package.parent.mkdir(parents=True)
    package.write_bytes(build_package(ROOT / REAPER_SOURCE))
    module = folder / "infra" / "terraform"
    (module / "backend_override.tf").write_text(LOCAL_BACKEND)
    return module


def terraform_on(module: Path, server: LocalCloudServer | None = None) -> Terraform:
    """Terraform on a copied module, without any credentials but a local cloud's."""
    program = require_terraform()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    environment |= {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    if server is not None:
        environment |= server.environment()
    if mirror := find_mirror(None):
        environment["TF_CLI_CONFIG_FILE"] = str(write_cli_config(module.parent, mirror))
    terraform = Terraform(program=program, folder=module, environment=environment)
    terraform.read("init", "-input=false", limit=LIMIT)
    return terraform


def planned(terraform: Terraform, variables: str) -> str:
    """A plan as JSON.

    Args:
        terraform: On a module.
        variables: Name of a tfvars file in it.
    """
    plan = str(terraform.folder / "plan.tfplan")
    terraform.read("plan", "-input=false", f"-out={plan}", f"-var-file={variables}", limit=LIMIT)
    return terraform.read("show", "-json", plan, limit=LIMIT)


@contextmanager
def a_cloud(folder: Path) -> Iterator[LocalCloudServer]:
    """A local cloud of its own."""
    with LocalCloudServer(folder / "cloud") as server:
        yield server
