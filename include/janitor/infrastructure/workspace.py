"""Where Terraform works for an environment: module, variables, state and credentials.

external (dev, prod)   infra/terraform itself; state in S3, one key for each environment, locked there
embedded (local)       links to the same files in the stack's folder, with a local state: a module has one backend
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from janitor.cloud.provisioning.state_bucket import default_state_bucket, ensure_state_bucket
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.place import MODULE, place_options, require_same_place, variables_file
from janitor.infrastructure.terraform import Terraform, find_mirror, find_program, write_cli_config
from janitor.settings import Settings, StackKind
from janitor.stack.provision.function_package import REAPER_SOURCE, build_package

POLICIES = Path("infra/policies")
PACKAGE = Path("infra/lambda/dist/reaper.zip")
"""Each relative to the project's root."""
_LOCAL_BACKEND = """\
terraform {{
  backend "local" {{
    path = "{state}"
  }}
}}
"""
_NOT_FOR_THE_LOCAL_CLOUD = ("AWS_", "TF_VAR_", "TF_CLI_ARGS")
"""What a shell has for real AWS."""
_ACCOUNT = "ACCOUNT_ID"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One environment's."""

    terraform: Terraform
    data: Path
    """Plans and Terraform's own data."""
    init_options: tuple[str, ...]
    variable_options: tuple[str, ...]

    @property
    def plan_file(self) -> Path:
        """Where a plan is kept between showing and applying it. It may hold what the state holds."""
        return self.data / "plan.tfplan"


def open_workspace(settings: Settings, process: Mapping[str, str]) -> Workspace:
    """Prepare everything that Terraform needs for an environment.

    Args:
        settings: Of the environment; what Terraform is yet to make may be missing.
        process: The process environment: credentials of AWS, proxies, TF_VAR_*.

    Raises:
        InfrastructureError: Something is missing on this machine, or Terraform's variables name another place.
        CloudError: The bucket of the state can't be made.
    """
    program = find_program(settings.inherited.get("PATH"))
    require_same_place(settings)
    data = settings.state_dir / "terraform" / settings.environment
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_embedded = settings.stack is StackKind.EMBEDDED
    environment = _local_environment(settings, process) if is_embedded else dict(process)
    environment |= {"TF_DATA_DIR": str(data / "data"), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    _take_providers(settings, environment, data)
    options: tuple[str, ...] = (f"-var-file={variables_file(settings)}", *place_options(settings))
    init: tuple[str, ...] = ()
    if is_embedded:
        folder = _linked_module(settings, data)
        options += (f"-var=log_group=/janitor-runner/{settings.deployment}",)
    else:
        folder, init = settings.project_root / MODULE, _remote_state(settings)
        if account := process.get(_ACCOUNT, "").strip():
            environment.setdefault("TF_VAR_account_id", account)
    _pack(settings.project_root, folder.parent.parent)
    return Workspace(
        terraform=Terraform(program=program, folder=folder, environment=environment),
        data=data,
        init_options=init,
        variable_options=options,
    )


def _local_environment(settings: Settings, process: Mapping[str, str]) -> dict[str, str]:
    """Nothing that a shell has for AWS comes near the local cloud, nor the other way round."""
    kept = {name: value for name, value in process.items() if not name.startswith(_NOT_FOR_THE_LOCAL_CLOUD)}
    secret = settings.aws_secret_access_key
    if settings.aws_endpoint_url is None or secret is None:
        raise InfrastructureError("the local stack was never started; start it with `make up`")
    return kept | {
        "AWS_ENDPOINT_URL": settings.aws_endpoint_url,
        "AWS_ACCESS_KEY_ID": str(settings.aws_access_key_id),
        "AWS_SECRET_ACCESS_KEY": secret.get_secret_value(),
        "AWS_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _take_providers(settings: Settings, environment: dict[str, str], data: Path) -> None:
    mirror = find_mirror(settings.terraform_mirror)
    if mirror is not None:
        environment["TF_CLI_CONFIG_FILE"] = str(write_cli_config(data, mirror))
    elif not Path(environment.get("TF_CLI_CONFIG_FILE", "")).is_file():
        environment.pop("TF_CLI_CONFIG_FILE", None)


def _linked_module(settings: Settings, data: Path) -> Path:
    """The module's own files by links, beside a backend that keeps the state here."""
    source, folder = settings.project_root / MODULE, data / MODULE
    if folder.exists():
        shutil.rmtree(folder)  # a file that is gone there must not live on here
    folder.mkdir(parents=True)
    for path in source.glob("*.tf"):
        (folder / path.name).symlink_to(path)
    state = data / "terraform.tfstate"
    (folder / "backend_override.tf").write_text(_LOCAL_BACKEND.format(state=state), encoding="utf-8")
    policies = data / POLICIES
    policies.unlink(missing_ok=True)
    policies.symlink_to(settings.project_root / POLICIES)
    return folder


def _remote_state(settings: Settings) -> tuple[str, ...]:
    access = CloudAccess.of(settings)
    bucket = settings.terraform_state_bucket or default_state_bucket(access)
    ensure_state_bucket(access, bucket)
    values = {
        "bucket": bucket,
        "key": f"janitor/{settings.environment}/terraform.tfstate",
        "region": access.region,
        "encrypt": "true",
        "use_lockfile": "true",
    }
    if access.endpoint_url:  # a cloud that isn't AWS has its buckets by path, and no list of regions
        values |= {"use_path_style": "true", "skip_region_validation": "true", "skip_requesting_account_id": "true"}
    return tuple(f"-backend-config={name}={value}" for name, value in values.items())


def _pack(root: Path, infra_root: Path) -> None:
    """Write the reaper function's package; the same bytes for the same source."""
    package = infra_root / PACKAGE
    content = build_package(root / REAPER_SOURCE)
    if package.is_file() and package.read_bytes() == content:
        return
    package.parent.mkdir(parents=True, exist_ok=True)
    written = package.with_suffix(".new")
    written.write_bytes(content)
    os.replace(written, package)
