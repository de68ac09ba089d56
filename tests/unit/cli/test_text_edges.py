"""What a repository wrote steers nothing, whichever edge it leaves by: terminal, CI log, JUnit, JSON, Airflow's log."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import io
import json
import logging
import pkgutil
import re
import types
import typing
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from janitor import prepush
from janitor.cli import main as entry
from janitor.cli import render
from janitor.cli.displays import progress_table
from janitor.cli.session import Session
from janitor.cli.terminal.console import Console
from janitor.domain.config.workers import WorkersConfig
from janitor.domain.errors import BudgetRefusedError, CloudError, ConflictError, JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import ValidationStatus
from janitor.domain.views import RunView
from janitor.prepush.annotations import annotation_lines
from janitor.prepush.junit import junit_xml
from janitor.prepush.telling import static_json, static_text
from janitor.protocol.terms.statuses import CheckName, CheckStatus
from janitor.protocol.text import plain_text
from janitor.services.result.verdict import _judge
from janitor.validator.pipeline.static_run import StaticCheck, StaticResult
from janitor.views.document import as_json
from tests.support.hostile_texts import HOSTILE, ORDINARY, assert_harmless

INCLUDE = Path(render.__file__).parents[3]
NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
ALL_OF_IT = "\n".join(HOSTILE.values())
EVERY_HOSTILE = pytest.mark.parametrize("hostile", [*HOSTILE.values(), ALL_OF_IT], ids=[*HOSTILE, "all"])
_SIMPLE: dict[Any, Any] = {
    bool: True,
    int: 3,
    float: 1.5,
    bytes: b"a report",
    Decimal: Decimal("1.5"),
    datetime: NOW,
    timedelta: timedelta(minutes=3),
    UUID: UUID("550e8400-e29b-41d4-a716-446655440000"),
    types.NoneType: None,
}


hints_of = cache(typing.get_type_hints)


def poisoned(kind: Any, text: str) -> Any:
    """A value of the type in which every text is this one; enums, numbers and instants are well."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in (str, Any):
        return text
    if kind is Path:
        return Path("/tmp") / text.replace("\x00", "")
    if kind is JanitorError:
        return CloudError(text)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind.FAILED if kind is ValidationStatus else next(iter(kind))
    if origin in (typing.Union, types.UnionType):
        return poisoned(next(each for each in arguments if each is not types.NoneType), text)
    if origin is not None and issubclass(origin, Mapping):
        return {poisoned(arguments[0], text): poisoned(arguments[1], text)}
    if origin is not None and issubclass(origin, (Sequence, frozenset)):
        return tuple(poisoned(each, text) for each in arguments if each is not Ellipsis)
    hints = hints_of(kind)
    named = {each.name: poisoned(hints[each.name], text) for each in dataclasses.fields(kind) if each.init}
    return kind(**named)


def renderers() -> dict[str, Callable[..., Any]]:
    """Every public function of the renderers, by its place."""
    found: dict[str, Callable[..., Any]] = {}
    modules = [
        *pkgutil.walk_packages(render.__path__, "janitor.cli.render."),
        *pkgutil.walk_packages(prepush.__path__, "janitor.prepush."),
    ]
    for module in modules:
        if module.name in _PROGRAMS:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isfunction(value) and value.__module__ == module.name and not name.startswith("_"):
                found[f"{module.name.rpartition('.')[2]}.{name}"] = value
    return found


_PROGRAMS = ("janitor.prepush.command", "janitor.prepush.archive")
RENDERERS = renderers()
NOT_RENDERED = {
    "annotations.annotation_lines": "it has an edge of its own, below",
    "repository_root.folder_in_repository": "it renders nothing: what it finds is escaped with an annotation's file",
    "config.config_text": "a configuration's fields are checked by patterns: no such text gets through",
    "names.shown_names": "its names stand in the answers of other renderers, which are tried with them",
    "names.told_apart": "as with shown_names",
}


@pytest.mark.parametrize("name", sorted(set(RENDERERS) - set(NOT_RENDERED)))
def test_answer_of_a_command_steers_nothing(name: Any, capsys: Any) -> None:
    function = RENDERERS[name]
    hints = typing.get_type_hints(function)
    for hostile in (*HOSTILE.values(), ALL_OF_IT):
        answer = function(**{key: poisoned(hint, hostile) for key, hint in hints.items() if key != "return"})
        for text in answer if isinstance(answer, (list, tuple)) else [answer]:
            Console().result(text if isinstance(text, str) else as_json(text))
        written = capsys.readouterr().out
        assert_harmless(written)
        if isinstance(answer, dict):
            assert json.loads(written) == json.loads(json.dumps(answer))


def test_every_renderer_is_a_real_one() -> None:
    assert len(RENDERERS) > 30
    assert set(NOT_RENDERED) <= set(RENDERERS)
    assert WorkersConfig is not None  # what config_text takes


def result_with(hostile: str) -> StaticResult:
    """The answer of the static checks in which every text is hostile, and every status there is."""
    one: StaticResult = poisoned(StaticResult, hostile)
    checks = [
        dataclasses.replace(
            one.checks[0], check=dataclasses.replace(one.checks[0].check, name=name, status=status, required=required)
        )
        for name in [hostile, CheckName.LAYOUT.value]
        for status in CheckStatus
        for required in (True, False)
    ]
    assert all(isinstance(each, StaticCheck) for each in checks)
    return dataclasses.replace(one, checks=tuple(checks))


@EVERY_HOSTILE
def test_annotations_are_ours_alone(hostile: Any, capsys: Any) -> None:
    lines = annotation_lines(result_with(hostile))
    Console().annotations(lines)
    written = capsys.readouterr().out
    assert_harmless(written, commands=True)
    assert len(written.splitlines()) == len(lines) > 0
    for line in written.splitlines():
        # What was quoted adds no property and no command.
        assert re.fullmatch(r"::(?:error|warning|notice) (?:file=[^:,]*,(?:line=\d+,)?)?title=[^:,]*::.*", line), line


@EVERY_HOSTILE
def test_static_checks_steer_nothing(hostile: Any, capsys: Any) -> None:
    result = result_with(hostile)
    Console().result(static_text(result))
    assert_harmless(capsys.readouterr().out)
    Console().result(static_json(result))
    written = capsys.readouterr().out
    assert_harmless(written)
    assert json.loads(written)["checks"][0]["name"] == hostile
    document = junit_xml(result)
    assert_harmless(document)
    assert ElementTree.fromstring(document).tag == "testsuites"


@EVERY_HOSTILE
def test_console_steers_nothing(hostile: Any, capsys: Any) -> None:
    console = Console()
    console.result(hostile)
    console.notice(hostile)
    console.error(hostile)
    console.progress(hostile)
    with console.working(hostile) as step:
        step(hostile)
    captured = capsys.readouterr()
    assert_harmless(captured.out)
    assert_harmless(captured.err)


@EVERY_HOSTILE
def test_table_of_a_terminal_steers_nothing(hostile: Any) -> None:
    from rich.console import Console as RichConsole

    run = dataclasses.replace(
        poisoned(RunView, hostile),
        validations=[
            dataclasses.replace(each, status=ValidationStatus.RUNNING)
            for each in poisoned(RunView, hostile).validations
        ],
    )
    shown = io.StringIO()
    RichConsole(file=shown, width=200).print(progress_table(run, NOW))
    assert_harmless(shown.getvalue())
    if hostile == HOSTILE["rich_markup"]:
        assert "[red]x[/red]" in shown.getvalue()


@EVERY_HOSTILE
@pytest.mark.parametrize("kind", [CloudError, ConflictError, BudgetRefusedError, ValueError])
def test_error_of_a_command_steers_nothing(kind: Any, hostile: Any, capsys: Any, monkeypatch: Any) -> None:
    def fail(**_: Any) -> int:
        raise kind(hostile)

    monkeypatch.setattr(Session, "settings", lambda _: fail())
    assert entry.main(["instances", "--debug"]) in (2, 3)
    captured = capsys.readouterr()
    assert_harmless(captured.out)
    assert_harmless(captured.err)
    assert "Traceback" in captured.err


@EVERY_HOSTILE
def test_a_log_record_is_one_line(hostile: Any, caplog: Any) -> None:
    with caplog.at_level(logging.INFO):
        LineLogger("janitor.test").warning("report of %s: %s", hostile, CloudError(hostile))
        LineLogger("janitor.test").info(f"it says: {hostile}")
    assert len(caplog.records) == 2
    for record in caplog.records:
        assert_harmless(record.getMessage())
        assert len(record.getMessage().splitlines()) == 1


@EVERY_HOSTILE
def test_a_run_s_verdict_has_one_line_for_each_repository(hostile: Any) -> None:
    rows = [
        {"repository_name": "worker-a", "status": "failed", "status_summary": hostile},
        {"repository_name": "worker-b", "status": "success", "status_summary": None},
    ]
    (problem,) = _judge(2, rows, []).problems
    assert_harmless(problem)
    assert len(problem.splitlines()) == 1
    assert problem.startswith("worker-a: failed:")


@EVERY_HOSTILE
def test_an_error_s_text_is_plain_wherever_it_is_quoted(hostile: Any) -> None:
    for error in (CloudError(hostile), BudgetRefusedError(hostile)):
        assert {unicodedata.category(each) for each in str(error) if each not in "\t\n"}.isdisjoint(
            {"Cc", "Cf", "Cs", "Zl", "Zp"}
        )


def test_text_of_airflow_s_exceptions_is_one_line_for_each_given() -> None:
    from janitor.orchestration.failures import as_airflow_failure, failed_task

    for hostile in HOSTILE.values():
        said = str(failed_task("1/2 repositories successful", f"worker-a: failed: {hostile}"))
        assert len(said.splitlines()) == 2
        assert_harmless(said)
        assert_harmless(str(as_airflow_failure(ConflictError(hostile))))


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_comes_out_as_it_went_in(text: Any, capsys: Any) -> None:
    Console().result(text)
    assert capsys.readouterr().out == text + "\n"
    assert plain_text.one_line(text) == text
    assert plain_text.json_text({"a": text}) == json.dumps({"a": text}, indent=2, ensure_ascii=False)


def test_classes_are_known_whole() -> None:
    steering = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    left = [
        hex(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in steering
        and chr(code) not in "\t\n"
        and chr(code) in plain_text.plain(f"a{chr(code)}b")
    ]
    assert left == []


@cache
def calls_in(folder: str) -> list[tuple[str, ast.Call]]:
    """Every call in the modules of a folder of the product, with its file."""
    return [
        (str(path.relative_to(INCLUDE)), node)
        for path in sorted((INCLUDE / "janitor" / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


CONTROL_PLANE = ("domain", "settings", "stores", "cloud", "services", "stack", "orchestration", "cli")


@pytest.mark.parametrize(
    ("folders", "called", "allowed"),
    [
        (("cli",), r"print|.*\.print_exc|click\.s?echo|.*\.stdout\.write|.*\.stderr\.write", set()),
        (("cli",), r"stream\.write", {"janitor/cli/terminal/console.py"}),
        (("cli",), r"json\.dumps?", set()),
        (
            ("cli",),
            r"RichConsole",
            {"janitor/cli/terminal/console.py", "janitor/cli/displays.py", "janitor/cli/supervision.py"},
        ),
        (
            ("orchestration",),
            r"TaskFailed|Airflow\w*Exception",
            {"janitor/orchestration/failures.py", "janitor/orchestration/tasks.py"},
        ),
        (("orchestration",), r"self\.log\..*", set()),
        (CONTROL_PLANE, r"logging\.getLogger", {"janitor/domain/log_lines.py"}),
    ],
)
def test_there_is_no_other_way_out(folders: Any, called: Any, allowed: Any) -> None:
    found = {
        file for folder in folders for file, call in calls_in(folder) if re.fullmatch(called, ast.unparse(call.func))
    }
    assert found <= allowed
    assert allowed <= found  # so that a pattern that matches nothing is noticed
