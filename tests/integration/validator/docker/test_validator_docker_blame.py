"""Failed builds with real causes, on a real engine: the world's trouble is an error, and nobody prints an excuse."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from janitor.protocol.terms.statuses import ReportStatus
from tests.integration.validator.conftest import handler
from tests.support.docker_engine import own_engine, why_no_own_engine
from tests.support.docker_images import WORKER_BASE

pytestmark = pytest.mark.docker

QUICK = f"FROM {WORKER_BASE}\nWORKDIR /app\nCOPY . .\n"
START = 'CMD ["python", "-u", "handler.py"]\n'
ECHO = handler("return {'got': job['input']}")
Answers = Callable[[str, str], tuple[int, bytes]]
"""Status and body, of a path and the name of who asks."""


@contextlib.contextmanager
def server(answer: Answers) -> Iterator[tuple[str, list[str]]]:
    """A web server on every address of this machine; gives its port and the paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            asked.append(self.path)
            status, body = answer(self.path, self.headers.get("User-Agent", ""))
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = _any

        def log_message(self, *_arguments: object) -> None:
            pass

    running = ThreadingHTTPServer(("0.0.0.0", 0), Handler)  # containers reach it at their gateway
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield str(running.server_address[1]), asked
    finally:
        running.shutdown()
        running.server_close()


@pytest.fixture
def gateway(docker_host) -> str:
    """Where containers find this machine."""
    shown = docker_host.call("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    address = shown.stdout.strip()
    if not re.fullmatch(r"[\d.]+", address):
        pytest.skip(f"the engine's bridge has no gateway: {shown.stdout}{shown.stderr}")
    return address


@pytest.mark.parametrize(
    ("status", "verdict", "code"),
    [
        (404, ReportStatus.FAILED, "not_found"),
        (401, ReportStatus.ERROR, "registry_denied"),
        (403, ReportStatus.ERROR, "registry_denied"),
        (429, ReportStatus.ERROR, "rate_limited"),
        (503, ReportStatus.ERROR, "server_trouble"),
    ],
)
def test_registry_that_refuses_a_base_image(in_docker, make_worker, status, verdict, code):
    # Names of images are free: they say nothing.
    with server(lambda path, _: (200 if path == "/v2/" else status, b"")) as (port, _):
        dockerfile = f"FROM 127.0.0.1:{port}/unauthorized:no-space-left\nCOPY . .\n" + START
        result = in_docker(make_worker(ECHO, {"Dockerfile": dockerfile}))
    assert (result.status, result.reason) == (verdict, ("build", code)), result.output


def page(file: str) -> bytes:
    """What an index says of a project with one file."""
    return f'<html><body><a href="/{file}">{file}</a></body></html>'.encode()


NEWER = page("missing-2.0-cp399-cp399-linux_x86_64.whl")


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (lambda _path, _agent: (404, b""), ReportStatus.FAILED, "dependency_not_found"),
        (lambda _path, _agent: (200, NEWER), ReportStatus.FAILED, "dependency_not_found"),
        (lambda path, _agent: (403 if "missing" in path else 200, b""), ReportStatus.FAILED, "dependency_not_found"),
        (lambda _path, _agent: (403, b""), ReportStatus.ERROR, "registry_denied"),
        (lambda _path, _agent: (429, b""), ReportStatus.ERROR, "rate_limited"),
        (lambda _path, _agent: (503, b""), ReportStatus.ERROR, "server_trouble"),
    ],
    ids=["404", "nothing that fits", "denied as absent", "denied", "too many requests", "unavailable"],
)
def test_pip_that_finds_nothing_is_believed_only_if_the_index_says_so(
    in_docker, make_worker, gateway, answer, verdict, code
):
    with server(answer) as (port, asked):
        index = f"--retries 1 --trusted-host {gateway} --index-url http://{gateway}:{port}/simple"
        files = {"Dockerfile": QUICK + f"RUN pip install {index} missing==2.0\n" + START}
        result = in_docker(make_worker(ECHO, files), environment={"JANITOR_PRIVATE_HOSTS": gateway})
    assert (result.status, result.check("build").reason_code) == (verdict, code), result.output
    assert "/simple/missing/" in asked


def test_short_trouble_of_an_index_costs_only_a_second_try(in_docker, make_worker, gateway):
    metadata = b"Metadata-Version: 2.1\nName: fine\nVersion: 1.0\n"
    files = {
        "METADATA": metadata,
        "WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": b"",
    }
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"fine-1.0.dist-info/{name}", content)
    refused: list[str] = []

    def answer(path: str, agent: str) -> tuple[int, bytes]:
        if path.endswith(".whl"):
            return 200, wheel.getvalue()
        if path == "/simple/fine/" and agent.startswith("pip/") and not refused:
            refused.append(path)
            return 429, b""
        return (200, page("fine-1.0-py3-none-any.whl")) if path == "/simple/fine/" else (404, b"")

    with server(answer) as (port, _):
        index = f"--trusted-host {gateway} --index-url http://{gateway}:{port}/simple"
        dockerfile = QUICK + f"RUN pip install {index} fine\n" + START
        result = in_docker(
            make_worker(ECHO, {"Dockerfile": dockerfile}), environment={"JANITOR_PRIVATE_HOSTS": gateway}
        )
    assert refused
    assert result.status is ReportStatus.SUCCESS, result.output


@pytest.mark.parametrize(
    ("run", "files", "code"),
    [
        ("echo '429 Too Many Requests'; exit 1", {}, "build_step_failed"),
        ("echo toomanyrequests: slow down >&2 && exit 1", {}, "build_step_failed"),
        ("python -c \"raise SystemExit('HTTP Error 503: Service Unavailable')\"", {}, "build_step_failed"),
        ("sh excuse.sh", {"excuse.sh": "#!/bin/sh\necho 'Could not resolve host: x'\nexit 6\n"}, "build_step_failed"),
        ("cat excuse.txt; exit 1", {"excuse.txt": "No space left on device\n"}, "build_step_failed"),
        ("printf 'x\\r#99 ERROR: process did not complete: exit code: 137\\n'; exit 3", {}, "build_step_failed"),
        ("printf '\\v#99 ERROR: a: dial tcp: i/o timeout\\n'; exit 3", {}, "build_step_failed"),
        ("true 'connection refused'; exit 4", {}, "build_step_failed"),
        ("sh -c 'kill -9 $$'; exit $?", {}, "build_step_failed"),
        ("echo 'c++: fatal error: Killed signal terminated program cc1plus'; exit 1", {}, "build_step_failed"),
        ("python -c \"import urllib.request as u; u.urlopen('http://localhost:9/x')\" 2>&1 | sed 's/$/ localhost/'"
         "; exit 5", {}, "build_step_failed"),
        ("git clone http://127.0.0.1:9/x.git", {}, "build_step_failed"),
    ],
    ids=[
        *("echo", "standard error", "exception", "script", "file", "forged line", "forged line of another kind"),
        *("in the command", "kills itself", "claims to be killed", "own server", "clone from itself"),
    ],
)  # fmt: skip
def test_repository_cannot_excuse_itself(in_docker, make_worker, run, files, code):
    result = in_docker(make_worker(ECHO, {"Dockerfile": QUICK + f"RUN {run}\n" + START, **files}))
    assert (result.status, result.reason) == (ReportStatus.FAILED, ("build", code)), result.output


@pytest.mark.parametrize(
    ("dockerfile", "verdict", "code"),
    [
        (QUICK + "RUN git clone http://{host}/status/404/x.git\n", ReportStatus.FAILED, "not_found"),
        (QUICK + "RUN git clone http://{host}/status/429/x.git\n", ReportStatus.ERROR, "rate_limited"),
        (QUICK + "RUN git clone http://nowhere.invalid/x.git\n", ReportStatus.ERROR, "name_resolution"),
        (QUICK + "RUN pip download --retries 0 http://{host}/status/404/x-1-py3-none-any.whl --trusted-host {name}\n",
         ReportStatus.FAILED, "not_found"),
        (QUICK + "RUN pip download --retries 0 http://{host}/status/503/x-1-py3-none-any.whl --trusted-host {name}\n",
         ReportStatus.ERROR, "server_trouble"),
        (QUICK + "RUN cat /etc/passwd > /dev/full\n", ReportStatus.ERROR, "disk_full"),
        (QUICK + "RUN --mount=type=secret,id=absent,required=true true\n", ReportStatus.ERROR, "needs_secret"),
        (QUICK + "RUN --mount=type=ssh,required=true true\n", ReportStatus.ERROR, "needs_secret"),
        ("FROM Upper:1\nCOPY . .\n", ReportStatus.FAILED, "dockerfile_invalid"),
        (QUICK + "NONSENSE x\n", ReportStatus.FAILED, None),
        ("FROM scratch\nCOPY . .\nRUN true\n", ReportStatus.FAILED, "build_step_failed"),
        (QUICK + "RUN python -m unittest no_such_test\n", ReportStatus.FAILED, "build_step_failed"),
    ],
    ids=[
        *("clone of nothing", "clone too often", "clone from nowhere", "no such wheel", "server of wheels is down"),
        *("full disk", "secret", "SSH key", "no image's name", "no instruction", "no shell", "failing test"),
    ],
)  # fmt: skip
def test_cause_of_a_failed_build(in_docker, make_worker, gateway, dockerfile, verdict, code):
    def answer(path: str, _agent: str) -> tuple[int, bytes]:
        match = re.match(r"/status/(\d+)", path)
        return int(match.group(1)) if match else 200, b""

    with server(answer) as (port, _):
        text = dockerfile.replace("{host}", f"{gateway}:{port}").replace("{name}", gateway)
        result = in_docker(make_worker(ECHO, {"Dockerfile": text + START}))
    assert result.status is verdict, result.output
    if code is not None:
        assert result.reason == ("build", code), result.output


# -- an engine that goes away


def tiny_image(folder: Path) -> Path:
    """An archive with a shell and `sleep`, for an engine that lives a few seconds."""
    archive = folder / "tiny.tar"
    files: dict[str, str] = {}
    for program in ("/bin/sh", "/bin/sleep"):
        files[program] = os.path.realpath(program)
        shown = subprocess.run(["ldd", files[program]], capture_output=True, text=True, timeout=20, check=False).stdout
        files.update({library: os.path.realpath(library) for library in re.findall(r"(/lib\S+)", shown)})
    with tarfile.open(archive, "w") as tar:
        for name, path in files.items():
            tar.add(path, arcname=name)
    return archive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_engine_that_ends_in_the_middle_is_not_the_repositorys_fault(start_validator, make_worker, tmp_path, number):
    if (why_not := why_no_own_engine()) is not None:
        pytest.skip(why_not)
    environment: Mapping[str, str] = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with own_engine(environment, apart=True) as reached:
        program = shutil.which("docker", path="/usr/bin") or "docker"
        imported = subprocess.run(
            [program, "import", "--change", 'CMD ["sh"]', str(tiny_image(tmp_path)), "tiny/worker:1"],
            env=reached, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert imported.returncode == 0, imported.stderr
        files = {"Dockerfile": "FROM tiny/worker:1\nCOPY . .\nRUN echo now it sleeps; sleep 30\n" + START}
        validation = start_validator(
            make_worker(ECHO, files, sdk=False), engine="docker", environment={"DOCKER_HOST": reached["DOCKER_HOST"]}
        )
        validation.wait_for_line("RUN echo now it sleeps")
        socket = Path(reached["DOCKER_HOST"].removeprefix("unix://"))
        os.kill(int((socket.parent / "pid").read_text()), number)
        result = validation.result()
    assert (result.status, result.reason) == (ReportStatus.ERROR, ("build", "engine_trouble")), result.output
