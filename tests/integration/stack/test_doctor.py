"""What the doctor says about a machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from janitor.domain.findings import Finding, FindingLevel
from janitor.settings import load_settings
from janitor.stack import doctor
from janitor.stack.state.ports import LOOPBACK
from tests.support.stack import ROOT, stack_settings


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def test_this_machine_can_run_a_stack_and_nothing_is_written(tmp_path: Path) -> None:
    findings = doctor.run(stack_settings(tmp_path / "state"))
    subjects = by_subject(findings)
    assert {"python", "git", "packages", "state folder", "disk", "memory", "postgresql", "ports"} <= subjects.keys()
    assert subjects["postgresql"].level is FindingLevel.OK
    assert subjects["ports"].level is FindingLevel.OK
    assert subjects["local stack"].message == "not running"
    assert all(finding.next_step for finding in findings if finding.level is FindingLevel.PROBLEM)
    assert not (tmp_path / "state").exists()
    assert subjects["git"].to_dict()["level"] == "ok"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        port = server.getsockname()[1]
        subjects = by_subject(
            doctor.run(stack_settings(tmp_path, {"PATH": str(tmp_path), "JANITOR_WEB_PORT": str(port)}))
        )
    assert subjects["git"].level is FindingLevel.PROBLEM
    assert "install git" in str(subjects["git"].next_step)
    assert subjects["engine"].level is FindingLevel.NOTE
    assert subjects["ports"].level is FindingLevel.NOTE
    assert f"{port} (web)" in subjects["ports"].message


def test_an_external_environment_names_the_settings_that_are_missing() -> None:
    settings = load_settings("dev", environ={"JANITOR_BUCKET": "b", "PATH": "/usr/bin"}, project_root=ROOT)
    subjects = by_subject(doctor.run(settings))
    assert "JANITOR_DATABASE_URL" in subjects["database"].message
    assert "JANITOR_AIRFLOW_URL" in subjects["airflow"].message
    assert subjects["instances"].level is FindingLevel.PROBLEM
    assert "infra/env/dev.env" in str(subjects["instances"].next_step)
    for secret in ("database", "reading database", "migrations", "airflow"):
        assert "infra/env/dev.override.env, which git ignores" in str(subjects[secret].next_step)
        assert "infra/env/dev.env" not in str(subjects[secret].next_step)
    assert "local stack" not in subjects
    for killer in ("external timer", "external timer's role", "reaper function"):
        assert subjects[killer].level is FindingLevel.NOTE
        assert "is missing" in subjects[killer].message
    assert subjects["killers"].level is FindingLevel.PROBLEM  # each alone can be done without, all of them can't


@pytest.mark.parametrize(
    ("variables", "is_killed"),
    [
        ({"JANITOR_REAPER_FUNCTION": "f"}, True),
        ({"JANITOR_SCHEDULE_GROUP": "g", "JANITOR_SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/r"}, True),
        ({"JANITOR_SCHEDULE_GROUP": "g"}, False),
        ({"JANITOR_SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/r"}, False),
        ({}, False),
    ],
)
def test_a_deployment_has_a_killer_outside_airflow(variables: dict[str, str], is_killed: bool) -> None:
    settings = load_settings("dev", environ={"JANITOR_BUCKET": "b", "PATH": "/usr/bin", **variables}, project_root=ROOT)
    blamed = [each for each in doctor.run(settings) if each.subject == "killers"]
    assert [each.level for each in blamed] == ([] if is_killed else [FindingLevel.PROBLEM])
    assert all("nothing outside Airflow ends an instance" in each.message for each in blamed)
