"""Findings as JUnit XML, which every CI system shows: one test case for each check."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from janitor.protocol.terms.statuses import CheckStatus
from janitor.protocol.text.xml_text import xml_document, xml_plain
from janitor.validator.pipeline.static_run import StaticCheck, StaticResult


def junit_xml(result: StaticResult) -> str:
    """A test suite; a fail that doesn't count is a pass with a note."""
    totals = {
        "tests": str(len(result.checks)),
        "failures": str(len(result.with_status(CheckStatus.FAIL, required=True))),
        "errors": str(len(result.undecided)),
        "skipped": str(sum(each.is_skipped for each in result.checks)),
        "time": f"{result.seconds:.3f}",
    }
    suites = ET.Element("testsuites", {"name": "janitor validate", **totals})
    suite = ET.SubElement(suites, "testsuite", {"name": xml_plain(result.root.name or "worker"), **totals})
    for each in result.checks:
        _add_case(suite, each)
    return xml_document(suites)


def _add_case(suite: ET.Element, each: StaticCheck) -> None:
    check = each.check
    attributes = {"classname": f"janitor.{each.phase.value}", "name": xml_plain(check.name)}
    first = next((location for location in each.locations if not location.is_warning), next(iter(each.locations), None))
    if first is not None:
        attributes |= {"file": xml_plain(first.path)} | ({"line": str(first.line)} if first.line else {})
    case = ET.SubElement(suite, "testcase", attributes | {"time": f"{check.duration_seconds:.3f}"})
    places = "\n".join(
        f"{at.path}{f':{at.line}' if at.line else ''}: {'warning: ' if at.is_warning else ''}{at.message}"
        for at in each.locations
    )
    said = xml_plain(f"{check.reason_code}: {check.reason}")
    if each.is_skipped:
        ET.SubElement(case, "skipped", {"message": said})
    elif check.status is not CheckStatus.PASS and check.required:
        kind = "failure" if check.status is CheckStatus.FAIL else "error"
        ET.SubElement(case, kind, {"message": said, "type": xml_plain(check.reason_code or "")}).text = xml_plain(
            places
        )
    else:
        noted = places if check.reason is None else f"{check.reason_code}: {check.reason}\n{places}"
        noted = "\n".join([*([noted] if noted.strip() else []), *(f"{note.code}: {note.text}" for note in check.notes)])
        if noted.strip():
            ET.SubElement(case, "system-out").text = xml_plain(noted)
