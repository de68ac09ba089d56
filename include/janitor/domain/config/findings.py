"""What is wrong with a configuration's data, in its author's words.

Three sources: pydantic's errors, put into plain words with the nearest known key; rules over the whole fleet, checked
on the raw data so that they are reported even where another field is wrong; placeholders in URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from janitor.domain.config.document import ConfigDocument, Finding, Path
from janitor.domain.config_problems import ConfigProblem, nearest
from janitor.protocol.order.repository import PLATFORM_VARIABLES, RESERVED_VARIABLES, TEST_VARIABLES

FLEET_ERROR = "fleet_error"
"""Type of the pydantic errors that repeat a fleet finding, for models that are built without a document."""

_GONE = {"validation_type": "leave it out: every validation makes all checks"}
"""Keys that there were, with what to do."""
SEQUENTIAL_KEYS = ("total_timeout_minutes", "expected_errors")
"""Keys that the configuration of a sequential run has at the top level, and no other."""
_SEQUENTIAL = (
    "it belongs to the list of a sequential run: `janitor check-config --sequential` (`make check-config REPOS_FILE=…`)"
    " checks it, `make run-janitor` runs it"
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def substitute_in_urls(data: Any, substitutions: Mapping[str, str]) -> tuple[Any, list[Finding]]:
    """The data with `{placeholder}` in each repository's `url` replaced, percent-encoded; unknown ones are findings."""
    findings: list[Finding] = []
    for index, repository in _repositories(data):
        url = repository.get("url")
        if not isinstance(url, str) or not ("{" in url or "}" in url):
            continue
        path: Path = ("repositories", index, "url")
        left_over = _PLACEHOLDER.sub(
            lambda match: quote(substitutions[match[1]]) if match[1] in substitutions else match[0], url
        )
        unknown = _PLACEHOLDER.search(left_over)
        if unknown or "{" in left_over or "}" in left_over:
            message = f"unknown placeholder {unknown[0]!r}" if unknown else "has a '{' or '}' without its partner"
            known = ", ".join(f"{{{name}}}" for name in sorted(substitutions)) or "none here"
            findings.append(Finding(path, message, f"known placeholders: {known}", spoils_value=True))
        repository["url"] = left_over
    return data, findings


def fleet_findings(data: Any) -> Iterator[Finding]:
    """What is wrong between fields or with keys that are free: names, and variables that don't reach a worker."""
    seen: dict[tuple[str, str], int] = {}
    any_enabled = False
    listed = 0
    for index, repository in _repositories(data):
        listed += 1
        any_enabled = any_enabled or repository.get("enabled", True) is not False
        organization, name = repository.get("organization"), repository.get("name")
        if isinstance(organization, str) and isinstance(name, str):
            # GitHub's names differ in more than their case.
            first = seen.setdefault((organization.casefold(), name.casefold()), index)
            if first != index:
                message = f"{organization}/{name} is listed twice, first as number {first + 1}"
                yield Finding(("repositories", index, "name"), message, "keep one entry")
        yield from variable_findings(("repositories", index), repository)
    if isinstance(data, dict) and data.get("repositories") in ([], ()):
        yield Finding(("repositories",), "lists no repository", "add at least one entry")
    if listed and not any_enabled:
        yield Finding(("repositories",), "no repository is enabled", "set `enabled: true` on at least one")


def variable_findings(path: Path, repository: Mapping[str, Any]) -> Iterator[Finding]:
    """Variables that a worker would not get, or not as they stand."""
    given = {key: found for key in ("env", "secrets") if isinstance(found := repository.get(key), Mapping)}
    for key, variables in given.items():
        for variable in sorted(variables.keys() & RESERVED_VARIABLES):
            yield Finding((*path, key, variable), "is never handed to a worker", _instead_of(variable))
    if len(given) == 2:
        for variable in sorted(given["env"].keys() & given["secrets"].keys()):
            yield Finding((*path, "secrets", variable), "is given under env as well", "keep one of the two")


def _instead_of(variable: str) -> str:
    if variable in TEST_VARIABLES:
        return "leave it out: every test sets it itself"
    if variable in PLATFORM_VARIABLES:
        return "leave it out: with it the SDK would wait for the platform instead of running the test"
    return "leave it out: a place without an image sets it itself; an image has it of ENV in the Dockerfile"


def _repositories(data: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    listed = data.get("repositories") if isinstance(data, dict) else None
    for index, repository in enumerate(listed if isinstance(listed, (list, tuple)) else ()):
        if isinstance(repository, dict):
            yield index, repository


def model_findings(error: ValidationError, known_keys: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Pydantic's errors in plain words.

    Args:
        error: What the model said.
        known_keys: The keys of each mapping of the configuration: "" for the top level, "repositories" for an entry of
            that list, and so on.
    """
    for detail in error.errors(include_url=False):
        if detail["type"] == FLEET_ERROR:
            continue
        path: Path = tuple(part for part in detail["loc"] if part != "[key]")
        if detail["type"] == "extra_forbidden":
            yield _unknown_key(path, known_keys)
        else:
            yield Finding(path, *_in_words(detail))


def _unknown_key(path: Path, known_keys: Mapping[str, Sequence[str]]) -> Finding:
    level = str(path[0]) if len(path) > 1 else ""
    key = str(path[-1])
    if key in _GONE:
        return Finding(path, "is no key any more", _GONE[key])
    if key in SEQUENTIAL_KEYS and key not in known_keys.get("", ()):
        return Finding(path, "unknown key", _SEQUENTIAL)
    near = nearest(key, known_keys.get(level, ()))
    elsewhere = next((name for name, keys in known_keys.items() if name != level and key in keys), None)
    hints = []
    if elsewhere is not None:
        hints.append(f"it belongs {'to an entry of ' + elsewhere if elsewhere else 'at the top level'}")
    if near:
        hints.append(f"did you mean {near}?")
    if not hints:
        hints.append(f"known keys: {', '.join(known_keys.get(level, ()))}")
    return Finding(path, "unknown key", "; ".join(hints))


_EXPECTED_BY_TYPE: Mapping[str, str] = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "decimal_type": "must be a number",
    "is_instance_of": "must be a number",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
}


def _in_words(detail: ErrorDetails) -> tuple[str, str | None]:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if not detail["loc"]:
        said = "is empty" if value is None else f"{_EXPECTED_BY_TYPE['model_type']}, but is {_described(value)}"
        return said, "begin with `repositories:` and list what is to be validated"
    if value is None and kind != "missing":
        return "is empty", "give it a value or remove the line"
    if kind in _EXPECTED_BY_TYPE:
        hint = "put it in quotes" if kind == "string_type" and isinstance(value, (bool, int, float)) else None
        if kind == "bool_type" and isinstance(value, str):
            hint = "write it without quotes"
        return f"{_EXPECTED_BY_TYPE[kind]}, but is {_described(value)}", hint
    if kind == "missing":
        return "is missing", None
    if kind == "enum":
        allowed = re.findall(r"'([^']*)'", str(context.get("expected")))
        near = nearest(value, allowed) if isinstance(value, str) else None
        return f"must be one of {', '.join(allowed)}", f"did you mean {near}?" if near else None
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return _range_in_words(kind, context), None
    if kind in ("finite_number", "decimal_max_digits", "decimal_parsing"):
        return "must be a finite number", None
    if kind == "too_long":
        return f"lists more than {context.get('max_length')} entries", None
    if "error" in context:
        return str(context["error"]), None
    return detail["msg"], None


def _range_in_words(kind: str, context: Mapping[str, Any]) -> str:
    words = {
        "greater_than": ("gt", "must be more than"),
        "greater_than_equal": ("ge", "must be at least"),
        "less_than": ("lt", "must be less than"),
        "less_than_equal": ("le", "must be at most"),
    }
    key, said = words[kind]
    bound = float(context[key])
    return f"{said} {bound:,.0f}" if bound.is_integer() else f"{said} {bound:,.4g}"


def _described(value: object) -> str:
    """The kind of a value; the value itself could be a secret."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, (list, tuple)) else "a mapping"


def as_problems(findings: Iterable[Finding], document: ConfigDocument, source: str) -> Iterator[ConfigProblem]:
    """The findings with file, line, repository and field."""
    for finding in findings:
        position = finding.position or document.position_of(finding.path)
        label, field = _label_and_field(finding.path, document.data)
        yield ConfigProblem(
            source=source,
            line=position.line if position else None,
            column=position.column if position else None,
            repository=label,
            field=field,
            message=finding.message,
            hint=finding.hint,
        )


def _label_and_field(path: Path, data: Any) -> tuple[str | None, str | None]:
    label = None
    if len(path) > 1 and path[0] == "repositories" and isinstance(path[1], int):
        index = path[1]
        entry = data["repositories"][index] if isinstance(data, dict) else None
        name = entry.get("name") if isinstance(entry, dict) else None
        usable = isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name)
        label = name if usable else f"#{index + 1}"
        path = path[2:]
    field = ""
    for part in path:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else part
    return label, _shortened(field) or None


def _shortened(field: str) -> str:
    return field if len(field) <= 120 else field[:119] + "…"
