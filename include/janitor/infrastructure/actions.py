"""Plan, apply, destroy: each step of Terraform for one environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from janitor.domain.errors import InfrastructureError
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.infrastructure.env_file import has_settings, remove_settings, settings_of, write_settings
from janitor.infrastructure.workspace import Workspace, open_workspace
from janitor.services.provider import providers_in_use
from janitor.settings import Settings, StackKind
from janitor.stack import stack

Progress = Callable[[str], None]

_INIT_LIMIT = timedelta(minutes=15)
_PLAN_LIMIT = timedelta(minutes=20)
_CHANGE_LIMIT = timedelta(hours=1)
_OUTPUT_LIMIT = timedelta(minutes=2)
_CHANGES = 2
"""Exit code of `plan -detailed-exitcode` where there is something to do."""
_SHOWN = 10
UNFINISHED_DESTROY = (
    "What is left is in Terraform's state, and the settings name none of it any more: `make destroy` again removes the"
    " rest, `make infra-apply` makes the missing anew."
)


class Infrastructure:
    """What Terraform makes for one environment.

    Args:
        settings: Of the environment; what Terraform is yet to make may be missing.
        process: The process environment.
    """

    def __init__(self, settings: Settings, process: Mapping[str, str], progress: Progress) -> None:
        stack.require_up(settings)
        self._settings = settings
        self._progress = progress
        self._workspace: Workspace = open_workspace(settings, process)
        self._terraform = self._workspace.terraform
        progress("Preparing Terraform")
        self._terraform.read("init", "-input=false", "-reconfigure", *self._workspace.init_options, limit=_INIT_LIMIT)

    def plan(self, *, destroy: bool = False, shown: bool = True) -> bool:
        """Find what would be changed, and show it; returns whether anything would.

        Raises:
            InfrastructureError: Terraform failed.
        """
        self._progress("Planning")
        code = self._terraform.run(
            "plan",
            "-input=false",
            "-detailed-exitcode",
            f"-out={self._workspace.plan_file}",
            *(("-destroy",) if destroy else ()),
            *self._workspace.variable_options,
            limit=_PLAN_LIMIT,
            allowed=(0, _CHANGES),
            shown=shown,
        )
        return code == _CHANGES

    def plan_json(self) -> str:
        """The plan that `plan` made, as JSON.

        Raises:
            InfrastructureError: Terraform failed.
        """
        return self._terraform.read("show", "-json", str(self._workspace.plan_file), limit=_PLAN_LIMIT)

    def apply(self) -> None:
        """Carry out the plan that `plan` made.

        Raises:
            InfrastructureError: Terraform failed; what it had done by then is in its state.
        """
        try:
            self._terraform.run("apply", "-input=false", str(self._workspace.plan_file), limit=_CHANGE_LIMIT)
        finally:
            self._workspace.plan_file.unlink(missing_ok=True)

    def settings(self) -> dict[str, str]:
        """The settings that the applied state stands for.

        Raises:
            InfrastructureError: Nothing is applied.
        """
        outputs = self._terraform.read("output", "-json", limit=_OUTPUT_LIMIT)
        if not has_settings(outputs) and (there := self.applied()):
            raise InfrastructureError(
                f"Terraform has no outputs, and its state holds {_counted(there)}: an apply or a destroy was not"
                " finished. `make infra-apply` completes it, `make destroy` removes what is there"
            )
        return settings_of(outputs)

    def applied(self) -> list[str]:
        """The addresses of everything that the state holds. Outputs say nothing of it: Terraform drops them before it
        removes the first resource, and has none before an apply is whole.

        Raises:
            InfrastructureError: Terraform failed.
        """
        return applied_in(self._terraform.read("state pull", limit=_OUTPUT_LIMIT))

    def require_applied(self) -> None:
        """Refuse to destroy where there is nothing to be destroyed.

        Raises:
            InfrastructureError: There is nothing, or Terraform failed.
        """
        if not self.applied():
            raise InfrastructureError(
                f"nothing of ENV={self._settings.environment} is applied: Terraform's state holds no resource"
            )

    def tell_settings(self) -> Path:
        """Write them where the product reads them; returns the file.

        Raises:
            InfrastructureError: Nothing is applied.
        """
        path = write_settings(self._settings, self.settings())
        self._take_over()
        return path

    def destroy(self) -> None:
        """Remove what the settings say of it, then everything. Call `plan(destroy=True)` first.

        In this order: however far Terraform comes, no run may start on what is half gone.

        Raises:
            InfrastructureError: Terraform failed, or nothing is applied.
        """
        self.require_applied()
        remove_settings(self._settings)
        self._take_over()
        try:
            self.apply()
        except InfrastructureError as exc:
            raise InfrastructureError(f"{exc}\n{UNFINISHED_DESTROY}") from exc

    def _take_over(self) -> None:
        """Let a running stack's processes read the settings anew: tasks do by themselves."""
        if self._settings.stack is StackKind.EMBEDDED:
            stack.restart_triggerer(self._settings, progress=self._progress)


def applied_in(state: str) -> list[str]:
    """The addresses of the resources in a state; data sources are nothing that stands.

    Args:
        state: `terraform state pull`: unlike `terraform show` it needs no provider, and so it answers also where a
            newer one has another schema. Empty where there is no state.

    Raises:
        InfrastructureError: It is no state.
    """
    if not state.strip():
        return []
    try:
        resources = json.loads(state)["resources"]
        managed = [one for one in resources if one["mode"] == "managed"]
        return [_address(one) for one in managed for _ in one["instances"]]
    except (ValueError, KeyError, TypeError) as exc:
        raise InfrastructureError("`terraform state pull` told no state") from exc


def _address(resource: Mapping[str, Any]) -> str:
    parts = (resource.get("module"), resource["type"], resource["name"])
    return ".".join(str(part) for part in parts if part)


def _counted(addresses: list[str]) -> str:
    return "1 resource" if len(addresses) == 1 else f"{len(addresses)} resources"


def live_instances(settings: Settings) -> list[str]:
    """The ids of the deployment's live instances.

    Raises:
        CloudError: A provider can't be asked.
    """
    return [
        one.instance_id
        for provider in providers_in_use(settings).values()
        for one in provider.find(TAG_DEPLOYMENT, settings.deployment)
    ]


def require_no_instances(settings: Settings) -> None:
    """Refuse to go on while instances live: without their roles and killers nobody would end them.

    Raises:
        InfrastructureError: There are some.
        CloudError: EC2 can't be asked.
    """
    if alive := live_instances(settings):
        more = f" and {len(alive) - _SHOWN} more" if len(alive) > _SHOWN else ""
        count = "1 instance" if len(alive) == 1 else f"{len(alive)} instances"
        raise InfrastructureError(
            f"{count} of {settings.deployment} still alive: {', '.join(alive[:_SHOWN])}{more};"
            f" nothing was destroyed. End them first: make kill-all-workers ENV={settings.environment}"
        )
