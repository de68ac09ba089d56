"""The agent in the janitor image, on a machine whose own Python lacks its packages: a real engine, a real image."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from janitor.protocol.agent.answers import AgentSpec
from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.agent.conftest import needs_root, run, verdict
from tests.integration.agent.endpoint import Endpoint
from tests.integration.agent.test_agent_docker import DOCKERFILE, ECHO
from tests.integration.validator.conftest import (  # noqa: F401  # fixtures
    artefact,
    docker_host,
    in_docker,
    make_repository,
    make_worker,
    package_cache,
    start_validator,
    validate,
)

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), needs_root]

ROOT = Path(__file__).parents[3]
IMAGE = "janitor-test/agent:latest"
_NO_NETWORK = re.compile(r"(?i)retrying|connection|could not find a version|temporary failure|certificate|timed out")


@pytest.fixture(scope="module")
def janitor_image(docker_host):  # noqa: F811  # the fixture that is imported
    """Built as `make image` does."""
    done = subprocess.run(
        ["infra/docker/build.sh", "--progress=plain", "--network=host"],
        cwd=ROOT,
        env={**os.environ, **docker_host.environment, "IMAGE": IMAGE, "BASE": "python:3.11-slim"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=800,
        check=False,
    )
    if done.returncode != 0 and "pip install" in done.stdout and _NO_NETWORK.search(done.stdout):
        pytest.skip(f"the agent's packages can't be had: {done.stdout.strip()[-300:]}")
    assert done.returncode == 0, done.stdout[-3000:]
    yield IMAGE
    docker_host.call("rmi", "--force", IMAGE)


def test_agent_answers_from_the_janitor_image(in_docker, make_worker, janitor_image):  # noqa: F811  # the fixture that is imported
    bare = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"
    key = "sk-key-that-nobody-may-see-0123456789abcdef"
    look = run("python3 -c 'import runpod; print(\"the SDK is\", runpod.__name__)'; env; cat /proc/*/environ")
    with Endpoint([look, verdict("pass", "it imports")]) as endpoint:
        spec = AgentSpec(model="openai:local", base_url=f"{endpoint.url}/v1", image=janitor_image).to_dict()
        worker = make_worker(ECHO, {"Dockerfile": DOCKERFILE})
        result = in_docker(worker, agent=spec, python=str(bare), environment={"OPENAI_API_KEY": key})
        bodies = json.dumps([request.body for request in endpoint.posts])
        headers = [request.headers["authorization"] for request in endpoint.posts]
    check = result.check("agent_prompt")
    assert check.status is CheckStatus.PASS, (result.output, result.evidence("agent_prompt"))
    assert result.status is ReportStatus.SUCCESS
    assert "container of the repository's image" in result.evidence("agent_prompt")
    assert "the SDK is runpod" in bodies
    assert headers == [f"Bearer {key}"] * 2
    assert key not in bodies + result.report.to_json().decode() + " ".join(check.argv)


def test_image_that_is_not_there_is_a_skip(in_docker, make_worker, docker_host):  # noqa: F811  # the fixture that is imported
    bare = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"
    with Endpoint([verdict("pass")]) as endpoint:
        spec = AgentSpec(model="openai:local", base_url=endpoint.url, image="janitor-test/absent:1").to_dict()
        result = in_docker(make_worker(ECHO, {"Dockerfile": DOCKERFILE}), agent=spec, python=str(bare))
        assert endpoint.requests == []
    check = result.check("agent_prompt")
    assert (check.status, check.reason_code) == (CheckStatus.SKIP, "agent_not_installed")
    assert "images are not pulled for this" in check.reason
