"""The docker engine runs workers, with a real engine. Skips by name where none answers or no base image can be had."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time

import psutil
import pytest

from janitor.protocol.terms.statuses import CheckStatus, Engine, ReportStatus
from tests.integration.validator.conftest import DOCKERFILE, SDK, handler
from tests.support.docker_images import WORKER_BASE

pytestmark = pytest.mark.docker

QUICK = f"FROM {WORKER_BASE}\nWORKDIR /app\nCOPY . .\n"
START = 'CMD ["python", "-u", "handler.py"]\n'
ECHO = handler("return {'got': job['input']}")
GENERATOR = handler("for word in job['input']['text'].split():\n    yield word")


def test_worker_works_in_its_container(in_docker, make_repository):
    result = in_docker(make_repository(like="echo-worker"), engine="auto")
    assert (result.exit_code, result.status) == (0, ReportStatus.SUCCESS), result.output
    report = result.report
    assert report.engine is Engine.DOCKER
    assert (report.build_succeeded, report.container_succeeded) == (True, True)
    assert "layers: " in result.evidence("image")
    assert "exit code: 0" in result.evidence("container_start")
    assert result.check("gpu_in_container").required is False or report.gpu_available
    assert "Docker " in result.evidence("host")
    assert report.provenance.packages.versions["runpod"] == SDK.strip().partition("==")[2]
    assert report.provenance.packages.python.startswith("3.")
    assert report.provenance.notes == ()


@pytest.mark.parametrize(
    "command",
    [
        START,
        "CMD python -u handler.py\n",
        'ENTRYPOINT ["python", "-u"]\nCMD ["handler.py"]\n',
        'ENTRYPOINT ["python", "-u", "handler.py"]\n',
        "ENTRYPOINT python -u handler.py\n",
        'ENTRYPOINT ["/app/start.sh"]\nCMD ["unused"]\n',
    ],
    ids=["exec CMD", "shell CMD", "ENTRYPOINT and CMD", "ENTRYPOINT alone", "shell ENTRYPOINT", "script"],
)
def test_generator_is_iterated_through_the_api_whatever_the_command(in_docker, make_worker, command):
    files = {
        "Dockerfile": QUICK + "RUN chmod +x start.sh\n" + command,
        "start.sh": "#!/bin/sh\ncd /app\nexec python -u handler.py\n",
        "test_input.json": '{"input": {"text": "one two"}}',
    }
    result = in_docker(make_worker(GENERATOR, files))
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.check("container_start").status is CheckStatus.PASS
    assert result.check("handler_api").status is CheckStatus.PASS
    assert '"two"' in result.evidence("handler_api")


def test_every_case_of_tests_json_is_run_with_its_environment(in_docker, make_worker):
    tests = {
        "tests": [
            {"name": "first", "input": {"word": "a"}, "timeout": 60_000},
            {"name": "second", "input": {"word": "b"}, "timeout": 60_000},
        ],
        "config": {"env": [{"key": "MODEL_NAME", "value": "tiny"}]},
    }
    files = {
        "Dockerfile": QUICK + START,
        "test_input.json": None,
        ".runpod/tests.json": json.dumps(tests),
    }
    source = handler("return [MODEL, job['input']['word']]", before="import os\nMODEL = os.environ['MODEL_NAME']")
    result = in_docker(make_worker(source, files))
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.check("handler_local").status is CheckStatus.SKIP
    text = result.evidence("handler_api")
    assert '"tiny"' in text
    assert "first: pass" in text
    assert "second: pass" in text


def test_case_that_fails_is_named(in_docker, make_worker):
    tests = {"tests": [{"name": "good", "input": {"n": 1}}, {"name": "bad", "input": {}}]}
    files = {"Dockerfile": QUICK + START, ".runpod/tests.json": json.dumps(tests), "test_input.json": None}
    result = in_docker(make_worker(handler("return 10 / job['input']['n']"), files))
    assert result.status is ReportStatus.FAILED, result.output
    assert result.report.failing_check == "handler_api"
    assert result.check("handler_api").reason.startswith("bad: ")


def test_worker_is_reached_though_the_engine_loses_its_proxy(start_validator, docker_host, make_worker):
    tests = {"tests": [{"name": "one", "input": {"n": 1}}, {"name": "two", "input": {"n": 2}}]}
    files = {"Dockerfile": QUICK + START, ".runpod/tests.json": json.dumps(tests), "test_input.json": None}
    source = handler("time.sleep(2)\nreturn {'n': job['input']['n']}", before="import time")
    validation = start_validator(
        make_worker(source, files), engine="docker", seconds=300, environment=docker_host.environment
    )
    since = time.time()
    while validation.process.poll() is None:
        for process in psutil.process_iter(["name", "cmdline", "create_time"]):
            found = process.info
            if found["name"] != "docker-proxy" or found["create_time"] < since:
                continue
            with contextlib.suppress(psutil.Error):
                if "-container-port 8000" in " ".join(found["cmdline"] or ()):
                    process.kill()
        time.sleep(0.1)
    assert validation.result().status is ReportStatus.SUCCESS


def test_false_pass_is_found_out_in_a_container_too(in_docker, make_repository):
    result = in_docker(make_repository(like="silent-worker"))
    assert (result.status, result.reason) == (ReportStatus.FAILED, ("handler_local", "nested_error"))
    assert result.report.container_succeeded is True


def test_container_has_no_privileges_and_nothing_of_the_host(in_docker, make_worker):
    body = (
        "status = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)\n"
        "return {'caps': status['CapEff'].strip(), 'new': status['NoNewPrivs'].strip(), 'names': sorted(os.environ),\n"
        "        'limits': [open(path).read().strip() for path in LIMITS if os.path.exists(path)],\n"
        "        'net': os.readlink('/proc/self/ns/net'), 'host': os.uname().nodename,\n"
        "        'socket': os.path.exists('/var/run/docker.sock'), 'interfaces': sorted(os.listdir('/sys/class/net'))}"
    )
    limits = [
        *("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"),
        *("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    ]
    source = handler(body, before=f"import os\nLIMITS = {limits!r}")
    result = in_docker(
        make_worker(source, {"Dockerfile": QUICK + START}),
        environment={"AWS_SECRET_ACCESS_KEY": "mark-of-the-host", "JANITOR_CONTAINER_MEMORY_MIB": "700"},
        repository={"env": {"FROM_SPEC": "1"}},
    )
    assert result.status is ReportStatus.SUCCESS, result.output
    text = result.evidence("handler_local")
    assert "'caps': '0000000000000000'" in text
    assert "'new': '1'" in text
    assert "'limits': ['4096', '734003200']" in text
    assert "'socket': False" in text
    assert "'interfaces': ['eth0', 'lo']" in text or "'eth0'" in text
    assert os.readlink("/proc/self/ns/net") not in text
    assert f"'host': '{os.uname().nodename}'" not in text
    assert "FROM_SPEC" in text
    assert "AWS_SECRET_ACCESS_KEY" not in text


def test_container_killed_for_want_of_memory_is_no_fault(in_docker, make_worker):
    source = handler("return len(bytearray(900 * 1024**2))")
    result = in_docker(
        make_worker(source, {"Dockerfile": QUICK + START}), environment={"JANITOR_CONTAINER_MEMORY_MIB": "128"}
    )
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("container_start", "resource")), result.output
    assert result.check("container_start").exit_code == 137


@pytest.mark.parametrize(
    ("dockerfile", "status", "code"),
    [
        (QUICK + 'CMD ["/app/not-there"]\n', ReportStatus.FAILED, "command_not_started"),
        (QUICK + 'CMD ["/app/README.md"]\n', ReportStatus.FAILED, "command_not_started"),
        (QUICK + 'CMD ["true"]\n', ReportStatus.FAILED, "exited_at_once"),
        (QUICK + "CMD echo no such thing >&2; exit 3\n", ReportStatus.FAILED, "exited_early"),
        (QUICK + "CMD cat /etc/passwd > /dev/full || exit 1\n", ReportStatus.ERROR, "disk_full"),
        (QUICK + 'CMD ["sh", "-c", "echo Found no NVIDIA driver; exit 1"]\n', ReportStatus.ERROR, "gpu_missing"),
    ],
    ids=["no command", "not executable", "ends at once", "exits early", "full disk", "wants a GPU"],
)
def test_command_that_does_not_start_the_sdk(in_docker, make_worker, dockerfile, status, code):
    result = in_docker(make_worker(ECHO, {"Dockerfile": dockerfile}))
    assert (result.status, result.reason) == (status, ("container_start", code)), result.output
    assert result.report.container_succeeded is (False if status is ReportStatus.FAILED else None)


def test_hanging_container_is_ended_at_the_deadline(in_docker, make_worker):
    body = "print('now it', 'waits')\nthreading.Event().wait()"
    source = handler(body, before="import threading, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)")
    result = in_docker(make_worker(source, {"Dockerfile": QUICK + START}), seconds=25)
    assert result.status is ReportStatus.TIMED_OUT, result.output
    assert result.report.failing_check == "container_start"
    assert "now it waits" in result.evidence("container_start")


def test_terminated_validator_leaves_no_container(start_validator, docker_host, make_worker):
    source = handler("print('now it', 'waits')\nthreading.Event().wait()", before="import threading")
    repository = make_worker(source, {"Dockerfile": QUICK + START})
    validation = start_validator(repository, engine="docker", seconds=300, environment=docker_host.environment)
    validation.wait_for_line("now it waits", 200)
    validation.process.send_signal(signal.SIGTERM)
    result = validation.result()
    assert result.status is ReportStatus.ERROR, result.output
    assert result.check("cleanup").status is CheckStatus.PASS
    label = f"label=janitor.validation={result.report.validation_id}"
    deadline = time.monotonic() + 20
    while (
        left := docker_host.call("ps", "--all", "--quiet", "--filter", label).stdout
    ) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == ""


def test_without_an_engine_a_spec_that_asks_for_one_is_an_error(validate, make_repository):
    environment = {"DOCKER_HOST": "unix:///nowhere/docker.sock", "JANITOR_DOCKER_WAIT_SECONDS": "3"}
    result = validate(make_repository(like="echo-worker"), engine="docker", environment=environment)
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("host", "engine_missing"))


def test_requirements_are_installed_by_the_build(in_docker, make_worker):
    result = in_docker(make_worker(ECHO, {"Dockerfile": DOCKERFILE, "requirements.txt": SDK}))
    assert result.status is ReportStatus.SUCCESS, result.output
