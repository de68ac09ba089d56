"""Runs the validator as an instance runs it: the artefact, in a process of its own, on real git repositories."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from janitor.protocol.kept_report import KEPT_FOLDER
from janitor.protocol.report import Check, Report
from janitor.protocol.terms.statuses import ReportStatus
from janitor.validator.packaging import build_artefact
from tests.support.docker_engine import WHY_NOT, docker_program
from tests.support.docker_images import NoImageError, python_base
from tests.support.session import shared_packages

WORKERS = Path(__file__).parents[3] / "infra" / "local" / "workers"
PASSED_ON = ("SSL_CERT_FILE", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
CMD ["python", "-u", "handler.py"]
"""
SDK = "runpod==1.12.0\n"


def handler(body: str, *, before: str = "", definition: str = "def handler(job):") -> str:
    """A handler file with this body."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return f'import runpod\n{before}\n{definition}\n{indented}\nrunpod.serverless.start({{"handler": handler}})\n'


@dataclass(frozen=True)
class Result:
    """What a run of the validator left."""

    exit_code: int
    output: str
    report: Report | None
    seconds: float

    @property
    def status(self) -> ReportStatus:
        assert self.report is not None, self.output
        return self.report.status

    @property
    def reason(self) -> tuple[str | None, str | None]:
        """The deciding check and its reason code."""
        assert self.report is not None, self.output
        return self.report.failing_check, self.report.reason_code

    def check(self, name: str) -> Check:
        assert self.report is not None, self.output
        return next(check for check in self.report.checks if check.name == name)

    def evidence(self, check: str) -> str:
        """All evidence of a check, as text."""
        return "\n".join(f"{item.name}: {item.tail}" for item in self.check(check).evidence)


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_artefact(tmp_path_factory.mktemp("artefact")).path


@pytest.fixture(scope="session")
def package_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages are downloaded once per session: uv's cache serves all of its processes."""
    return shared_packages(tmp_path_factory) / "uv"


def new_repository(
    folder: Path, files: Mapping[str, str | None] | None = None, *, like: str | None = None, commit: bool = True
) -> Path:
    """Make a git repository of files, or of an example worker with some files changed; None leaves a file out."""
    if like is not None:
        shutil.copytree(WORKERS / like, folder)
    else:
        folder.mkdir()
    for name, content in (files or {}).items():
        if content is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    git(folder, "init", "--quiet", "--initial-branch=main")
    if commit:
        commit_all(folder)
    return folder


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[..., Path]:
    """`new_repository` in a folder of this test."""
    numbers = itertools.count(1)
    return lambda *arguments, **options: new_repository(tmp_path / f"repository-{next(numbers)}", *arguments, **options)


def worker_files(
    source: str, files: Mapping[str, str | None] | None = None, *, sdk: bool = True
) -> dict[str, str | None]:
    """The files of a worker with this handler file and a test input; None leaves one out."""
    return {
        "Dockerfile": DOCKERFILE,
        "requirements.txt": SDK if sdk else "",
        "handler.py": source,
        "test_input.json": '{"input": {"text": "x"}}',
        "README.md": "# worker\n",
        **(files or {}),
    }


@pytest.fixture
def make_worker(make_repository: Callable[..., Path]) -> Callable[..., Path]:
    """Makes a worker repository of a handler file and a test input."""
    return lambda *arguments, **options: make_repository(worker_files(*arguments, **options))


def git(folder: Path, *arguments: str) -> str:
    """Run git with an identity of its own and nobody's settings."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{
            f"GIT_{who}_{what}": f"tester{'@example.com' if what == 'EMAIL' else ''}"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    argv = ["git", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(argv, cwd=folder, env=env, check=True, capture_output=True, text=True, timeout=120).stdout


def commit_all(folder: Path, message: str = "state") -> str:
    """Commit everything; returns the SHA."""
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()


_OVERDUE_SECONDS = 60
"""After its deadline a validator still delivers its report."""


class Validation:
    """One validator process.

    Args:
        process: The running artefact.
        report_path: Where it writes its report.
        seconds: Its deadline, from now.
    """

    def __init__(self, process: subprocess.Popen[str], report_path: Path, seconds: float) -> None:
        self.process = process
        self._report_path = report_path
        self._seconds = seconds
        self._started = time.monotonic()
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self.peak_kilobytes = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._measure()
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()

    def _measure(self) -> None:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
            self.peak_kilobytes = max(self.peak_kilobytes, *(int(value) for value in found), 0)

    def wait_for_line(self, text: str, seconds: float = 60) -> None:
        """Wait until the log has a line with this text."""
        with self._changed:
            found = self._changed.wait_for(lambda: any(text in line for line in self._lines), seconds)
        assert found, "".join(self._lines)

    def result(self, seconds: float | None = None) -> Result:
        """Wait for the end, by default until it is overdue: its own report tells more of a hang than ours."""
        limit = self._seconds + _OVERDUE_SECONDS if seconds is None else seconds
        try:
            exit_code = self.process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler prints what each thread does
            self._reader.join(10)
            raise AssertionError(f"no end in {limit:g} s; it had printed:\n{''.join(self._lines)}") from None
        finally:
            self.process.kill()
        self._reader.join(10)
        report = Report.from_json(self._report_path.read_bytes()) if self._report_path.exists() else None
        return Result(exit_code, "".join(self._lines), report, time.monotonic() - self._started)


@contextlib.contextmanager
def validators(artefact: Path, package_cache: Path, folder: Path) -> Iterator[Callable[..., Validation]]:
    """Starts validators; their scratch folder must be empty in the end, and none of their processes alive."""
    scratch, home = folder / "scratch", folder / "home"
    scratch.mkdir()
    home.mkdir()
    started: list[Validation] = []

    def start(
        url: Path | str,
        *,
        seconds: float = 120,
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
        program: Path | None = None,
        **changes: Any,
    ) -> Validation:
        report_path = folder / f"report-{len(started)}.json"
        repository = {
            "name": "worker",
            "organization": "tests",
            "url": url.as_uri() if isinstance(url, Path) else url,
            "ref": None,
            "dockerfile": None,
            "build_args": {},
            "env": {},
            **changes.pop("repository", {}),
        }
        spec = {
            "format": "janitor-spec/1",
            "validation_id": str(uuid.uuid4()),
            "run_id": "22222222-2222-4222-8222-222222222222",
            "repository": repository,
            "prompt": "validate the repo and see if its still working",
            "gpu_required": False,
            "engine": "venv",
            "deadline": (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat(),
            "grace_seconds": 20,
            "report_url": None,
            "report_path": str(report_path),
            **changes,
        }
        env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "TMPDIR": str(scratch),
            "UV_CACHE_DIR": str(package_cache),
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            **(environment or {}),
        }
        process = subprocess.Popen(
            [python, "-I", "-X", "faulthandler", str(program or artefact), "run", "--spec", "-"],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(spec))
        process.stdin.close()
        started.append(Validation(process, report_path, seconds))
        return started[-1]

    try:
        yield start
    finally:
        for validation in started:
            if validation.process.poll() is None:
                os.killpg(validation.process.pid, signal.SIGKILL)
                validation.process.wait(120)
    assert processes_in(scratch) == []
    assert list(scratch.iterdir()) == []


@pytest.fixture
def start_validator(artefact: Path, package_cache: Path, tmp_path: Path) -> Iterator[Callable[..., Validation]]:
    """`validators` in the folder of this test."""
    with validators(artefact, package_cache, tmp_path) as start:
        yield start


@pytest.fixture
def validate(start_validator: Callable[..., Validation]) -> Callable[..., Result]:
    """Runs a validator to its end."""

    def run(url: Path | str, **changes: Any) -> Result:
        return start_validator(url, **changes).result()

    return run


@pytest.fixture
def take_kept_report(tmp_path: Path) -> Callable[[], Any]:
    """Takes away the report that an address refused: all that a validator of this test has left."""

    def take() -> Any:
        [folder] = (tmp_path / "scratch").iterdir()
        assert folder.name == KEPT_FOLDER
        [file] = folder.iterdir()
        content = json.loads(file.read_bytes())
        shutil.rmtree(folder)
        return content

    return take


def processes_in(folder: Path) -> list[str]:
    """The living processes that were started in this folder or have it on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in command or str(folder) in os.readlink(entry / "cwd"):
                found.append(command)
    return found


@dataclass(frozen=True)
class DockerHost:
    """A Docker engine with a base image for workers."""

    program: str
    environment: Mapping[str, str]
    """What reaches it."""

    def call(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the docker command."""
        env = {**os.environ, **self.environment, "DOCKER_BUILDKIT": "1"}
        argv = [self.program, *arguments]
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=seconds, check=False)

    def left(self) -> list[str]:
        """Ids of containers and images that validations have left."""
        label = "label=janitor.validation"
        listings = (("ps", "--all"), ("images", "--all"))
        return [word for kind in listings for word in self.call(*kind, "--quiet", "--filter", label).stdout.split()]


@pytest.fixture(scope="session")
def docker_host() -> DockerHost:
    """The engine for the tests; they skip with the reason where there is none."""
    program = docker_program(os.environ)
    if program is None:
        pytest.skip(f"no Docker engine: {os.environ.get(WHY_NOT, 'none answers; .ci/run starts one where it can')}")
    try:
        python_base(program, os.environ)
    except NoImageError as exc:
        pytest.skip(f"no base image: {exc}")
    reach = ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
    return DockerHost(program, {name: os.environ[name] for name in reach if name in os.environ})


@pytest.fixture
def in_docker(validate: Callable[..., Result], docker_host: DockerHost) -> Callable[..., Result]:
    """Runs a validator with the docker engine to its end; nothing of it may be left in the engine."""

    def run(url: Path | str, **changes: Any) -> Result:
        environment = {**docker_host.environment, **changes.pop("environment", {})}
        result: Result = validate(url, **{"engine": "docker", "seconds": 300, **changes, "environment": environment})
        ids = result.report.validation_id if result.report is not None else ""
        for kind in (("ps", "--all"), ("images", "--all")):
            filter_ = f"label=janitor.validation={ids}"
            assert docker_host.call(*kind, "--quiet", "--filter", filter_).stdout.split() == []
        return result

    return run


@dataclass
class Served:
    """A web server that answers as a test tells it to."""

    url: str
    requests: list[tuple[str, str, bytes]]
    """Method, path and body of every request."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts web servers on the loopback interface; `answer(method, path, count)` gives status and headers."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[str, str, int], tuple[int, dict[str, str]]]) -> Served:
        served = Served(url="", requests=[])

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                served.requests.append((self.command, self.path, body))
                status, headers = answer(self.command, self.path, len(served.requests))
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_PUT = do_POST = _any

            def log_message(self, *_arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        return served

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
