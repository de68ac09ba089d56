"""One deployment and region for Terraform and for the settings.

The state's bucket, the question for live instances and the written settings go by the settings; what is made goes by
Terraform's variables. Where they differ, a state is looked for where it is not, and an empty one is begun.
"""

from __future__ import annotations

import re
from pathlib import Path

from janitor.domain.errors import InfrastructureError
from janitor.settings import Settings, StackKind
from janitor.settings.project import override_file_path, shown

MODULE = Path("infra/terraform")
"""Relative to the project's root."""
_SET_BY = {"deployment": "JANITOR_DEPLOYMENT", "region": "JANITOR_REGION, where that is empty AWS_REGION"}


def variables_file(settings: Settings) -> Path:
    """The file of Terraform's variables for an environment.

    Raises:
        InfrastructureError: There is none.
    """
    path = settings.project_root / MODULE / f"{settings.environment}.tfvars"
    if not path.is_file():
        raise InfrastructureError(
            f"{MODULE / path.name} doesn't exist: write the variables of ENV={settings.environment} into it,"
            " after the model of dev.tfvars"
        )
    return path


def place_options(settings: Settings) -> tuple[str, ...]:
    """Terraform's options for the settings' deployment and region: they come before whatever else names them."""
    return f"-var=deployment={settings.deployment}", f"-var=region={settings.region}"


def require_same_place(settings: Settings) -> None:
    """Refuse variables of Terraform that name another deployment or region than the settings.

    Raises:
        InfrastructureError: They do, or there is no file of them.
    """
    path = variables_file(settings)
    if settings.stack is StackKind.EMBEDDED:
        return  # the stack's own name comes before whatever the file says
    text = path.read_text(encoding="utf-8")
    files = (override_file_path(settings.project_root, settings.environment), settings.env_file)
    sources = ", ".join(shown(each, settings.project_root) for each in files)
    for name, value in (("deployment", settings.deployment), ("region", settings.region)):
        found = re.search(rf'^[ \t]*"?{name}"?[ \t]*=[ \t]*(?P<value>.*?)[ \t]*$', text, flags=re.MULTILINE)
        if found is None:
            continue
        plain = re.match(r'"(?P<text>[^"]*)"', found["value"])
        there = plain["text"] if plain else found["value"]
        if there != value:
            raise InfrastructureError(
                f"{shown(path, settings.project_root)} says {name} = {there}, and the settings say {value}"
                f" ({_SET_BY[name]}: the shell, {sources}). Make them equal: Terraform's state is looked for by the"
                " settings, and would be another one"
            )
