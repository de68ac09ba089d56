"""`test_input`: test_input.json is what the SDK's local mode takes: an object with `input`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from janitor.inspection.documents.documents import load_job, load_json, unreadable_location
from janitor.inspection.location import Location
from janitor.inspection.tree import UnreadableError
from janitor.protocol.report import Evidence
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.values import type_name
from janitor.validator.context import CheckContext
from janitor.validator.facts import StatedFacts
from janitor.validator.findings import Finding, Produced, failed, passed, skipped

_NAME = "test_input.json"


def check_test_input(context: CheckContext, stated: StatedFacts) -> Finding | Produced[Mapping[str, Any]]:
    """Read test_input.json, if there is one."""
    tree = stated.tree
    path = _path(stated)
    if path is None:
        return skipped(ReasonCode.ABSENT, f"the repository has no {_NAME}")
    try:
        content = tree.read(path)
        document = load_job(tree, path)
    except UnreadableError as exc:
        return failed(ReasonCode.TEST_INPUT_UNREADABLE, str(exc), locations=[unreadable_location(path, str(exc))])
    evidence = context.evidence.file(str(path), content)
    if not isinstance(document, dict):
        return _invalid(path, f"must be an object, not {type_name(document)}", evidence)
    # The SDK takes null for absent.
    if document.get("input") is None:
        return _invalid(path, "has no `input`", evidence)
    warnings = []
    try:
        load_json(tree, path)
    except UnreadableError as exc:
        warnings.append(f"{exc}; the SDK takes it all the same")
    command = stated.command
    workdir = command.target.workdir if command and command.target else None
    if workdir is not None and f"{workdir.rstrip('/')}/{_NAME}" not in stated.image_files:
        warnings.append(f"{path} is not copied to {workdir}, so the image can't test itself; it is mounted there")
    cases = stated.cases
    if cases and all(case.input != document["input"] for case in cases):
        warnings.append(f"{path} is none of the cases of tests.json")
    locations = [Location(path=str(path), line=1, message=text, is_warning=True) for text in warnings]
    noted = [context.evidence.value("warnings", "\n".join(warnings))] if warnings else []
    return Produced(passed(evidence, *noted, locations=locations), document)


def _invalid(path: PurePosixPath, text: str, evidence: Evidence) -> Finding:
    location = Location(path=str(path), line=1, message=text)
    return failed(ReasonCode.TEST_INPUT_INVALID, f"{path} {text}", evidence, locations=[location])


def _path(stated: StatedFacts) -> PurePosixPath | None:
    """Where the layout says, else beside the file that the container starts."""
    layout, tree, command = stated.layout, stated.tree, stated.command
    if layout.test_input is not None:
        return layout.test_input
    script = command.target.script if command and command.target else None
    source = stated.image_files.get(script) if script else None
    if source is not None and tree.is_file(source.parent / _NAME):
        return source.parent / _NAME
    return None
