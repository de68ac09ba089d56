"""The docker engine builds images, with a real engine: whose fault a failure is, the cache, bake targets, secrets."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.validator.conftest import commit_all, handler
from tests.support.docker_images import WORKER_BASE

pytestmark = pytest.mark.docker

QUICK = f"FROM {WORKER_BASE}\nWORKDIR /app\nCOPY . .\n"
START = 'CMD ["python", "-u", "handler.py"]\n'
ECHO = handler("return {'got': job['input']}")


@pytest.mark.parametrize(
    ("dockerfile", "status", "code"),
    [
        (QUICK + "RUN echo before && exit 7\n", ReportStatus.FAILED, "build_step_failed"),
        (QUICK + "RUN sh install.sh\n", ReportStatus.FAILED, "dependency_not_found"),
        (QUICK + "RUN cat /etc/passwd > /dev/full\n", ReportStatus.ERROR, "disk_full"),
        (QUICK + "RUN git clone https://nowhere.invalid/x.git\n", ReportStatus.ERROR, "name_resolution"),
        ("FROM registry.invalid/nothing:1\nCOPY . .\n", ReportStatus.ERROR, "name_resolution"),
        ("FROM 127.0.0.1:9/nothing:1\nCOPY . .\n", ReportStatus.ERROR, "network"),
    ],
    ids=[
        *("failing step", "no such package", "full disk", "network within a step"),
        *("no registry", "registry refuses the connection"),
    ],
)
def test_failed_build_is_blamed_on_the_right_party(in_docker, make_worker, dockerfile, status, code):
    files = {"Dockerfile": dockerfile + START, "install.sh": "pip install --no-index no-such-package-by-this-name-9z\n"}
    result = in_docker(make_worker(ECHO, files))
    assert (result.status, result.reason) == (status, ("build", code)), result.output
    assert result.report.build_succeeded is (False if status is ReportStatus.FAILED else None)
    if code == "build_step_failed":
        assert "[4/4] RUN echo before && exit 7" in result.check("build").reason


def test_cache_state_is_told_and_build_time_compares_within_it(in_docker, make_worker):
    # Unique at the top: what follows is not in the cache either.
    fresh = QUICK.replace("WORKDIR", f"RUN echo {time.time_ns()}\nWORKDIR")
    # git's own files differ from one checkout to the next.
    repository = make_worker(ECHO, {"Dockerfile": fresh + START, ".dockerignore": ".git\n"})
    earlier = [{"cache": "cold", "seconds": seconds} for seconds in (200.0, 240.0, 260.0)]
    build = {"bake_target": None, "earlier": earlier, "image_bytes": 10}
    first = in_docker(repository, build=build)
    assert first.status is ReportStatus.SUCCESS, first.output
    assert "cache: cold: 0 of 3 steps" in first.evidence("build")
    assert first.check("build_time").status is CheckStatus.PASS
    assert "median of the last 3: 240.0 s" in first.evidence("build_time")
    assert "has grown" in first.evidence("image")
    (repository / "README.md").write_text("# changed\n")
    second = in_docker(repository, build=build)
    assert "cache: warm: 3 of 3 steps" in second.evidence("build")
    assert (second.check("build_time").status, second.check("build_time").reason_code) == (
        CheckStatus.SKIP,
        "no_history",
    )
    commit_all(repository)
    third = in_docker(repository, build=build)
    assert "cache: partial: 2 of 3 steps" in third.evidence("build")


def test_slow_build_is_only_a_warning(in_docker, make_worker):
    fresh = QUICK.replace("WORKDIR", f"RUN sleep 35; echo {time.time_ns()}\nWORKDIR")
    repository = make_worker(ECHO, {"Dockerfile": fresh + START})
    build = {"bake_target": None, "earlier": [{"cache": "cold", "seconds": 1.0}], "image_bytes": None}
    result = in_docker(repository, build=build)
    assert result.status is ReportStatus.SUCCESS, result.output
    check = result.check("build_time")
    assert (check.status, check.reason_code, check.required) == (CheckStatus.FAIL, "build_slower", False)


def test_build_that_takes_too_long_is_ended_with_its_step(in_docker, make_worker):
    seconds = f"97.{time.time_ns() % 10**6}"
    result = in_docker(
        make_worker(ECHO, {"Dockerfile": QUICK + f"RUN sleep {seconds}\n" + START}),
        environment={"JANITOR_BUILD_LIMIT_MINUTES": "0.1"},
    )
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("build", "build_timeout")), result.output
    assert f"RUN sleep {seconds}" in result.check("build").reason
    deadline = time.monotonic() + 30
    while (living := sleeping(seconds)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert living == []


def sleeping(seconds: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if seconds.encode() in command:
            found.append(entry.name)
    return found


HUB = {
    "title": "worker",
    "description": "for a test",
    "type": "serverless",
    "category": "language",
    "config": {"runsOn": "CPU", "cpuFlavor": "cpu3c-2-4", "containerDiskInGb": 1},
}


def test_image_that_is_larger_than_the_declared_disk_is_named(in_docker, make_worker):
    files = {
        "Dockerfile": QUICK + "RUN head -c 1100000000 /dev/zero > /large\n" + START,
        ".runpod/hub.json": json.dumps(HUB),
    }
    result = in_docker(make_worker(ECHO, files))
    assert result.status is ReportStatus.SUCCESS, result.output
    check = result.check("image")
    assert (check.status, check.reason_code, check.required) == (CheckStatus.FAIL, "image_too_large", False)


def test_disk_that_is_too_small_is_the_hosts(in_docker, make_worker):
    hub = {**HUB, "config": {**HUB["config"], "containerDiskInGb": 900_000}}
    result = in_docker(make_worker(ECHO, {"Dockerfile": QUICK + START, ".runpod/hub.json": json.dumps(hub)}))
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("host", "disk_low")), result.output


BAKE = f"""
variable "BASE" {{ default = "{WORKER_BASE}" }}
group "default" {{ targets = ["small", "large"] }}
target "small" {{
  dockerfile = "docker/Dockerfile"
  args = {{ BASE = "${{BASE}}", SIZE = "small" }}
}}
target "large" {{
  inherits = ["small"]
  args = {{ SIZE = "large" }}
}}
"""
BAKED = "ARG BASE\nFROM ${BASE}\nARG SIZE\nENV SIZE=${SIZE}\nWORKDIR /app\nCOPY . .\n" + START


@pytest.mark.parametrize(("target", "size"), [("small", "small"), ("large", "large")])
def test_declared_bake_target_is_built(in_docker, make_worker, target, size):
    files = {"Dockerfile": None, "docker/Dockerfile": BAKED, "docker-bake.hcl": BAKE}
    result = in_docker(
        make_worker(handler("return os.environ['SIZE']", before="import os"), files),
        repository={"dockerfile": "docker/Dockerfile"},
        build={"bake_target": target, "earlier": [], "image_bytes": None},
    )
    assert result.status is ReportStatus.SUCCESS, result.output
    assert f"'output': '{size}'" in result.evidence("handler_local")
    assert f"bake target: {target}" in result.evidence("build")


def test_dockerfile_that_needs_a_bake_file_gets_its_default_target(in_docker, make_worker):
    bake = BAKE.replace('dockerfile = "docker/Dockerfile"', "")
    source = handler("return os.environ['SIZE']", before="import os")
    result = in_docker(make_worker(source, {"Dockerfile": BAKED, "docker-bake.hcl": bake}))
    assert result.status is ReportStatus.SUCCESS, result.output
    assert "bake target: small" in result.evidence("build")


@pytest.mark.parametrize(
    "bake",
    [
        'target "x" { context = "../.." }',
        'target "x" { dockerfile = "/etc/passwd" }',
        'target "x" { context = "https://example.org/x.git" }',
        'target "y" {}',
        'target "x" { args = { A = file("/etc/passwd") } }',
    ],
)
def test_bake_file_leads_nowhere_else(in_docker, make_worker, bake):
    result = in_docker(
        make_worker(ECHO, {"Dockerfile": QUICK + START, "docker-bake.hcl": bake}),
        build={"bake_target": "x", "earlier": [], "image_bytes": None},
    )
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("build", "bake_unclear")), result.output


def test_bake_target_of_another_dockerfile_than_the_config_names(in_docker, make_worker):
    result = in_docker(
        make_worker(ECHO, {"Dockerfile": QUICK + START, "docker/Dockerfile": BAKED, "docker-bake.hcl": BAKE}),
        repository={"dockerfile": "Dockerfile"},
        build={"bake_target": "small", "earlier": [], "image_bytes": None},
    )
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("build", "bake_unclear")), result.output
    assert "the config names Dockerfile, and the target 'small' is built from docker/Dockerfile" in result.output


def test_argument_of_a_bake_file_is_no_variable_of_the_client(in_docker, make_worker, tmp_path):
    planted = tmp_path / "planted.so"
    bake = f'target "x" {{ args = {{ LD_PRELOAD = "{planted}", PATH = "/app", DOCKER_HOST = "tcp://127.0.0.1:9" }} }}'
    result = in_docker(
        make_worker(ECHO, {"Dockerfile": QUICK + START, "docker-bake.hcl": bake}),
        build={"bake_target": "x", "earlier": [], "image_bytes": None},
    )
    assert result.status is ReportStatus.SUCCESS, result.output


def test_arguments_and_secrets_of_the_spec_reach_the_build_and_nothing_else(in_docker, make_worker):
    dockerfile = (
        f"FROM {WORKER_BASE}\nARG FLAVOUR=plain\nARG HF_TOKEN\nWORKDIR /app\nCOPY . .\n"
        'RUN --mount=type=secret,id=HF_TOKEN test "$(cat /run/secrets/HF_TOKEN)" = very-secret-1234567 \\\n'
        "  && echo $FLAVOUR > flavour && echo shown $HF_TOKEN\n" + START
    )
    source = handler("return open('flavour').read()")
    result = in_docker(
        make_worker(source, {"Dockerfile": dockerfile}),
        repository={"build_args": {"FLAVOUR": "sweet", "HF_TOKEN": "very-secret-1234567"}},
    )
    assert result.status is ReportStatus.SUCCESS, result.output
    assert "sweet" in result.evidence("handler_local")
    assert "very-secret-1234567" not in json.dumps(result.report.to_dict()) + result.output
