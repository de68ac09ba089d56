"""One machine for several repositories, with a real engine: what one leaves behind, and what the next one finds."""

from __future__ import annotations

import time

import pytest

from janitor.protocol.terms.statuses import ReportStatus
from tests.integration.validator.conftest import handler
from tests.support.docker_images import WORKER_BASE

pytestmark = pytest.mark.docker

ECHO = handler("return {'got': job['input']}")
SHARED = {"instance_type": "g5.xlarge", "image_id": None, "cache": "attached"}
MOUNT = "RUN --mount=type=cache,id=of-all,target=/shared"
END = 'WORKDIR /app\nCOPY . .\nCMD ["python", "-u", "handler.py"]\n'


def test_what_one_repository_put_into_a_cache_mount_is_gone_for_the_next(in_docker, make_worker):
    step = f"RUN echo {time.time_ns()}\n"
    spoils = f"FROM {WORKER_BASE}\n{step}{MOUNT} echo spoilt > /shared/wheel\n{END}"
    first = in_docker(make_worker(ECHO, {"Dockerfile": spoils, ".dockerignore": ".git\n"}), machine=SHARED)
    assert first.status is ReportStatus.SUCCESS, first.output
    trusts = f"FROM {WORKER_BASE}\n{step}{MOUNT} test ! -e /shared/wheel\n{END}"
    second = in_docker(make_worker(ECHO, {"Dockerfile": trusts, ".dockerignore": ".git\n"}), machine=SHARED)
    assert second.status is ReportStatus.SUCCESS, second.output
    assert "type=exec.cachemount" in second.evidence("host")
    # The step before is the same, and is found.
    assert "cache: partial" in second.evidence("build")


def test_a_machine_of_its_own_is_left_as_it_is(in_docker, make_worker):
    result = in_docker(make_worker(ECHO, {"Dockerfile": f"FROM {WORKER_BASE}\n{END}"}))
    assert result.status is ReportStatus.SUCCESS, result.output
    assert "cachemount" not in result.evidence("host")
