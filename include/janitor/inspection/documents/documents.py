"""Reads the JSON files of a worker repository and collects every problem in them, not only the first."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from janitor.inspection.documents.json_lines import field_lines, line_of
from janitor.inspection.location import Location
from janitor.inspection.tree import RepositoryTree, UnreadableError
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.values import type_name

_MOST_PROBLEMS = 500
_MOST_DIGITS = 400
"""Of a whole number; Python's own limit depends on its version."""
_CUDA_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 200
_LEADING_PATH = re.compile(r"[A-Za-z_]\w*(?:\.\w+|\[\d+\])*")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something wrong in a document."""

    code: ReasonCode
    text: str
    """Where and what, for people."""


@dataclass
class Problems:
    """Collects what is wrong, and what is only odd."""

    found: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, code: ReasonCode, text: str) -> None:
        """Something that breaks the documented form; nobody reads more than the first hundreds."""
        if len(self.found) < _MOST_PROBLEMS:
            self.found.append(Problem(code=code, text=text))

    def warn(self, text: str) -> None:
        """Something that doesn't."""
        if len(self.warnings) < _MOST_PROBLEMS:
            self.warnings.append(text)

    def summary(self) -> str:
        """The problems in one line."""
        shown = "; ".join(problem.text for problem in self.found[:5])
        more = len(self.found) - 5
        return f"{shown}; and {more} more" if more > 0 else shown


def problem_locations(text: str, path: PurePosixPath, problems: Problems) -> list[Location]:
    """The problems and warnings with their lines in the file."""
    lines = field_lines(text)

    def location(message: str, *, is_warning: bool) -> Location:
        where = _LEADING_PATH.match(message)
        line = line_of(lines, where.group(0)) if where else None
        return Location(path=str(path), line=line or 1, message=message, is_warning=is_warning)

    return [
        *(location(problem.text, is_warning=False) for problem in problems.found),
        *(location(message, is_warning=True) for message in problems.warnings),
    ]


def unreadable_location(path: PurePosixPath, reason: str) -> Location:
    """Where a file that is no JSON breaks off."""
    line = re.search(r"line (\d+) column", reason)
    return Location(path=str(path), line=int(line.group(1)) if line else 1, message=reason)


class _DuplicateKeyError(ValueError):
    """A key stands twice in one object."""


def load_json(tree: RepositoryTree, path: PurePosixPath) -> Any:
    """Decode a JSON file of the repository.

    Raises:
        UnreadableError: It can't be read, is not UTF-8, not JSON, or holds a key twice.
    """
    text = tree.read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_whole_number)
    except (ValueError, RecursionError) as exc:
        raise UnreadableError(f"{path} is not valid JSON: {exc}") from exc


def load_job(tree: RepositoryTree, path: PurePosixPath) -> Any:
    """Decode a JSON file as the SDK's local mode does: a key may stand twice, NaN is a number, and a byte order mark is
    refused.

    Source: runpod-python, serverless/modules/rp_local.py.

    Raises:
        UnreadableError: The SDK could not read it.
    """
    try:
        return json.loads(tree.read(path).decode("utf-8"), parse_int=_whole_number)
    except (ValueError, RecursionError) as exc:
        raise UnreadableError(f"{path} is nothing that the SDK can read: {exc}") from exc


def stated_config(tree: RepositoryTree, path: PurePosixPath) -> Mapping[str, Any] | None:
    """What a file states as its `config`, whatever else of the file breaks its form: nothing where it has none.

    Args:
        tree: The checkout.
        path: Of hub.json or tests.json.

    Returns:
        None where the file can't be read at all.
    """
    try:
        document = load_json(tree, path)
    except UnreadableError:
        return None
    config = document.get("config") if isinstance(document, dict) else None
    return config if isinstance(config, dict) else {}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise _DuplicateKeyError(f"key {shown(name)} stands twice")
        result[name] = value
    return result


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number with {len(digits)} digits")
    return int(digits)


def shown(value: Any) -> str:
    """A value of a document for a message, however long or deep it is."""
    return _SHOWN.repr(value)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def expect_object(problems: Problems, value: Any, where: str, code: ReasonCode) -> Mapping[str, Any] | None:
    """The value if it is an object; else a problem."""
    if isinstance(value, dict):
        return value
    problems.add(code, f"{where} must be an object, not {type_name(value)}")
    return None


def expect_text(problems: Problems, holder: Mapping[str, Any], key: str, where: str, code: ReasonCode) -> str | None:
    """A required, non-empty string; else a problem."""
    value = holder.get(key)
    if isinstance(value, str) and value.strip():
        return value
    problem = "is missing" if key not in holder else f"must be a non-empty string, not {type_name(value)}"
    problems.add(code, f"{where}{key} {problem}")
    return None


def expect_count(problems: Problems, holder: Mapping[str, Any], key: str, where: str, code: ReasonCode) -> None:
    """If the key is there, a whole number of at least 1; else a problem."""
    if key in holder:
        value = holder[key]
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            problems.add(code, f"{where}{key} must be a whole number of at least 1, not {shown(value)}")


def expect_cuda_versions(problems: Problems, holder: Mapping[str, Any], where: str, code: ReasonCode) -> None:
    """If `allowedCudaVersions` is there, a list of versions such as "12.4"; else a problem."""
    versions = holder.get("allowedCudaVersions")
    if versions is None:
        return
    if not isinstance(versions, list):
        problems.add(code, f"{where}allowedCudaVersions must be a list, not {type_name(versions)}")
        return
    for version in versions:
        if not isinstance(version, str) or _CUDA_VERSION.fullmatch(version) is None:
            problems.add(code, f'{where}allowedCudaVersions: {shown(version)} is no version such as "12.4"')


def one_of(values: Iterable[str]) -> str:
    """An enumeration for a message."""
    return ", ".join(sorted(values))
