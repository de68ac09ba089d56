"""What Terraform made, told to the settings: its outputs become lines of the environment's file.

Invariants: a secret is never written; a line that isn't about such a value stays as it is; a file is replaced whole.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, SecretStr

from janitor.domain.errors import InfrastructureError
from janitor.settings import Settings, StackKind
from janitor.settings.infrastructure import INFRASTRUCTURE_ENV_NAME, Provisioner
from janitor.settings.variables import Variable, variables_of

_LINE = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*)=.*$")
_PLAIN = re.compile(r"[A-Za-z0-9/_.:,+@=-]*")
"""Values that mean the same in an env file, a shell and Docker's `env_file`, without quotes."""
_IDENTITY = "JANITOR_DEPLOYMENT"
_MADE_BY = "JANITOR_PROVISIONED_BY"
_OWN_HEADER = """\
# Written by `make infra-apply`; don't edit. `make destroy` removes it, and so does an end of the local cloud.
"""
_ADDED = "\n# What Terraform made; written by `janitor env-file`.\n"


def settings_of(outputs: str, known: type[BaseModel] = Settings) -> dict[str, str]:
    """The settings among Terraform's outputs.

    Args:
        outputs: `terraform output -json`.
        known: The model whose variables may be set.

    Raises:
        InfrastructureError: Nothing is applied yet, or a value has no place in a settings file.
    """
    try:
        values = json.loads(outputs)["settings"]["value"]
    except (ValueError, KeyError, TypeError) as exc:
        raise InfrastructureError("Terraform has no outputs: nothing is applied; run `make infra-apply` first") from exc
    secret = {variable.name for variable in _secrets(known)}
    names = {variable.name for variable in variables_of(known).values()}
    for name, value in values.items():
        if name not in names:
            raise InfrastructureError(f"Terraform's output settings has {name}, which is no setting")
        if name in secret:
            raise InfrastructureError(f"Terraform's output settings has {name}: a secret is never written")
        if not isinstance(value, str) or not _PLAIN.fullmatch(value):
            raise InfrastructureError(f"Terraform's output settings has {name}={value!r}: quotes would be needed")
    return {**values, _MADE_BY: Provisioner.TERRAFORM.value}


def _secrets(known: type[BaseModel]) -> list[Variable]:
    variables = variables_of(known)
    return [
        variables[field]
        for field, info in known.model_fields.items()
        if field in variables and SecretStr in (info.annotation, *get_args(info.annotation))
    ]


def filled(text: str, values: Mapping[str, str]) -> str:
    """An env file's text with these values: in the place of the lines that have the names, the rest at the end.

    Raises:
        InfrastructureError: The file is of another deployment.
    """
    left, lines = dict(values), []
    for line in text.splitlines():
        found = _LINE.match(line)
        name = found["name"] if found else ""
        if name == _IDENTITY and name in values:
            there = line.partition("=")[2].strip()
            if there not in ("", values[name]):
                raise InfrastructureError(
                    f"the settings say {_IDENTITY}={there}, and Terraform's variables {values[name]}: make them equal"
                )
        lines.append(f"{name}={left.pop(name)}" if name in left else line)
    added = "".join(f"{name}={value}\n" for name, value in left.items())
    return "\n".join(lines) + "\n" + (_ADDED + added if added else "")


def emptied(text: str, names: set[str]) -> str:
    """An env file's text without the values that Terraform gave; the identity stays."""
    lines = []
    for line in text.splitlines():
        found = _LINE.match(line)
        name = found["name"] if found else ""
        lines.append(f"{name}=" if name in names and name != _IDENTITY else line)
    return "\n".join(lines) + "\n"


def write_settings(settings: Settings, values: Mapping[str, str]) -> Path:
    """Write what Terraform made into the environment's settings; returns the file.

    An embedded stack has a file of its own for it: the committed one must serve those who have no Terraform.
    """
    if settings.stack is StackKind.EMBEDDED:
        path = settings.state_dir / INFRASTRUCTURE_ENV_NAME
        own = {name: value for name, value in values.items() if name != _IDENTITY}
        _replace(path, _OWN_HEADER + "".join(f"{name}={value}\n" for name, value in own.items()))
        return path
    path = settings.env_file
    _replace(path, filled(path.read_text(encoding="utf-8"), values))
    return path


def remove_settings(settings: Settings, values: Mapping[str, str]) -> None:
    """Take back what `write_settings` wrote."""
    if settings.stack is StackKind.EMBEDDED:
        (settings.state_dir / INFRASTRUCTURE_ENV_NAME).unlink(missing_ok=True)
        return
    path = settings.env_file
    _replace(path, emptied(path.read_text(encoding="utf-8"), set(values)))


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
