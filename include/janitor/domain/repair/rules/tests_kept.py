"""What a worker is tested by is no weaker after a patch, and only the recipe for documents touches it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from janitor.domain.repair.diff import ChangeKind
from janitor.domain.repair.rules.rule import Change, Rule, Touched

_TEST_FOLDERS = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs", "e2e"})
_TEST_FILES = re.compile(
    r"test[._-].*|tests?\.json|test_input.*|.*[._-]tests?\.(?:py|js|ts|tsx|sh|json|ya?ml)|tests?|conftest\.py"
    r"|pytest\.ini|tox\.ini|noxfile\.py|\.coveragerc|test\w*\.(?:py|json|ya?ml|sh)"
)
_SHADOWING = re.compile(r"runpod(?:\.\w+)?\.py|(?:site|user)customize\.py|.*\.pth|pyvenv\.cfg|python\d*\._pth")
"""What Python would import in the place of the SDK, or runs at each of its starts."""
_SHORTEST_MS = 1_000
"""A shorter time was meant in seconds. Source: `janitor.inspection.documents.tests_file`."""
_EXPECTATIONS = ("expectedOutput", "success_when")


def is_test_file(path: str) -> bool:
    """Whether a file is part of what the worker is tested by."""
    *folders, name = path.casefold().split("/")
    return not _TEST_FOLDERS.isdisjoint(folders) or _TEST_FILES.fullmatch(name) is not None


def _touched(change: Change) -> str | None:
    for file in change.files:
        for path in (file.diff.old_path, file.path):
            if is_test_file(path) and not (change.is_of_schema_recipe and path.endswith(".json")):
                return f"{path} is what the worker is tested by"
    return None


def _weaker(change: Change) -> str | None:
    for file in change.files:
        if not is_test_file(file.path) and not is_test_file(file.diff.old_path):
            continue
        if file.diff.kind is ChangeKind.DELETED:
            return f"{file.path} goes"
        if file.diff.kind is ChangeKind.ADDED:
            return f"{file.path} comes, and may be read in the place of another"
        if why := _weaker_document(file):
            return f"{file.path}: {why}"
    return None


def _weaker_document(file: Touched) -> str | None:
    before, after = _read(file.before), _read(file.after)
    if after is None:
        return "is no JSON after it"
    if before is None:
        return "was no JSON, so that nobody can tell what it lost"
    old, new = list(_cases(before)), list(_cases(after))
    if len(new) < len(old):
        return f"{len(new)} cases, where there were {len(old)}"
    for index, (was, now) in enumerate(zip(old, new, strict=False)):
        if why := _weaker_case(was, now):
            return f"case {index + 1} {why}"
    job, wanted = _mapping(before), _mapping(after)
    if "tests" not in job and "input" in job and not _same_input(job["input"], wanted.get("input")):
        return "the job's input is another"
    return None


def _weaker_case(was: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    for key in _EXPECTATIONS:
        if key in was and was[key] != now.get(key):
            return f"expects something else: {key}"
    if was.get("successWhen") is not None and now.get("success_when", now.get("successWhen")) != was["successWhen"]:
        return "expects something else: successWhen"
    if "input" in was and not _same_input(was["input"], now.get("input")):
        return "has another input"
    return _longer(was.get("timeout"), now.get("timeout"))


def _longer(before: Any, after: Any) -> str | None:
    """How a timeout leaves more time; one that was meant in seconds may become milliseconds."""
    if before is None and after is not None:
        return "has a timeout that it hadn't"
    if not _is_number(before):
        return None
    if not _is_number(after):
        return "has no timeout any more"
    allowed = before * 1_000 if 0 < before < _SHORTEST_MS else before
    return f"has a timeout of {after} ms, where it had {before}" if after > allowed else None


def _same_input(was: Any, now: Any) -> bool:
    """An input that was wrapped by mistake, or written as text, may be brought into form."""
    if was == now:
        return True
    if isinstance(was, dict) and set(was) == {"input"} and was["input"] == now:
        return True
    return isinstance(was, str) and isinstance(now, dict) and _read(was) == now


def _cases(document: Any) -> Iterator[Mapping[str, Any]]:
    listed = document.get("tests") if isinstance(document, dict) else document
    if isinstance(listed, dict):
        listed = list(listed.values())
    for each in listed if isinstance(listed, list) else ():
        yield _mapping(each)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _read(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        return None


def _shadows(change: Change) -> str | None:
    for file in change.files:
        if file.diff.kind is ChangeKind.ADDED or file.diff.old_path != file.path:
            parts = file.path.casefold().split("/")
            if _SHADOWING.fullmatch(parts[-1]) or "runpod" in parts[:-1]:
                return f"{file.path} takes the place of what the worker is judged by"
    return None


TEST_RULES = (
    Rule(
        name="test_file",
        refuses="any change of what the worker is tested by, but by the recipe for documents",
        example="test_input.json",
        broken=_touched,
    ),
    Rule(
        name="weaker_test",
        refuses="fewer cases, a longer timeout, an expectation or an input that is another",
        example='"timeout": 5000 becomes "timeout": 600000',
        broken=_weaker,
    ),
    Rule(
        name="shadowing",
        refuses="new files that stand in for the SDK, or that Python runs at each start",
        example="sitecustomize.py",
        broken=_shadows,
    ),
)
