"""What Terraform made, told to the settings: its outputs become lines of the environment's file.

Invariants: a secret is never written; a line that isn't about such a value stays as it is; a file is replaced whole;
what is taken back needs no outputs, and leaves the file as it was before it was filled.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel

from janitor.domain.errors import InfrastructureError
from janitor.settings import Settings, StackKind
from janitor.settings.parts.infrastructure import INFRASTRUCTURE_ENV_NAME, Provisioner
from janitor.settings.project import override_file_path
from janitor.settings.variables import secrets_of, variables_of

_LINE = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*)=.*$")
_PLAIN = re.compile(r"[A-Za-z0-9/_.:,+@=-]*")
"""Values that mean the same in an env file, a shell and Docker's `env_file`, without quotes."""
_IDENTITY = "JANITOR_DEPLOYMENT"
_MADE_BY = "JANITOR_PROVISIONED_BY"
_OWN_HEADER = """\
# Written by `make infra-apply`; don't edit. `make destroy` removes it, and so does an end of the local cloud.
"""
_ADDED = "\n# What Terraform made; written by `janitor env-file`.\n"
_BEFORE = "# Before Terraform: "
"""Keeps the value that a line had before Terraform's took its place."""
_FILLED = re.compile(rf"^{_MADE_BY}=[\"']?{Provisioner.TERRAFORM.value}[\"']?\s*$", re.MULTILINE)
WRITTEN = frozenset(
    {
        _IDENTITY,
        _MADE_BY,
        "JANITOR_REGION",
        "JANITOR_BUCKET",
        "JANITOR_LOG_GROUP",
        "JANITOR_LAUNCH_TEMPLATE",
        "JANITOR_SUBNET_IDS",
        "JANITOR_SECRETS_PREFIX",
        "JANITOR_SCHEDULE_GROUP",
        "JANITOR_SCHEDULER_ROLE_ARN",
        "JANITOR_REAPER_FUNCTION",
        "JANITOR_REAP_INTERVAL_SECONDS",
        "JANITOR_VOLUME_GIB",
    }
)
"""What the module's output `settings` names. Terraform drops outputs before it removes anything, so that a file must be
emptied without them."""


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
    variables = variables_of(known)
    secret = {variables[field].name for field in secrets_of(known) if field in variables}
    names = {variable.name for variable in variables.values()}
    for name, value in values.items():
        if name not in names:
            raise InfrastructureError(f"Terraform's output settings has {name}, which is no setting")
        if name in secret:
            raise InfrastructureError(f"Terraform's output settings has {name}: a secret is never written")
        if not isinstance(value, str) or not _PLAIN.fullmatch(value):
            raise InfrastructureError(f"Terraform's output settings has {name}={value!r}: quotes would be needed")
    return {**values, _MADE_BY: Provisioner.TERRAFORM.value}


def has_settings(outputs: str) -> bool:
    """Whether these are the outputs of something that was applied whole.

    Args:
        outputs: `terraform output -json`.
    """
    try:
        return "settings" in json.loads(outputs)
    except (ValueError, TypeError):
        return False


def filled(text: str, values: Mapping[str, str]) -> str:
    """An env file's text with these values: in the place of the lines that have the names, the rest at the end.

    What such a line said before is kept at the end, so that `emptied` can give it back.

    Raises:
        InfrastructureError: The file is of another deployment.
    """
    left, lines, before = dict(values), [], {}
    was_own = not _FILLED.search(text)
    for line in text.splitlines():
        name, there = _assigned(line)
        if name == _IDENTITY and name in values:
            if there.strip() not in ("", values[name]):
                raise InfrastructureError(
                    f"the settings say {_IDENTITY}={there.strip()}, and Terraform's variables {values[name]}: make them"
                    " equal"
                )
        elif name in left and there.strip() and was_own:
            before[name] = there
        lines.append(f"{name}={left.pop(name)}" if name in left else line)
    added = [f"{name}={value}" for name, value in left.items()]
    added += [f"{_BEFORE}{name}={value}" for name, value in before.items()]
    header = _ADDED if added and _ADDED not in text else ""
    return "".join(f"{line}\n" for line in lines) + header + "".join(f"{line}\n" for line in added)


def emptied(text: str, names: Iterable[str]) -> str:
    """An env file's text without the values that Terraform gave: as it was before; the identity stays."""
    wanted = set(names)
    own, _, added = text.partition(_ADDED)
    before = dict(_assigned(line.removeprefix(_BEFORE)) for line in added.splitlines() if line.startswith(_BEFORE))
    lines = []
    for line in own.splitlines():
        name, _ = _assigned(line)
        lines.append(f"{name}={before.get(name, '')}" if name in wanted and name != _IDENTITY else line)
    for line in added.splitlines():
        if not line.startswith(_BEFORE) and _assigned(line)[0] not in wanted:
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _assigned(line: str) -> tuple[str, str]:
    """The name and value of a line; no name where it is another kind of line."""
    found = _LINE.match(line)
    return (found["name"], line.partition("=")[2]) if found else ("", "")


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


def remove_settings(settings: Settings, names: Iterable[str] = WRITTEN) -> None:
    """Take back what `write_settings` wrote, also from a checkout's own file that it was copied into.

    A file that doesn't say that Terraform filled it has somebody's own values, and stays.
    """
    if settings.stack is StackKind.EMBEDDED:
        (settings.state_dir / INFRASTRUCTURE_ENV_NAME).unlink(missing_ok=True)
        return
    wanted = set(names)
    for path in (settings.env_file, override_file_path(settings.project_root, settings.environment)):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if _FILLED.search(text):
            _replace(path, emptied(text, wanted))


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
