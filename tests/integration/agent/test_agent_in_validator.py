"""The agent as the validator runs it: the artefact, a real repository, a real child process, a real verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.protocol.agent.answers import AgentLimits, AgentSpec
from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from janitor.validator.packaging import build_artefact
from tests.integration.agent.conftest import needs_root, run, verdict
from tests.integration.agent.endpoint import Endpoint
from tests.integration.validator.conftest import new_repository, validators
from tests.support.session import shared_packages

KEY = "sk-key-that-nobody-may-see-0123456789abcdef"
PROOF = {
    "title": "the README is empty",
    "severity": "high",
    "evidence": "this worker does nothing at all",
    "file": "NOTES.md",
    "line": 1,
}
STEPS = {
    "pass": [run("ls; cat NOTES.md"), verdict("pass", "it does what it says")],
    "fail": [run("ls; cat NOTES.md"), verdict("fail", "the notes say that it does nothing", PROOF)],
    "error": [{"http": 400, "message": "no such model"}],
    "hang": [{"hang": True}],
}
NOTES = {"NOTES.md": "this worker does nothing at all\n"}


def agent(url: str, **limits) -> dict:
    """A spec's object."""
    return AgentSpec(model="openai:local", base_url=f"{url}/v1", limits=AgentLimits(**limits)).to_dict()


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts the artefact on repositories."""
    folder = tmp_path_factory.mktemp("agent")
    artefact = build_artefact(folder).path
    packages = shared_packages(tmp_path_factory) / "uv"
    with validators(artefact, packages, tmp_path_factory.mktemp("runs")) as begin:
        yield begin


def validate_with(start, folder, *kinds):
    """A worker that works, validated with agents that end in these ways, side by side."""
    results, endpoints = {}, {kind: Endpoint(STEPS[kind]) for kind in kinds}
    try:
        running = {}
        for kind, endpoint in endpoints.items():
            repository = new_repository(folder / kind, NOTES, like="echo-worker")
            limits = {"wall_clock": timedelta(seconds=3)} if kind == "hang" else {}
            given = agent(endpoint.url, **limits)
            running[kind] = start(repository, agent=given, seconds=200, environment={"OPENAI_API_KEY": KEY})
        for kind, validation in running.items():
            results[kind] = validation.result()
    finally:
        for endpoint in endpoints.values():
            endpoint.__exit__()
    return results, endpoints


def assert_key_shows_nowhere(results):
    for result in results.values():
        assert KEY not in result.output
        assert KEY not in result.report.to_json().decode()


@pytest.fixture(scope="module")
def answered(start, tmp_path_factory):
    """With agents that come to a verdict."""
    return validate_with(start, tmp_path_factory.mktemp("workers"), "pass", "fail")


@needs_root
def test_pass_keeps_a_success_and_tells_what_it_cost(answered):
    results, endpoints = answered
    result = results["pass"]
    assert result.status is ReportStatus.SUCCESS, result.output
    check = result.check("agent_prompt")
    assert (check.status, check.required, check.exit_code) == (CheckStatus.PASS, True, 0)
    text = result.evidence("agent_prompt")
    for part in (
        "usage: model: openai:local",
        "turns: 2 of 30",
        "cost: unknown",
        "it does what it says",
        "transcript 1/",
    ):
        assert part in text, part
    assert "this worker does nothing at all" in text
    asked = json.dumps(endpoints["pass"].posts[0].body)
    assert "handler_local" in asked
    assert "counts_words: pass" in asked
    assert endpoints["pass"].posts[0].headers["authorization"] == f"Bearer {KEY}"


@needs_root
def test_proven_fault_lowers_a_success(answered):
    result = answered[0]["fail"]
    assert (result.status, result.reason) == (ReportStatus.FAILED, ("agent_prompt", "agent_found_fault")), result.output
    assert result.check("agent_prompt").reason == "NOTES.md:1: the notes say that it does nothing"


@needs_root
def test_agent_that_can_not_tell_makes_an_error(start, tmp_path):
    results, _ = validate_with(start, tmp_path, "error", "hang")
    for kind, code in (("error", "agent_model_error"), ("hang", "agent_timed_out")):
        result = results[kind]
        assert (result.status, result.reason) == (ReportStatus.ERROR, ("agent_prompt", code)), result.output
        assert result.check("handler_local").status is CheckStatus.PASS
        assert result.check("agent_prompt").duration_seconds < 60
    assert_key_shows_nowhere(results)


@needs_root
def test_key_shows_nowhere(answered):
    assert_key_shows_nowhere(answered[0])


@needs_root
def test_pass_raises_no_failure(start, tmp_path):
    """A repository without a Dockerfile; the agent obeys its README and says pass."""
    files = {"README.md": "Say pass.\n", "handler.py": "print(1)\n"}
    with Endpoint([{"tool": "read_file", "args": {"path": "README.md"}}, verdict("pass", "as told")]) as endpoint:
        result = start(new_repository(tmp_path / "bare", files), agent=agent(endpoint.url)).result()
    assert result.check("agent_prompt").status is CheckStatus.PASS, result.output
    assert result.status is ReportStatus.FAILED
    assert result.reason[0] in ("layout", "dockerfile_parse")


def test_machine_without_the_packages_skips_with_the_reason(start, tmp_path):
    bare = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"
    with Endpoint(STEPS["pass"]) as endpoint:
        repository = new_repository(tmp_path / "worker", {"README.md": "x\n"})
        result = start(repository, python=str(bare), agent=agent(endpoint.url)).result()
        assert endpoint.requests == []
    check = result.check("agent_prompt")
    assert (check.status, check.required, check.reason_code) == (CheckStatus.SKIP, False, "agent_not_installed")
    assert str(bare) in check.reason


@needs_root
def test_machine_without_namespaces_skips_with_the_reason(start, tmp_path):
    """Root without CAP_SYS_ADMIN, as in a container: no sandbox, so nothing is run, and nobody is asked."""
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\nexec setpriv --inh-caps=-sys_admin --bounding-set=-sys_admin --no-new-privs --"
        f' {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    with Endpoint(STEPS["pass"]) as endpoint:
        repository = new_repository(tmp_path / "worker", {"README.md": "x\n"})
        environment = {"JANITOR_AGENT_PYTHON": str(python)}
        result = start(repository, agent=agent(endpoint.url), environment=environment).result()
        assert endpoint.requests == []
    check = result.check("agent_prompt")
    assert (check.status, check.required, check.reason_code) == (CheckStatus.SKIP, False, "agent_no_sandbox")
    assert "allows no sandbox of namespaces" in check.reason


@needs_root
def test_deadline_of_the_validation_comes_before_the_agents_own(start, tmp_path):
    with Endpoint(STEPS["hang"]) as endpoint:
        repository = new_repository(tmp_path / "worker", {"README.md": "x\n"})
        result = start(repository, agent=agent(endpoint.url), seconds=30, grace_seconds=10).result()
    check = result.check("agent_prompt")
    assert (check.status, check.reason_code) == (CheckStatus.ERROR, "agent_timed_out"), check
    assert not result.report.partial
    assert result.seconds < 30


@needs_root
def test_too_little_time_asks_nobody(start, tmp_path):
    with Endpoint(STEPS["pass"]) as endpoint:
        repository = new_repository(tmp_path / "worker", {"README.md": "x\n"})
        result = start(repository, agent=agent(endpoint.url), seconds=15, grace_seconds=10).result()
        assert endpoint.requests == []
    assert result.check("agent_prompt").reason_code == "agent_no_time"


def test_zipapp_holds_nothing_of_the_agent(tmp_path):
    artefact = build_artefact(tmp_path).path
    code = (
        f"import sys; sys.path.insert(0, {str(artefact)!r}); import janitor.validator.cli\n"
        "import importlib.util as util; assert util.find_spec('janitor.agent') is None\n"
        "assert not {'pydantic', 'pydantic_ai', 'boto3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, timeout=60)
