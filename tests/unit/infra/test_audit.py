"""The audit of the lock, against a small server that answers as the advisories' service does, or doesn't."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "infra" / "scripts" / "audit.py"
LOCK = """\
Sound_Thing==1.0 \\
    --hash=sha256:aa
hollow[extra]==2.0 ; python_full_version < '3.11' \\
    --hash=sha256:bb
hollow==2.5 ; python_full_version >= '3.11' \\
    --hash=sha256:cc
"""
ADVISORY = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-0001", "PYSEC-2026-1"],
    "summary": "It \u001b[31mruns\u202e what\nit is sent \u009b::error::x",
    "affected": [
        {"package": {"name": "other"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "99"}]}]},
        {
            "package": {"name": "Hollow", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]},
                {"type": "ECOSYSTEM", "events": [{"introduced": "2.0"}, {"fixed": "2.10"}]},
            ],
        },
    ],
}


class AdvisoryService(ThreadingHTTPServer):
    """Answers like OSV: which ids each (name, version) has, and what each id is."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vulnerable: dict[tuple[str, str], list[str]] = {}
        self.known: dict[str, Any] = {"GHSA-aaaa-bbbb-cccc": ADVISORY, "PYSEC-2026-1": {**ADVISORY, "id": "PYSEC"}}
        self.raw: bytes | None = None
        self.page = 100
        self.asked: list[tuple[str, str]] = []
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: AdvisoryService

    def do_POST(self) -> None:
        self.server.requests += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        results = []
        for query in body["queries"]:
            assert query["package"]["ecosystem"] == "PyPI"
            key = (query["package"]["name"], query["version"])
            self.server.asked.append(key)
            ids, start = self.server.vulnerable.get(key, []), int(query.get("page_token", 0))
            result: dict[str, Any] = {}
            if part := ids[start : start + self.server.page]:
                result["vulns"] = [{"id": each, "modified": "2026-01-01T00:00:00Z"} for each in part]
            if start + self.server.page < len(ids):
                result["next_page_token"] = str(start + self.server.page)
            results.append(result)
        self._send(200, self.server.raw or json.dumps({"results": results}).encode())

    def do_GET(self) -> None:
        found = self.server.known.get(self.path.rpartition("/")[2])
        self._send(200 if found else 404, json.dumps(found or {"code": 5}).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[AdvisoryService]:
    """The service, on a port of its own."""
    with AdvisoryService() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


Audit = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def audit(service: AdvisoryService, tmp_path: Path) -> Audit:
    """Runs the audit of a lock with two packages."""
    (tmp_path / "lock").write_text(LOCK)
    (tmp_path / "accepted.yaml").write_text("[]\n")

    def run(url: str | None = None) -> subprocess.CompletedProcess[str]:
        options = [f"--accepted={tmp_path / 'accepted.yaml'}", f"--service={url or service.url}"]
        return subprocess.run(
            [sys.executable, "-I", str(SCRIPT), str(tmp_path / "lock"), *options],
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def accept(tmp_path: Path, **changes: Any) -> None:
    entry = {"id": "CVE-2026-0001", "package": "hollow", "reason": "never called", **changes}
    until = entry.pop("until", date.today() + timedelta(days=30))  # noqa: DTZ011  # a date, no instant
    lines = [f"  {name}: {value}" for name, value in {**entry, "until": until}.items() if value is not None]
    (tmp_path / "accepted.yaml").write_text("-\n" + "\n".join(lines) + "\n")


def test_sound_lock_passes(audit: Audit, service: AdvisoryService) -> None:
    done = audit()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "3 locked packages, 0 advisories, 0 of them accepted\n"
    assert service.asked == [("hollow", "2.0"), ("hollow", "2.5"), ("sound-thing", "1.0")]
    assert service.requests == 1


def test_vulnerable_package_fails_with_all_that_is_known(audit: Audit, service: AdvisoryService) -> None:
    service.vulnerable[("hollow", "2.5")] = ["PYSEC-2026-1", "GHSA-aaaa-bbbb-cccc"]
    done = audit()
    assert done.returncode == 1
    line, total = done.stdout.splitlines()
    assert line == (
        "VULNERABLE hollow 2.5: GHSA-aaaa-bbbb-cccc, CVE-2026-0001, PYSEC-2026-1:"
        " It ?[31mruns? what it is sent ?::error::x (fixed in 2.10)"
    )
    assert total == "3 locked packages, 1 advisories, 0 of them accepted"


def test_advisory_without_details_fails_all_the_same(audit: Audit, service: AdvisoryService) -> None:
    service.vulnerable[("sound-thing", "1.0")] = ["GHSA-none-none-none"]
    done = audit()
    assert done.returncode == 1
    assert "sound-thing 1.0: GHSA-none-none-none: no more is known (no fixed version is known)" in done.stdout


def test_withdrawn_advisory_counts_nothing(audit: Audit, service: AdvisoryService) -> None:
    service.vulnerable[("hollow", "2.5")] = ["GHSA-aaaa-bbbb-cccc"]
    service.known["GHSA-aaaa-bbbb-cccc"] = {**ADVISORY, "withdrawn": "2026-02-01T00:00:00Z"}
    assert audit().returncode == 0


def test_every_page_is_read(audit: Audit, service: AdvisoryService) -> None:
    service.vulnerable[("hollow", "2.5")] = [f"GHSA-{number:04}" for number in range(5)]
    service.page = 2
    done = audit()
    assert (done.returncode, done.stdout.count("VULNERABLE")) == (1, 5)


@pytest.mark.parametrize(
    "raw", [b"<html>", b"[]", b"{}", b'{"results": []}', b'{"results": [1, 2, 3]}', b"\xff", b"{" * 9]
)
def test_answer_that_is_none_passes_nothing(audit: Audit, service: AdvisoryService, raw: bytes) -> None:
    service.raw = raw
    done = audit()
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(
        "NOT CHECKED: the advisories of 3 locked packages can't be had from http://127.0.0.1:"
    )


def test_service_that_is_not_there_passes_nothing(audit: Audit) -> None:
    done = audit("http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (3, "")
    assert "refused" in done.stderr


def test_accepted_advisory_passes_until_its_day(audit: Audit, service: AdvisoryService, tmp_path: Path) -> None:
    service.vulnerable[("hollow", "2.5")] = ["GHSA-aaaa-bbbb-cccc"]
    accept(tmp_path)
    done = audit()
    assert done.returncode == 0
    assert "accepted   hollow 2.5" in done.stdout
    assert "never called" in done.stdout
    accept(tmp_path, until="2020-01-01")
    done = audit()
    assert done.returncode == 1
    assert "accepted until 2020-01-01" in done.stdout
    accept(tmp_path, package="sound-thing")
    done = audit()
    assert done.returncode == 1
    assert "is accepted and no longer found" in done.stdout


@pytest.mark.parametrize("changes", [{"reason": None}, {"reason": "''"}, {"until": "soon"}, {"id": None}, {"more": 1}])
def test_accepted_without_a_reason_or_a_day_is_bad_usage(audit: Audit, tmp_path: Path, changes: dict[str, Any]) -> None:
    accept(tmp_path, **changes)
    done = audit()
    assert done.returncode == 2
    assert "accepted.yaml: entry 1" in done.stderr


def test_the_projects_own_files_can_be_used(service: AdvisoryService) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), f"--service={service.url}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(service.asked) > 200
    assert service.requests == 1


@pytest.mark.parametrize("arguments", [["/nowhere/lock"], ["--service=file:///etc"], ["--accepted=/nowhere"]])
def test_bad_usage_ends_with_2(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
