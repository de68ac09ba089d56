"""Where values come from: the files and the process, in order, with the name of each for messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from janitor.domain.errors import SettingsError
from janitor.settings.project import OVERRIDE_SUFFIX, env_file_path, shown
from janitor.settings.variables import Variable


@dataclass(frozen=True)
class Source:
    """Values of one origin, and how messages call it."""

    label: str
    values: Mapping[str, str]


_NO_NAME = re.compile(r"[/\\\x00]|^\.|\.override$")
"""What would lead out of the folder of environments, hide in it, or is a checkout's own file beside one."""


def read_env_file(root: Path, environment: str) -> Source:
    """The committed file of an environment.

    Raises:
        SettingsError: There is no such environment, or its file can't be read.
    """
    path = env_file_path(root, environment)
    is_name = not _NO_NAME.search(environment)
    if not is_name or not path.is_file():
        files = [each for each in (root / "infra" / "env").glob("*.env") if not each.name.endswith(OVERRIDE_SUFFIX)]
        known = ", ".join(sorted(each.stem for each in files)) or "none"
        missing = f"{shown(path, root)} doesn't exist" if is_name else "an environment's name is no path"
        advice = "Choose one of them, or write that file." if is_name else "Choose one of them."
        raise SettingsError(f"ENV={environment[:80]}: {missing}; environments here: {known}. {advice}")
    return Source(shown(path, root), _parse(path))


def read_if_there(path: Path, root: Path) -> Source:
    """A file that need not be there: what the local stack wrote, or a checkout's own settings.

    Raises:
        SettingsError: The file can't be read.
    """
    return Source(shown(path, root), _parse(path) if path.exists() else {})


def first_value(name: str, sources: Sequence[Source], default: str) -> str:
    """A variable's value in the strongest source that has one."""
    return next((s.values[name] for s in sources if s.values.get(name)), default)


def collect(
    variables: Mapping[str, Variable], sources: Sequence[Source], ambient: Source, *, ambient_before_files: bool = False
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return each setting's value, and the variable and source that it came from.

    Args:
        variables: By field.
        sources: Strongest first.
        ambient: Where the vendor's names of the process are.
        ambient_before_files: Whether the settings that ask for it take those before the files' vendor names.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for field, variable in variables.items():
        for source, name in _candidates(variable, sources, ambient, ambient_before_files):
            value = source.values.get(name, "").strip()
            if value:
                values[field] = value
                origins[field] = f"{name} ({source.label})"
                break
    return values, origins


def _candidates(
    variable: Variable, sources: Sequence[Source], ambient: Source, ambient_before_files: bool
) -> Sequence[tuple[Source, str]]:
    """Where a setting's value may be, strongest first."""
    from_process = [(ambient, name) for name in variable.vendor] if variable.ambient else []
    if ambient_before_files and variable.ambient_before_files:
        own = [(source, variable.name) for source in sources]
        return [*own, *from_process, *((source, name) for source in sources for name in variable.vendor)]
    return [*((source, name) for source in sources for name in (variable.name, *variable.vendor)), *from_process]


def problems_of(
    exc: ValidationError, variables: Mapping[str, Variable], origins: Mapping[str, str], place: Callable[[str], str]
) -> Iterator[str]:
    """Pydantic's errors, each with its variable and source.

    Args:
        exc: The errors.
        variables: By field.
        origins: Where each value comes from, by field.
        place: Where a field's value belongs.
    """
    for error in exc.errors(include_url=False, include_input=False):
        field = str(error["loc"][0])
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "missing":
            yield not_set(variables[field].name, place(field))
        else:
            yield f"{origins.get(field, field)}: {message[0].lower()}{message[1:]}"


def not_set(name: str, place: str) -> str:
    """That a variable has no value, and where one belongs."""
    return f"{name}: not set; put it in {place}"


def unknown_names(source: Source, variables: Mapping[str, Variable]) -> Iterator[str]:
    """Name the variables of a settings file that no setting reads, each with the nearest known one."""
    known = {name for v in variables.values() for name in (v.name, *v.vendor)}
    for name in source.values:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"{name} ({source.label}): unknown variable{hint}"


def _parse(path: Path) -> dict[str, str]:
    try:
        return {k: v or "" for k, v in dotenv_values(path, interpolate=False, encoding="utf-8").items()}
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path} can't be read: {exc}") from exc
