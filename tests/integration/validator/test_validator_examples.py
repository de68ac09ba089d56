"""The example workers, validated for real with the SDK from the package index."""

from __future__ import annotations

import pytest

from janitor.protocol.terms.statuses import CheckName, CheckStatus, Engine, ReportStatus
from tests.integration.validator.conftest import Result, new_repository, validators

HANGING_SECONDS = 75
"""Enough to install its packages beside four others on a busy machine, and to reach its handler."""
GRACE_SECONDS = 30
"""Enough to end and remove all of it on a busy machine."""
NOT_IN_VENV = ("image", "gpu_in_container", "container_start")


@pytest.fixture(scope="module")
def results(artefact, package_cache, tmp_path_factory) -> dict[str, Result]:
    """All five, validated side by side as a fleet of instances would: none may touch another's verdict."""
    folder = tmp_path_factory.mktemp("examples")
    with validators(artefact, package_cache, folder) as start:
        running = {}
        for worker in ("hanging-worker", "echo-worker", "stream-worker", "broken-worker", "silent-worker"):
            limits = {"seconds": HANGING_SECONDS, "grace_seconds": GRACE_SECONDS} if worker == "hanging-worker" else {}
            running[worker] = start(new_repository(folder / worker, like=worker), **limits)
        return {worker: validation.result() for worker, validation in running.items()}


def test_echo_worker_works(results):
    result = results["echo-worker"]
    assert (result.exit_code, result.status) == (0, ReportStatus.SUCCESS), result.output
    report = result.report
    assert report.engine is Engine.VENV
    assert [check.name for check in report.checks] == [name.value for name in CheckName]
    assert (report.build_succeeded, report.container_succeeded, report.cuda_detected) == (True, None, None)
    assert len(report.repository.commit_sha) == 40
    for name in NOT_IN_VENV:
        check = result.check(name)
        assert (check.status, check.required, check.reason_code) == (CheckStatus.SKIP, False, "engine_venv")
    agent = result.check("agent_prompt")
    assert (agent.status, agent.required, agent.reason_code) == (CheckStatus.SKIP, False, "agent_not_configured")
    assert report.prompt in result.evidence("agent_prompt")
    assert "counts_words: pass" in result.evidence("handler_api")
    assert set(report.phases) == {"checkout", "static", "network", "build", "test"}
    # One line per check for people, as it happens.
    assert all(f"check {check.name} … {check.status.value}" in result.output for check in report.checks)


def test_stream_worker_works_through_the_api_alone(results):
    result = results["stream-worker"]
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.check("handler_local").reason_code == "generator_needs_api"
    assert result.check("handler_api").status is CheckStatus.PASS
    assert "generator" in result.evidence("python_static")


@pytest.mark.parametrize(("worker", "code"), [("broken-worker", "handler_raised"), ("silent-worker", "nested_error")])
def test_worker_that_fails_is_found_out(results, worker, code):
    result = results[worker]
    assert (result.exit_code, result.status) == (1, ReportStatus.FAILED), result.output
    assert result.reason == ("handler_local", code)
    assert result.report.build_succeeded is True
    assert worker == "broken-worker" or result.check("handler_local").exit_code == 0


def test_hanging_worker_is_timed_out_and_completely_ended(results):
    result = results["hanging-worker"]
    assert (result.exit_code, result.status) == (1, ReportStatus.TIMED_OUT), result.output
    assert result.reason == ("handler_local", "deadline")
    assert result.report.partial
    assert "waiting for something that never happens" in result.evidence("handler_local")
    assert result.check("handler_api").reason_code == "not_reached"
    assert result.check("cleanup").status is CheckStatus.PASS
    # By itself, on a busy machine too; the fixture looks for what is left of it.
    assert result.seconds < 3 * (HANGING_SECONDS + GRACE_SECONDS)
