"""The script that SSM runs on the instance: it fetches the validator from storage that has its moods."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from janitor.domain.result.outcome import EXIT_NOT_READY, EXIT_UNFETCHED
from janitor.services.watch.instance_script import Fetched, instance_script


@cache
def artefact() -> bytes:
    """A program that answers with its spec."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("__main__.py", "import sys\nprint('spec:', sys.stdin.read())\nsys.exit(7)\n")
    return content.getvalue()


BOOTSTRAP = Path(__file__).resolve().parents[3] / "infra" / "scripts" / "bootstrap.sh"
SPEC = b'{"prompt": "say {{ this }}"}'


@contextmanager
def storage(
    *statuses: int,
    put: Sequence[int] = (200,),
    seen: list[str] | None = None,
    program: bytes | None = None,
    spec: bytes = SPEC,
) -> Iterator[str]:
    """A server that answers with these statuses, one after the other, the last one for ever; `put`: to a sign of life.

    Args:
        seen: Takes what was asked and answered.
    """
    left, signs = list(statuses), list(put)
    seen = [] if seen is None else seen

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status = signs.pop(0) if len(signs) > 1 else signs[0]
            seen.append(f"PUT {self.path.partition('?')[0]} {status}")
            if status == 0:
                self.close_connection = True  # no answer at all
                return
            self.send_response(status)
            self.end_headers()

        def do_GET(self) -> None:
            status = left.pop(0) if len(left) > 1 else left[0]
            seen.append(f"GET {self.path.partition('?')[0]} {status}")
            self.send_response(status)
            self.end_headers()
            content = spec if self.path.startswith("/spec") else (program or artefact())
            self.wfile.write(content if status == 200 else b"SlowDown")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(
    url: str,
    sha256: str | None = None,
    *,
    spec_sha256: str | None = None,
    program: bytes | None = None,
    before: str = "",
    environment: Mapping[str, str] | None = None,
    spec: bytes = SPEC,
    cache_volume: str | None = None,
) -> subprocess.CompletedProcess[str]:
    sha256 = sha256 or hashlib.sha256(program or artefact()).hexdigest()
    script = instance_script(
        validator=Fetched(url=f"{url}/artefact?X-Amz-Signature=secret", sha256=sha256),
        spec=Fetched(url=f"{url}/spec?X-Amz-Signature=secret", sha256=spec_sha256 or hashlib.sha256(spec).hexdigest()),
        sign_url=f"{url}/sign?X-Amz-Signature=secret",
        cache_volume=cache_volume,
    )
    script = script.replace("\nimport base64", f"\n{before}\nimport base64", 1)
    return subprocess.run(
        ["sh", "-c", script],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_storage_that_throttles_is_asked_again() -> None:
    with storage(503, 429, 200) as url:
        done = run(url)
    assert (done.returncode, done.stdout) == (7, 'spec: {"prompt": "say {{ this }}"}\n')
    assert done.stderr.count("could not be fetched") == 2
    assert "secret" not in done.stderr


def test_storage_that_refuses_ends_it_with_a_code_of_its_own() -> None:
    with storage(403) as url:
        done = run(url)
    assert done.returncode == EXIT_UNFETCHED
    assert "HTTP 403" in done.stderr
    assert "secret" not in done.stderr


def test_another_validator_than_the_ordered_one_is_not_run() -> None:
    with storage(200) as url:
        done = run(url, sha256="0" * 64)
    assert done.returncode == EXIT_UNFETCHED
    assert "the validator that was fetched is not the one that was ordered" in done.stderr


def test_life_is_shown_before_anything_else_and_once() -> None:
    seen: list[str] = []
    with storage(503, 200, seen=seen) as url:
        assert run(url).returncode == 7
    assert seen == ["PUT /sign 200", "GET /artefact 503", "GET /artefact 200", "GET /spec 200"]


def test_a_sign_that_can_not_be_put_is_tried_again_and_stops_nothing() -> None:
    for status in (403, 500, 0):
        seen: list[str] = []
        with storage(503, 200, put=[status], seen=seen) as url:
            done = run(url)
        assert (done.returncode, done.stdout) == (7, 'spec: {"prompt": "say {{ this }}"}\n')
        assert seen.count(f"PUT /sign {status}") == 3
        assert "secret" not in done.stderr


def test_another_spec_than_the_ordered_one_is_not_handed_over() -> None:
    with storage(200) as url:
        done = run(url, spec_sha256="0" * 64)
    assert (done.returncode, done.stdout) == (EXIT_UNFETCHED, "")
    assert "the spec that was fetched is not the one that was ordered" in done.stderr


def test_a_machine_that_is_getting_ready_is_waited_for(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    later = threading.Timer(2, ready.touch)
    began = time.monotonic()
    later.start()
    with storage(200) as url:
        done = run(url, environment={"JANITOR_READY_FILE": str(ready)})
    assert (done.returncode, done.stdout) == (7, 'spec: {"prompt": "say {{ this }}"}\n')
    assert time.monotonic() - began >= 2


def test_a_machine_that_says_why_it_is_not_ready_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "ready.failed").write_text("Docker doesn't answer: cannot connect\n")
    seen: list[str] = []
    with storage(200, seen=seen) as url:
        done = run(url, environment={"JANITOR_READY_FILE": str(tmp_path / "ready")})
    assert (done.returncode, done.stdout) == (EXIT_NOT_READY, "")
    assert done.stderr == "the machine is not ready: Docker doesn't answer: cannot connect\n"
    assert seen[0] == "PUT /sign 200"


def test_a_machine_that_never_gets_ready_ends_the_wait(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with storage(200) as url:
        # The clock of the script is put forward, for the wait is minutes.
        hurry = "import time, itertools\nreal, steps = time.monotonic, itertools.count()\n"
        hurry += "time.monotonic = lambda: real() + next(steps) * 60"
        done = run(url, environment={"JANITOR_READY_FILE": str(ready)}, before=hurry)
    assert (done.returncode, done.stdout) == (EXIT_NOT_READY, "")
    assert done.stderr == f"the machine is not ready: {ready} did not appear within 240 s\n"


def test_an_image_that_announces_nothing_is_ready() -> None:
    with storage(200) as url:
        assert run(url, environment={"JANITOR_READY_FILE": ""}).returncode == 7


SHARED_SPEC = b'{"machine": {"instance_type": "g5.xlarge", "cache": "attached"}, "cache_directory": "volumes/sdf"}'
VOLUME = "vol-0123456789abcdef0"


def run_with_cache(machine: Path, *, docker_answers: bool, bootstrap: bool = True) -> subprocess.CompletedProcess[str]:
    """On a machine of the image's kind that never gets to see the volume."""
    (machine / "bin").mkdir()
    docker = machine / "bin" / "docker"
    docker.write_text(f"#!/bin/sh\nexit {0 if docker_answers else 1}\n")
    (machine / "bin" / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    for each in (machine / "bin").iterdir():
        each.chmod(0o755)
    if bootstrap:
        (machine / "bin" / "janitor-bootstrap").symlink_to(BOOTSTRAP)
    environment = {
        "PATH": f"{machine / 'bin'}:{os.environ['PATH']}",
        "JANITOR_DATA": str(machine / "data"),
        "JANITOR_RUN": str(machine / "run"),
        "JANITOR_DEVICES": str(machine),
        "JANITOR_VOLUME_SECONDS": "0",
    }
    with storage(200, spec=SHARED_SPEC) as url:
        return run(url, spec=SHARED_SPEC, cache_volume=VOLUME, environment=environment)


def spec_of(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout.splitlines()[-1].removeprefix("spec: "))


def test_a_volume_that_does_not_appear_makes_the_spec_cold(tmp_path: Path) -> None:
    done = run_with_cache(tmp_path, docker_answers=True)
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith(f"cache: cold (the volume {VOLUME} did not appear within 0 s)\n")
    assert spec_of(done) == {"machine": {"instance_type": "g5.xlarge", "cache": "cold"}}


def test_a_machine_whose_docker_is_gone_beside_the_volume_runs_nothing(tmp_path: Path) -> None:
    done = run_with_cache(tmp_path, docker_answers=False)
    assert done.returncode == EXIT_NOT_READY
    assert "the machine is not ready: its Docker does not answer beside the cache volume" in done.stderr
    assert "spec:" not in done.stdout


def test_a_machine_without_a_bootstrap_has_the_volume_where_its_spec_says(tmp_path: Path) -> None:
    done = run_with_cache(tmp_path, docker_answers=False, bootstrap=False)
    assert (done.returncode, spec_of(done)) == (7, json.loads(SHARED_SPEC))


_ATTACK = """\
import os, sys, zipfile
path = sys.argv[0]
held = path.startswith("/proc/self/fd/")
problems = []
for flags in (os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
    try:
        file = os.open(path, flags)
        os.write(file, b"x")
        problems.append(flags)
    except OSError:
        pass
try:
    os.truncate(path, 0)
    problems.append("truncated")
except OSError:
    pass
import late
print(held, problems, late.VALUE, sys.flags.isolated, [each for each in sys.path if not each])
"""


def attacked() -> bytes:
    """A program that tries to change the archive that it runs from, and then imports from it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("__main__.py", _ATTACK)
        file.writestr("late.py", "VALUE = 'as it was'\n")
    return content.getvalue()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no sealed files in memory")
def test_not_even_root_can_write_to_the_running_validator() -> None:
    with storage(200, program=attacked()) as url:
        done = run(url, program=attacked())
    assert done.stdout.split("\n")[0] == "True [] as it was 1 []", done.stderr


def test_where_no_memory_can_be_sealed_the_file_is_closed() -> None:
    program = io.BytesIO()
    with zipfile.ZipFile(program, "w") as file:
        file.writestr(
            "__main__.py",
            "import os, sys\npath = sys.argv[0]\n"
            "print([oct(os.stat(each).st_mode & 0o777) for each in (path, os.path.dirname(path))])\n",
        )
    with storage(200, program=program.getvalue()) as url:
        done = run(url, program=program.getvalue(), before="import os\nvars(os).pop('memfd_create', None)")
    assert done.stdout == "['0o400', '0o500']\n", done.stderr
