"""The test cases of a worker repository: `.runpod/tests.json`, and the older `.github/tests.json`.

Source: https://docs.runpod.io/hub/publishing-guide; the older form as it stands in public repositories.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from janitor.inspection.documents.documents import (
    Problems,
    expect_count,
    expect_cuda_versions,
    expect_object,
    expect_text,
    shown,
)
from janitor.inspection.documents.hub_file import check_gpu_ids
from janitor.inspection.repository.gpu_ids import GPU_TYPES, POOLS
from janitor.protocol.order.success_when import Condition, read_condition
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.values import type_name

_CODE = ReasonCode.TESTS_INVALID
_SHORTEST_MS = 1_000
"""No documented case is shorter than 5,000 ms; a number below this one was meant as seconds."""
_LONGEST_MS = 24 * 3_600_000
MOST_CASES = 50

_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class TestCase:
    """One request to the worker and what is expected of it."""

    __test__ = False  # for pytest, which collects by name

    name: str
    input: Any
    """The job's input, without the `input` wrapper."""
    limit: timedelta | None
    """Time for the answer; None if the repository states none."""
    has_expected: bool = False
    expected: Any = None
    """The output to compare with, if `has_expected`."""
    success_when: Condition | None = None
    """What a good answer has, if the author says so."""
    command: str | None = None
    """Shell words that take CMD's place for this case."""


@dataclass(frozen=True, kw_only=True)
class TestPlan:
    """All test cases of a repository."""

    __test__ = False

    cases: tuple[TestCase, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    """`config` as it stands: gpuTypeId, gpuCount, cpuFlavor, allowedCudaVersions."""


@dataclass(frozen=True, kw_only=True)
class TestsReading:
    """A tests file as read."""

    __test__ = False

    plan: TestPlan | None
    """None if it breaks the documented form."""
    problems: Problems


def read_tests(document: Any) -> TestsReading:
    """Read `.runpod/tests.json`."""
    problems = Problems()
    cases: list[TestCase] = []
    environment: dict[str, str] = {}
    stated: Mapping[str, Any] = {}
    root = expect_object(problems, document, "the document", _CODE)
    if root is not None:
        listed = _case_list(problems, root.get("tests", _MISSING))
        for index, item in enumerate(listed):
            case = _case(problems, item, index)
            if case is not None:
                cases.append(case)
        names = [case.name for case in cases]
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.warn(f"two tests are named {shown(name)}")
        if "config" in root and (config := expect_object(problems, root["config"], "config", _CODE)) is not None:
            environment, stated = _config(problems, config), config
        for key in root.keys() - {"tests", "config"}:
            problems.warn(f"{key} is not documented")
    return _reading(problems, cases, environment, stated)


def read_github_tests(document: Any) -> TestsReading:
    """Read the older `.github/tests.json`: a list of cases with their own hardware."""
    problems = Problems()
    cases: list[TestCase] = []
    for index, item in enumerate(_case_list(problems, document)):
        where = f"tests[{index}]"
        entry = expect_object(problems, item, where, _CODE)
        if entry is None:
            continue
        hardware = _nested(problems, entry, "hardwareConfig", where)
        endpoint = _nested(problems, hardware, "endpointConfig", f"{where}.hardwareConfig")
        template = _nested(problems, hardware, "templateConfig", f"{where}.hardwareConfig") or _nested(
            problems, entry, "templateConfig", where
        )
        if "gpuIds" in endpoint:
            check_gpu_ids(problems, endpoint["gpuIds"], f"{where}.gpuIds", _CODE)
        if "input" not in entry:
            problems.add(_CODE, f"{where}.input is missing")
            continue
        _unwrapped(problems, entry["input"], where)
        name = endpoint.get("name")
        command = template.get("dockerArgs")
        if command is not None and not isinstance(command, str):
            problems.add(_CODE, f"{where}: dockerArgs must be a string, not {type_name(command)}")
            command = None
        cases.append(
            TestCase(
                name=name if isinstance(name, str) and name else f"case {index + 1}",
                input=entry["input"],
                limit=_limit(problems, entry, where),
                has_expected="expectedOutput" in entry,
                expected=entry.get("expectedOutput"),
                success_when=_condition(problems, entry, where),
                command=command or None,
            )
        )
    return _reading(problems, cases, {}, {})


def _reading(
    problems: Problems, cases: list[TestCase], environment: dict[str, str], config: Mapping[str, Any]
) -> TestsReading:
    plan = None if problems.found else TestPlan(cases=tuple(cases), environment=environment, config=config)
    return TestsReading(plan=plan, problems=problems)


def _case_list(problems: Problems, value: Any) -> list[Any]:
    if value is _MISSING:
        problems.add(_CODE, "tests is missing")
        return []
    if not isinstance(value, list):
        problems.add(_CODE, f"tests must be a list, not {type_name(value)}")
        return []
    if len(value) > MOST_CASES:
        problems.add(ReasonCode.TESTS_TOO_MANY, f"{len(value)} tests; at most {MOST_CASES} are run")
        return []
    return value


def _case(problems: Problems, item: Any, index: int) -> TestCase | None:
    where = f"tests[{index}]"
    entry = expect_object(problems, item, where, _CODE)
    if entry is None:
        return None
    name = expect_text(problems, entry, "name", f"{where}.", _CODE)
    if "input" not in entry:
        problems.add(_CODE, f"{where}.input is missing")
        return None
    if expect_object(problems, entry["input"], f"{where}.input", _CODE) is not None:
        _unwrapped(problems, entry["input"], where)
    return TestCase(
        name=name or f"case {index + 1}",
        input=entry["input"],
        limit=_limit(problems, entry, where),
        has_expected="expectedOutput" in entry,
        expected=entry.get("expectedOutput"),
        success_when=_condition(problems, entry, where),
    )


def _condition(problems: Problems, entry: Mapping[str, Any], where: str) -> Condition | None:
    where = f"{where}.success_when"
    if "successWhen" in entry:
        problems.warn(f"{where} is how it is spelt; successWhen is not read")
    value = entry.get("success_when")
    if value is None:
        return None
    if not isinstance(value, str):
        problems.add(_CODE, f"{where} must be a text such as `status = COMPLETED`, not {type_name(value)}")
        return None
    try:
        return read_condition(value)
    except ValueError as exc:
        problems.add(_CODE, f"{where}: {shown(value)} is no condition: {exc}")
        return None


def _unwrapped(problems: Problems, value: Any, where: str) -> None:
    # A worker can have an input of its own that is named "input"; alone, and an object, it is the wrapper.
    if isinstance(value, dict) and set(value) == {"input"} and isinstance(value["input"], dict):
        problems.warn(f"{where}.input looks wrapped: the wrapper `input` doesn't belong in tests.json")


def _limit(problems: Problems, entry: Mapping[str, Any], where: str) -> timedelta | None:
    value = entry.get("timeout")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LONGEST_MS:
        problems.add(_CODE, f"{where}.timeout must be a number of milliseconds, not {shown(value)}")
        return None
    if value < _SHORTEST_MS:
        problems.add(
            ReasonCode.TIMEOUT_IN_SECONDS,
            f"{where}.timeout is {value} milliseconds; it reads like seconds ({value * 1000:g} ms)",
        )
        return None
    return timedelta(milliseconds=value)


def _config(problems: Problems, config: Mapping[str, Any]) -> dict[str, str]:
    where = "config."
    gpu = config.get("gpuTypeId")
    if gpu is not None and not (isinstance(gpu, str) and gpu in GPU_TYPES):
        if isinstance(gpu, str) and gpu in POOLS:
            problems.add(
                ReasonCode.POOL_FOR_GPU_TYPE,
                f"config.gpuTypeId: {shown(gpu)} is a pool; a GPU type such as NVIDIA L4 belongs here",
            )
        else:
            problems.add(ReasonCode.UNKNOWN_GPU, f"config.gpuTypeId: {shown(gpu)} is no known GPU type")
    if "gpuIds" in config:
        problems.warn("config.gpuIds belongs in hub.json; tests.json has gpuTypeId")
    expect_count(problems, config, "gpuCount", where, _CODE)
    expect_cuda_versions(problems, config, where, _CODE)
    if "cpuFlavor" in config and not isinstance(config["cpuFlavor"], str):
        problems.add(_CODE, f"config.cpuFlavor must be a string, not {type_name(config['cpuFlavor'])}")
    return _environment(problems, config.get("env", []))


def _environment(problems: Problems, env: Any) -> dict[str, str]:
    if not isinstance(env, list):
        problems.add(_CODE, f"config.env must be a list of key and value, not {type_name(env)}")
        return {}
    values: dict[str, str] = {}
    for index, item in enumerate(env):
        where = f"config.env[{index}]"
        entry = expect_object(problems, item, where, _CODE)
        if entry is None:
            continue
        key = expect_text(problems, entry, "key", f"{where}.", _CODE)
        value = entry.get("value")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            if not isinstance(value, bool):
                problems.add(_CODE, f"{where}.value must be a string, not {type_name(value)}")
                continue
            value = "true" if value else "false"
        if key and ("\0" in f"{key}{value}" or "=" in key):
            problems.add(_CODE, f"{where} can't be an environment variable: {key!r} or its value holds what none may")
        elif key:
            values[key] = str(value)
    return values


def _nested(problems: Problems, holder: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    if key not in holder:
        return {}
    return expect_object(problems, holder[key], f"{where}.{key}", _CODE) or {}
