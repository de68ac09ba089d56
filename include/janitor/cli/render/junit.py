"""Findings as JUnit XML, which every CI system shows: one test case for each check."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from janitor.protocol.statuses import CheckStatus
from janitor.protocol.text.plain_text import without_commands
from janitor.validator.static_run import StaticCheck, StaticResult

_NO_XML = dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd")
"""Of plain text, what XML 1.0 can't hold."""


def junit_xml(result: StaticResult) -> str:
    """A test suite; a fail that doesn't count is a pass with a note."""
    failures = len(result.with_status(CheckStatus.FAIL, required=True))
    errors = len(result.undecided)
    skipped = sum(each.check.status is CheckStatus.SKIP and not each.is_undecided for each in result.checks)
    totals = (
        f'tests="{len(result.checks)}" failures="{failures}" errors="{errors}" skipped="{skipped}" '
        f'time="{result.seconds:.3f}"'
    )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="janitor validate" {totals}>',
        f"  <testsuite name={_attribute(result.root.name or 'worker')} {totals}>",
    ]
    for each in result.checks:
        lines += _case(each)
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _case(each: StaticCheck) -> list[str]:
    check = each.check
    first = next((spot for spot in each.spots if not spot.is_warning), next(iter(each.spots), None))
    where = f" file={_attribute(first.path)}" + (f' line="{first.line}"' if first.line else "") if first else ""
    head = f'    <testcase classname="janitor.{each.phase.value}" name={_attribute(check.name)}{where}'
    head += f' time="{check.duration_seconds:.3f}">'
    places = "\n".join(
        f"{spot.path}{f':{spot.line}' if spot.line else ''}: {'warning: ' if spot.is_warning else ''}{spot.message}"
        for spot in each.spots
    )
    said = _attribute(f"{check.reason_code}: {check.reason}")
    inner: list[str] = []
    if check.status is CheckStatus.SKIP and not each.is_undecided:
        inner = [f"      <skipped message={said}/>"]
    elif check.status is not CheckStatus.PASS and check.required:
        kind = "failure" if check.status is CheckStatus.FAIL else "error"
        inner = [f"      <{kind} message={said} type={_attribute(check.reason_code or '')}>{_text(places)}</{kind}>"]
    else:
        noted = places if check.reason is None else f"{check.reason_code}: {check.reason}\n{places}"
        inner = [f"      <system-out>{_text(noted)}</system-out>"] if noted.strip() else []
    return [head, *inner, "    </testcase>"]


def _text(text: str) -> str:
    return escape(without_commands(text).translate(_NO_XML))


def _attribute(text: str) -> str:
    return quoteattr(without_commands(text).translate(_NO_XML), {"\n": "&#10;"})
