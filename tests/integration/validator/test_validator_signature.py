"""The reports that leave an instance carry their failure's signature and what their phases took."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from janitor.protocol.report_signature import signature_of
from janitor.protocol.terms.statuses import ReportStatus

HANDLER = 'import runpod\n\ndef handler(job):\n    return 1\n\nrunpod.serverless.start({"handler": handler})\n'


def missing(source: str) -> dict[str, str]:
    return {"Dockerfile": f'FROM python:3.11-slim\nCOPY {source} /srv/\nCOPY . .\nCMD ["python", "handler.py"]\n'}


def test_one_cause_in_two_repositories_is_one_signature(
    make_worker: Callable[..., Path], validate: Callable[..., Any]
) -> None:
    reports = [
        validate(make_worker(HANDLER, missing(source))).report for source in ("models/weights.bin", "src/setup.py")
    ]
    for report in reports:
        assert report.status is ReportStatus.FAILED
        assert report.signature is not None
        assert (report.signature.check, report.signature.reason_code) == (report.failing_check, report.reason_code)
        assert report.signature == signature_of(report)
    assert reports[0].signature == reports[1].signature
    assert reports[0].signature.title.startswith("dockerfile_parse: COPY or ADD of what the build context doesn't hold")


def test_the_phases_of_a_report_add_up(make_worker: Callable[..., Path], validate: Callable[..., Any]) -> None:
    report = validate(make_worker(HANDLER, missing("models/weights.bin"))).report
    assert report.phases
    assert abs(sum(report.phases.values()) - sum(check.duration_seconds for check in report.checks)) < 0.1
    assert sum(report.phases.values()) <= report.duration_seconds + 0.1
    assert report.phase_usd == {}  # no model was asked
