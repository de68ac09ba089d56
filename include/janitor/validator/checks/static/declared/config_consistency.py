"""`config_consistency`: hub.json, tests.json and the base image don't contradict each other.

Fails for what can't be met by any machine: CUDA versions that exclude each other. What is merely odd, such as a CPU
worker on a CUDA image, fails without being required: the worker can work all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from janitor.inspection.dockerfile.cuda_version import base_cuda, has_cuda
from janitor.inspection.documents.documents import shown, stated_config
from janitor.inspection.documents.json_lines import field_lines, line_of
from janitor.inspection.location import Location
from janitor.inspection.tree import UnreadableError
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.facts import StatedFacts
from janitor.validator.findings import Finding, failed, passed, skipped

_ALLOWED = "allowedCudaVersions"


@dataclass(frozen=True, kw_only=True)
class _Names:
    """The two files by their paths, as one finds them."""

    hub: str
    tests: str


def check_config_consistency(context: CheckContext, stated: StatedFacts) -> Finding:
    """Compare what the repository says about itself in three places.

    A file that breaks its documented form elsewhere still says what it says: `hub_schema` and `tests_schema` speak of
    the form, and one fault must not hide another.
    """
    layout = stated.layout
    stating = {"hub.json": layout.hub, "tests.json": layout.tests or layout.github_tests}
    configs = {name: None if path is None else stated_config(stated.tree, path) for name, path in stating.items()}
    if all(config is None for config in configs.values()):
        return skipped(ReasonCode.ABSENT, _nothing_stated(stating))
    hub, tests = configs["hub.json"] or {}, configs["tests.json"] or {}
    base = stated.dockerfile.final.base_image if stated.dockerfile is not None else None
    cuda = base_cuda(base) if base else None
    in_hub, in_tests = _versions(hub), _versions(tests)
    names = _Names(hub=str(stated.layout.hub or "hub.json"), tests=str(stated.layout.tests or "tests.json"))
    evidence = context.evidence.value("configuration", _reading(hub, tests, base, cuda, names))

    if in_hub and in_tests and not in_hub & in_tests:
        reason = f"{names.hub} allows CUDA {_listed(in_hub)}, {names.tests} {_listed(in_tests)}: no machine has both"
        location = _location(stated, stated.layout.tests, f"config.{_ALLOWED}", reason)
        return failed(ReasonCode.CUDA_DISJOINT, reason, evidence, locations=location)
    for where, allowed, path in (
        (names.hub, in_hub, stated.layout.hub),
        (names.tests, in_tests, stated.layout.tests),
    ):
        if cuda is not None and allowed and all(version < cuda for version in allowed):
            reason = f"the base image {base} has CUDA {_text(cuda)}; {where} allows {_listed(allowed)} at most"
            return failed(
                ReasonCode.BASE_CUDA_ABOVE_ALLOWED,
                reason,
                evidence,
                locations=_location(stated, path, f"config.{_ALLOWED}", reason),
            )
    if odd := list(_odd(hub, tests, base, names, gpu_required=context.spec.gpu_required)):
        code, reason = odd[0]
        return failed(
            code,
            "; ".join(text for _, text in odd),
            evidence,
            required=False,
            locations=_location(stated, stated.layout.hub, "config.runsOn", reason),
        )
    warnings = _warnings(cuda, in_hub, in_tests, names)
    return passed(evidence, *([context.evidence.value("warnings", "\n".join(warnings))] if warnings else []))


def _nothing_stated(stating: Mapping[str, PurePosixPath | None]) -> str:
    """Why there is nothing to compare: what isn't there and what can't be read are two things."""
    unread = [str(path) for path in stating.values() if path is not None]
    absent = [f"no {name}" for name, path in stating.items() if path is None]
    said = [f"{' and '.join(unread)} can't be read as JSON"] if unread else []
    return "; ".join([*said, *([f"there is {' and '.join(absent)}"] if absent else [])])


def _versions(config: Mapping[str, Any]) -> frozenset[tuple[int, int]]:
    """Only what is well-formed: the schema checks speak of the rest."""
    found = set()
    allowed = config.get(_ALLOWED)
    for version in allowed if isinstance(allowed, list) else ():
        if isinstance(version, str) and re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}", version):
            major, _, minor = version.partition(".")
            found.add((int(major), int(minor)))
    return frozenset(found)


def _odd(
    hub: Mapping[str, Any], tests: Mapping[str, Any], base: str | None, names: _Names, *, gpu_required: bool
) -> Iterable[tuple[ReasonCode, str]]:
    runs_on = hub.get("runsOn")
    if base is not None and runs_on == "CPU" and has_cuda(base):
        yield ReasonCode.RUNS_ON_MISMATCH, f"{names.hub} says runsOn CPU, and the base image {base} is one for GPUs"
    if runs_on == "CPU" and tests.get("gpuTypeId"):
        yield (
            ReasonCode.RUNS_ON_MISMATCH,
            f"{names.hub} says runsOn CPU, and {names.tests} asks for {_brief(tests['gpuTypeId'])}",
        )
    if runs_on == "GPU" and tests.get("cpuFlavor") and not tests.get("gpuTypeId"):
        yield (
            ReasonCode.RUNS_ON_MISMATCH,
            f"{names.hub} says runsOn GPU, and {names.tests} asks for {_brief(tests['cpuFlavor'])}",
        )
    if runs_on == "CPU" and gpu_required:
        yield ReasonCode.GPU_NOT_WANTED, f"{names.hub} says runsOn CPU, and this validation requires a GPU"
    count, tested = hub.get("gpuCount"), tests.get("gpuCount")
    if isinstance(count, int) and isinstance(tested, int) and tested < count:
        yield ReasonCode.GPU_COUNT_MISMATCH, f"{names.hub} asks for {count} GPUs, {names.tests} for {tested}"


def _brief(value: Any) -> str:
    return value[:200] if isinstance(value, str) else shown(value)


def _warnings(
    cuda: tuple[int, int] | None,
    in_hub: frozenset[tuple[int, int]],
    in_tests: frozenset[tuple[int, int]],
    names: _Names,
) -> list[str]:
    found = []
    for where, allowed in ((names.hub, in_hub), (names.tests, in_tests)):
        below = [version for version in allowed if cuda is not None and version < cuda]
        if below and cuda is not None:
            found.append(f"{where} allows CUDA {_listed(below)}, older than the base image's {_text(cuda)}")
    if in_hub and in_tests and in_hub != in_tests and not in_tests <= in_hub:
        found.append(f"{names.tests} allows CUDA {_listed(in_tests - in_hub)}, which {names.hub} does not")
    return found


def _reading(
    hub: Mapping[str, Any], tests: Mapping[str, Any], base: str | None, cuda: tuple[int, int] | None, names: _Names
) -> str:
    return "\n".join(
        (
            f"{names.hub}: runsOn {hub.get('runsOn')}, {_ALLOWED} {hub.get(_ALLOWED)}",
            f"{names.tests}: gpuTypeId {tests.get('gpuTypeId')}, {_ALLOWED} {tests.get(_ALLOWED)}",
            f"base image: {base or 'unknown'}, CUDA {_text(cuda) if cuda else 'not named'}",
        )
    )


def _location(stated: StatedFacts, path: PurePosixPath | None, where: str, message: str) -> list[Location]:
    if path is None:
        return []
    try:
        line = line_of(field_lines(stated.tree.read_text(path)), where)
    except UnreadableError:
        line = None
    return [Location(path=str(path), line=line, message=message)]


def _listed(versions: Iterable[tuple[int, int]]) -> str:
    return ", ".join(_text(version) for version in sorted(versions))


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
