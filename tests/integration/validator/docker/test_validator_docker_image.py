"""The `janitor` image, built on the real engine from a base image made here."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[4]
IMAGE = "janitor-test/janitor:latest"
_NO_NETWORK = re.compile(r"(?i)retrying|connection|could not find a version|temporary failure|certificate|timed out")
_LARGEST_BYTES = 400 * 10**6
"""More than the base: the agent's packages take about 150 MB."""


@pytest.fixture(scope="module")
def image(docker_host):
    """Builds the image as `make image` does, on the base that the tests made."""
    environment = {
        **os.environ,
        **docker_host.environment,
        "IMAGE": IMAGE,
        "BASE": "python:3.11-slim",
    }
    done = subprocess.run(
        ["infra/docker/build.sh", "--progress=plain", "--network=host"],
        cwd=ROOT,
        env=environment,
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


def inside(docker_host, image, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in a container that has nothing."""
    options = ("--rm", "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only")
    return docker_host.call("run", *options, image, *command)


def test_validator_starts_in_it(docker_host, image):
    done = inside(docker_host, image, "python3", "-m", "janitor.validator", "--version")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("janitor-validator ")


def test_agent_and_its_packages_are_in_it(docker_host, image):
    code = "import janitor.agent.service, pydantic_ai, anthropic, openai, boto3, sys; print(sys.flags.isolated)"
    done = inside(docker_host, image, "python3", "-I", "-c", code)
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
    assert inside(docker_host, image, "python3", "-m", "janitor.agent", "--help").returncode == 0


def test_it_is_small_and_nobody_special(docker_host, image):
    details = json.loads(docker_host.call("image", "inspect", image).stdout)[0]
    base = json.loads(docker_host.call("image", "inspect", "python:3.11-slim").stdout)[0]
    assert details["Config"]["User"] == "10001:10001"
    assert details["Size"] - base["Size"] < _LARGEST_BYTES
    done = inside(docker_host, image, "sh", "-c", "id -u; test -w /opt/janitor && echo writable; command -v git")
    assert done.stdout.split() == ["10001", "/usr/bin/git"]


def test_nothing_of_the_build_stays(docker_host, image):
    history = docker_host.call("history", "--no-trunc", image).stdout
    assert "PIP_INDEX_URL=" not in history
    done = inside(
        docker_host, image, "sh", "-c", "ls /run/ca.crt /build /root/.cache 2>&1; ls /opt/janitor/app/janitor"
    )
    assert "/build/" not in done.stdout
    assert sorted(done.stdout.split()[-7:]) == [
        "__init__.py",
        "agent",
        "diagnosis",
        "guest",
        "inspection",
        "protocol",
        "validator",
    ]
