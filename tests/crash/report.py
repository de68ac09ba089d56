"""The matrix as people and programs read it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.crash.cells import Act, Blow, Component, Edge, Fault
from tests.crash.runner import Result
from tests.crash.tables import own_tables

_PASSED, _FAILED, _IMPOSSIBLE, _NONE = "✓", "✗", "?", "·"
TABLES: Sequence[tuple[str, type[Blow]]] = (
    ("What is killed", Component),
    ("What the cloud does wrong", Fault),
    ("What people do", Act),
    *((table.title, table.blows) for table in own_tables()),
)


def line(result: Result) -> str:
    """One cell in one line, as soon as it is known."""
    endings = "; ".join(ending.partition(": ")[2] for ending in result.endings) or "no instance"
    verdicts = ", ".join(verdict.partition(": ")[2] for verdict in result.verdicts)
    away = f"; {result.outage}" if result.outage else ""
    return f"{_mark(result)} {result.seconds:5.0f} s  {result.cell.name}: {verdicts or 'no verdict'}; {endings}{away}"


def summary(results: Sequence[Result]) -> str:
    """The numbers."""
    failed = sum(bool(result.failures) for result in results)
    impossible = sum(result.impossible is not None for result in results)
    passed = sum(result.passed for result in results)
    findings = sum(result.finding is not None for result in results)
    text = f"{len(results)} cells tried: {passed} passed, {failed} failed"
    text += f", {impossible} could not be tried" if impossible else ""
    return text + (f"; the stack had to be started anew {findings} times" if findings else "")


def markdown(results: Sequence[Result]) -> str:
    """The whole report."""
    parts = ["# Crash matrix", summary(results), f"{_PASSED} passed, {_FAILED} failed, {_IMPOSSIBLE} not possible."]
    parts += [text for title, kind in TABLES if (text := _matrix(title, list(kind), results))]
    parts += [_failures(results), _endings(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(results: Sequence[Result], path: Path) -> None:
    """Write the report: JSON where the name says so, else Markdown."""
    if path.suffix == ".json":
        content = json.dumps({"summary": summary(results), "cells": [_plain(one) for one in results]}, indent=1)
    else:
        content = markdown(results)
    path.write_text(content)


def _matrix(title: str, blows: Sequence[Blow], results: Sequence[Result]) -> str:
    used = [blow for blow in blows if any(result.cell.blow is blow for result in results)]
    if not used:
        return ""
    rows = [["", *(blow.value for blow in used)]]
    for edge in Edge:
        found = [[one for one in results if one.cell.edge is edge and one.cell.blow is blow] for blow in used]
        if any(found):
            rows.append([edge.value, *("; ".join(map(_entry, cell)) or _NONE for cell in found)])
    return f"## {title}\n\n{_table(rows)}"


def _entry(result: Result) -> str:
    """The mark, and why each instance ended, by the ledger."""
    reasons = [ending.partition(": ")[2].partition(" (")[0] for ending in result.endings]
    return " ".join([_mark(result), ", ".join(dict.fromkeys(reasons))]).strip()


def _failures(results: Iterable[Result]) -> str:
    lines = []
    for result in results:
        problems = [*result.failures, *([f"not possible: {result.impossible}"] if result.impossible else [])]
        problems += [result.finding] if result.finding else []
        if problems:
            lines.append(f"### {result.cell.name}\n\n" + "\n".join(f"- {problem}" for problem in problems))
    return "## What went wrong\n\n" + "\n\n".join(lines) if lines else ""


def _endings(results: Iterable[Result]) -> str:
    rows = [["cell", "verdicts", "who ended each instance (ledger, EC2)", "s"]]
    rows += [
        [one.cell.name, "<br>".join(one.verdicts), "<br>".join(one.endings) or "no instance", f"{one.seconds:.0f}"]
        for one in results
    ]
    return f"## Who ended what\n\n{_table(rows)}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _mark(result: Result) -> str:
    if result.impossible is not None and not result.failures:
        return _IMPOSSIBLE
    return _PASSED if result.passed else _FAILED


def _plain(result: Result) -> dict[str, Any]:
    return {
        "edge": result.cell.edge.value,
        "blow": result.cell.blow.value,
        "name": result.cell.name,
        "passed": result.passed,
        "failures": result.failures,
        "not_possible": result.impossible,
        "finding": result.finding,
        "verdicts": result.verdicts,
        "endings": result.endings,
        "at_blow": result.at_blow,
        "killed": result.killed,
        "outage": result.outage,
        "seconds": round(result.seconds, 1),
    }
