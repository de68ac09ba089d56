"""Reports as JUnit XML, which every CI system shows: a suite for each repository, a case for verdict and each check.

Invariant: a suite fails where its repository isn't successful, and only there: the first case is the verdict, which
also stands where no report was handed in. What is the repository's own doing is a failure, everything else an error.
"""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree as ET

from janitor.cli.render.reports.facts import (
    blames_repository,
    check_reason,
    full_name,
    title_of,
    told_lines,
    validation_facts,
    verdict_of,
    without_report,
)
from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Check
from janitor.protocol.terms.statuses import CheckStatus
from janitor.protocol.text.xml_text import xml_document, xml_plain
from janitor.services.report.documents import ReportedRun, ReportedValidation
from janitor.views.text.provenance import commit_text

_COUNTED = ("failure", "error", "skipped")


def reports_junit(reported: ReportedRun, now: datetime) -> str:
    """The whole document."""
    suites = ET.Element("testsuites", {"name": xml_plain(f"janitor {title_of(reported)}")})
    for each in reported.validations:
        suites.append(_suite(each, now))
    _count(suites)
    return xml_document(suites)


def _suite(each: ReportedValidation, now: datetime) -> ET.Element:
    validation = each.validation
    elapsed = validation.elapsed(now)
    seconds = elapsed.total_seconds() if elapsed is not None else 0.0
    suite = ET.Element("testsuite", {"name": xml_plain(full_name(each)), "time": f"{seconds:.3f}"})
    if validation.started_at is not None:
        suite.set("timestamp", f"{validation.started_at:%Y-%m-%dT%H:%M:%S}")
    facts = validation_facts(each) + ([("Commit", text)] if (text := commit_text(validation)) else [])
    properties = ET.SubElement(suite, "properties")
    for name, value in facts:
        ET.SubElement(properties, "property", {"name": name.lower(), "value": xml_plain(value)})
    suite.append(_verdict_case(each, now, seconds))
    for check in each.report.checks if each.report is not None else ():
        suite.append(_check_case(each, check))
    _count(suite)
    return suite


def _verdict_case(each: ReportedValidation, now: datetime, seconds: float) -> ET.Element:
    case = ET.Element(
        "testcase", {"classname": xml_plain(full_name(each)), "name": "verdict", "time": f"{seconds:.3f}"}
    )
    validation, said = each.validation, xml_plain(verdict_of(each, now))
    if not validation.status.is_final:
        ET.SubElement(case, "skipped", {"message": said})
    elif validation.status is not ValidationStatus.SUCCESS:
        kind = "failure" if blames_repository(each) else "error"
        reason = xml_plain(f"{said}: {validation.summary or validation.reason_code or 'no reason is known'}")
        element = ET.SubElement(case, kind, {"message": reason, "type": xml_plain(validation.reason_code or "unknown")})
        element.text = xml_plain(without_report(each) or "") or None
    report = each.report
    told = told_lines(report.notes) + [f"not proven: {line}" for line in told_lines(report.unproven)] if report else []
    if told:
        ET.SubElement(case, "system-out").text = xml_plain("\n".join(told))
    return case


def _check_case(each: ReportedValidation, check: Check) -> ET.Element:
    attributes = {"classname": full_name(each), "name": check.name, "time": f"{check.duration_seconds:.3f}"}
    case = ET.Element("testcase", {name: xml_plain(value) for name, value in attributes.items()})
    said = xml_plain(check_reason(check))
    if check.status is CheckStatus.SKIP:
        ET.SubElement(case, "skipped", {"message": said})
    elif check.status is not CheckStatus.PASS and check.required and _is_believed(each):
        kind = "failure" if check.status is CheckStatus.FAIL else "error"
        ET.SubElement(case, kind, {"message": said, "type": xml_plain(check.reason_code or "unknown")})
    elif said or check.notes:
        ET.SubElement(case, "system-out").text = "\n".join(
            filter(None, [said, *map(xml_plain, told_lines(check.notes))])
        )
    return case


def _is_believed(each: ReportedValidation) -> bool:
    """Whether the verdict is no success either: a report that contradicts it decides nothing."""
    return each.validation.status is not ValidationStatus.SUCCESS


def _count(parent: ET.Element) -> None:
    """Write how many cases there are, and how they ended."""
    cases = list(parent.iter("testcase"))
    parent.set("tests", str(len(cases)))
    for kind, attribute in zip(_COUNTED, ("failures", "errors", "skipped"), strict=True):
        parent.set(attribute, str(sum(case.find(kind) is not None for case in cases)))
