"""The docker engine, with a real one. Skipped by name where no engine answers or no base image can be had."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from janitor.protocol.statuses import CheckStatus, Engine, ReportStatus
from tests.integration.validator.conftest import DOCKERFILE, SDK, handler

pytestmark = pytest.mark.docker

BASE = "python:3.11-slim"
QUICK = f"FROM {BASE}\nWORKDIR /app\nCOPY . .\n"


def docker(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module")
def engine() -> dict[str, str]:
    """How to reach the engine, once it is sure that there is one with a base image."""
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    info = docker("info", "--format", "{{.ServerVersion}}")
    if info.returncode != 0 or not info.stdout[:1].isdigit():
        pytest.skip(f"docker info fails: {(info.stderr or info.stdout).strip()[:200]}")
    client = docker("version", "--format", "{{.Client.Version}}").stdout
    if int(client.split(".")[0]) >= 23 and docker("buildx", "version").returncode != 0:
        pytest.skip("the docker command lacks its buildx component")
    if docker("image", "inspect", BASE).returncode != 0 and docker("pull", BASE, timeout=180).returncode != 0:
        pytest.skip(f"the base image {BASE} is not there and can't be pulled")
    return {name: os.environ[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in os.environ}


@pytest.fixture
def in_docker(validate, engine):
    """Validates in the docker engine; nothing of it may be left there."""

    def run(folder, **changes):
        changes.setdefault("seconds", 300)
        environment = {**engine, **changes.pop("environment", {})}
        return validate(folder, **{"engine": "docker", "environment": environment, **changes})

    yield run
    for listing in (("ps", "--all"), ("images",)):
        left = docker(*listing, "--quiet", "--filter", "label=janitor.validation")
        assert left.stdout.split() == []


def test_worker_works_in_its_container(in_docker, make_repository):
    result = in_docker(make_repository(like="echo-worker"), engine="auto")
    assert (result.exit_code, result.status) == (0, ReportStatus.SUCCESS), result.output
    report = result.report
    assert report.engine is Engine.DOCKER
    assert (report.build_succeeded, report.container_succeeded) == (True, True)
    assert "layers: " in result.evidence("image")
    assert result.check("container_start").status is CheckStatus.PASS
    assert result.check("gpu_in_container").required is False or report.gpu_available


def test_generator_behind_a_shell_command_is_tested_through_the_api(in_docker, make_repository):
    dockerfile = DOCKERFILE.replace('["python", "-u", "handler.py"]', "python -u handler.py")
    result = in_docker(make_repository({"Dockerfile": dockerfile}, like="stream-worker"))
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.check("handler_api").status is CheckStatus.PASS


def test_worker_behind_a_script_is_asked_by_a_variable(in_docker, make_repository):
    files = {
        "Dockerfile": DOCKERFILE.replace('["python", "-u", "handler.py"]', '["sh", "/app/start.sh"]'),
        "start.sh": "echo starting\npython -u /app/handler.py\n",
    }
    result = in_docker(make_repository(files, like="stream-worker"))
    assert result.status is ReportStatus.SUCCESS, result.output


def test_false_pass_is_found_out_in_a_container_too(in_docker, make_repository):
    result = in_docker(make_repository(like="silent-worker"))
    assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_local", "nested_error"))
    assert result.report.container_succeeded is True


def test_container_has_no_privileges_and_nothing_of_the_host(in_docker, make_worker):
    body = (
        "status = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)\n"
        "return {'caps': status['CapEff'].strip(), 'new': status['NoNewPrivs'].strip(), 'names': sorted(os.environ),\n"
        "        'limit': open(PIDS).read().strip() if os.path.exists(PIDS) else 'v1'}"
    )
    source = handler(body, before="import os\nPIDS = '/sys/fs/cgroup/pids.max'")
    result = in_docker(
        make_worker(source, {"requirements.txt": SDK}),
        environment={"AWS_SECRET_ACCESS_KEY": "mark-of-the-host"},
        repository={"env": {"FROM_SPEC": "1"}},
    )
    assert result.status is ReportStatus.SUCCESS, result.output
    text = result.evidence("handler_local")
    assert "'caps': '0000000000000000'" in text
    assert "'new': '1'" in text
    assert "'limit': '4096'" in text or "'limit': 'v1'" in text
    assert "FROM_SPEC" in text
    assert "AWS_SECRET_ACCESS_KEY" not in text


def test_hanging_container_is_ended_at_the_deadline(in_docker, make_worker):
    body = "print('now it', 'waits')\nthreading.Event().wait()"
    source = handler(body, before="import threading, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)")
    result = in_docker(make_worker(source), seconds=25)
    assert result.status is ReportStatus.TIMED_OUT, result.output
    assert result.report.failing_check == "container_start"
    assert "now it waits" in result.evidence("container_start")


@pytest.mark.parametrize(
    ("dockerfile", "status", "check", "code"),
    [
        (QUICK + "RUN echo before && exit 7\n", ReportStatus.FAILED, "build", "build_step_failed"),
        (
            QUICK + "RUN pip install no-such-package-by-this-name-9z\n",
            ReportStatus.FAILED,
            "build",
            "dependency_not_found",
        ),
        (
            QUICK + "RUN echo 'Temporary failure in name resolution' && exit 1\n",
            ReportStatus.ERROR,
            "build",
            "name_resolution",
        ),
        ("FROM registry.invalid/nothing:1\nCOPY . .\n", ReportStatus.ERROR, "build", "name_resolution"),
        (QUICK + 'CMD ["/app/not-there"]\n', ReportStatus.FAILED, "container_start", "command_not_started"),
        (QUICK + 'CMD ["/app/README.md"]\n', ReportStatus.FAILED, "container_start", "command_not_started"),
    ],
    ids=["failing step", "no such package", "network within a step", "no registry", "no command", "not executable"],
)
def test_what_goes_wrong_is_blamed_on_the_right_party(in_docker, make_worker, dockerfile, status, check, code):
    result = in_docker(
        make_worker('import runpod\nrunpod.serverless.start({"handler": print})\n', {"Dockerfile": dockerfile})
    )
    assert (result.status, result.reason) == (status, (check, code)), result.output
    if code == "build_step_failed":
        assert "RUN echo before && exit 7" in result.check("build").reason
