"""The guard of a pod as a process: it runs orders as somebody else, ends its own pod, and never ends itself."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from janitor.cloud.runpod.guard_command import guard_args
from janitor.domain.errors import CloudError
from janitor.guest import pod_guard
from janitor.services.provider import runpod_of
from janitor.services.reap.pods import sweep_pods
from tests.integration.providers.bench import RunPodBench, eventually
from tests.support.answering import LoopbackServer

SYSTEM_PYTHON = "/usr/bin/python3"
"""Every user may run it, unlike this environment's own."""
KEY = "rpa_the-pods-own-key"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as another user")
pytestmark = pytest.mark.skipif(not Path(SYSTEM_PYTHON).exists(), reason="there is no Python that every user may run")


class Mailbox(LoopbackServer):
    """What a guard talks to: files by address, what was put, and RunPod's DELETE."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.put: dict[str, bytes] = {}
        self.deletes: list[tuple[str, str | None]] = []
        self.delete_answers: list[int] = []
        self.asked: list[str] = []
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mailbox.asked.append(self.path)
                found = mailbox.files.get(self.path)
                self.send_response(200 if found is not None else 404)
                self.end_headers()
                self.wfile.write(found or b"")

            def do_PUT(self) -> None:
                mailbox.put[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()

            def do_DELETE(self) -> None:
                mailbox.deletes.append((self.path, self.headers.get("Authorization")))
                status = mailbox.delete_answers.pop(0) if mailbox.delete_answers else 204
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", f"http://{mailbox.address}/elsewhere")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Nobody reads it."""

        super().__init__(Handler)

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def hold(self, orders: int) -> None:
        """Have room for so many orders."""
        entries = [
            {"order_url": self.url(f"/orders/{n}"), "outcome_url": self.url(f"/outcomes/{n}")} for n in range(orders)
        ]
        self.files["/bootstrap"] = json.dumps({"orders": entries}).encode()

    def order(self, number: int, program: str, *, limit_seconds: float = 30, given: bytes | None = None) -> None:
        """Leave an order to run a Python program."""
        self.files[f"/programs/{number}"] = program.encode()
        order: dict[str, Any] = {
            "fence": number + 100,
            "program": self._file(f"/programs/{number}"),
            "input": None,
            "arguments": ["run", "it"],
            "limit_seconds": limit_seconds,
        }
        if given is not None:
            self.files[f"/inputs/{number}"] = given
            order["input"] = self._file(f"/inputs/{number}")
        self.files[f"/orders/{number}"] = json.dumps(order).encode()

    def _file(self, path: str) -> dict[str, str]:
        return {"url": self.url(path), "sha256": hashlib.sha256(self.files[path]).hexdigest()}

    def outcome(self, number: int) -> dict[str, Any]:
        """What came of an order."""
        found: dict[str, Any] = json.loads(eventually(lambda: self.put.get(f"/outcomes/{number}")))
        return found


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as server:
        yield server


class Guarding:
    """A guard that runs."""

    def __init__(self, mailbox: Mailbox, log: Path, *, lives: float = 60, uid: int | None = None, **more: str) -> None:
        self.log = log
        self.worker_uid = 64_300 + uuid4().int % 1_000
        variables = {
            "PATH": "/usr/bin:/bin",
            "OF_THE_IMAGE": "kept",
            "HF_TOKEN": "not-kept",
            "RUNPOD_API_KEY": KEY,
            "RUNPOD_POD_ID": "pod1",
            pod_guard.API_URL: mailbox.url("/v2"),
            pod_guard.BOOTSTRAP: mailbox.url("/bootstrap"),
            pod_guard.UNTIL: (datetime.now(timezone.utc) + timedelta(seconds=lives)).isoformat(),
            pod_guard.POLL_SECONDS: "0.1",
            pod_guard.WORKER_UID: str(self.worker_uid),
            **more,
        }
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [SYSTEM_PYTHON, *shlex.split(guard_args())[1:]],
                env={name: value for name, value in variables.items() if value},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                user=uid,
            )

    def __enter__(self) -> Guarding:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def goes_on(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text()


CURIOUS = """\
import json, os, subprocess, sys
found = {"uid": os.getuid(), "groups": os.getgroups(), "given": sys.stdin.read(), "words": sys.argv[1:]}
found["variables"] = dict(os.environ)
try:
    found["of_the_guard"] = open(f"/proc/{os.getppid()}/environ").read()
except OSError as refused:
    found["of_the_guard"] = type(refused).__name__
subprocess.Popen(["sleep", "SECONDS"], start_new_session=True)
open("left-behind", "w").write("x")
print(json.dumps(found), flush=True)
sys.exit(7)
"""


@needs_root
def test_an_order_runs_as_somebody_who_cant_see_the_key_and_leaves_nothing(mailbox: Mailbox, tmp_path: Path) -> None:
    seconds = f"97{uuid4().int % 1_000_000}"
    mailbox.hold(1)
    mailbox.order(0, CURIOUS.replace("SECONDS", seconds), given=b"the spec")
    with Guarding(mailbox, tmp_path / "log") as guard:
        outcome = mailbox.outcome(0)
        assert (outcome["fence"], outcome["exit_code"], outcome["error"]) == (100, 7, None)
        found = json.loads(outcome["output"])
        assert (found["uid"], found["groups"], found["given"]) == (guard.worker_uid, [], "the spec")
        assert found["words"] == ["run", "it"]
        assert found["of_the_guard"] == "PermissionError"
        assert found["variables"]["OF_THE_IMAGE"] == "kept"
        assert not re.search(r"RUNPOD|JANITOR|HF_TOKEN", " ".join(found["variables"]))
        assert KEY not in outcome["output"]
        assert not _runs(f"sleep {seconds}")
        assert not Path(found["variables"]["HOME"]).exists()
        # And nothing being left to do, it ends its pod, and goes on until that is so.
        eventually(lambda: mailbox.deletes)
        assert mailbox.deletes[0] == ("/v2/pods/pod1", f"Bearer {KEY}")
        assert guard.goes_on
        assert KEY not in guard.said()


def _runs(command: str) -> bool:
    return subprocess.run(["pgrep", "-f", f"{command}$"], capture_output=True, check=False).returncode == 0


@needs_root
def test_orders_come_one_after_another_and_end_in_time(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.hold(3)
    mailbox.order(0, "import time\nprint('began', flush=True)\ntime.sleep(60)", limit_seconds=1)
    mailbox.order(1, "print('second')")
    with Guarding(mailbox, tmp_path / "log"):
        first = mailbox.outcome(0)
        assert (first["exit_code"], first["error"]) == (-signal.SIGKILL, "its time was over")
        assert "began" in first["output"]
        second = mailbox.outcome(1)
        assert (second["exit_code"], second["output"].strip(), second["boot"]) == (0, "second", first["boot"])
        eventually(lambda: mailbox.asked.count("/orders/2") > 2)  # it waits for the third
        assert mailbox.deletes == []
        mailbox.files["/orders/2"] = b'{"end": true}'
        eventually(lambda: mailbox.deletes)


@needs_root
def test_what_isnt_what_was_ordered_doesnt_run(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.hold(1)
    mailbox.order(0, "print('good')")
    mailbox.files["/programs/0"] = b"print('bad')"
    with Guarding(mailbox, tmp_path / "log"):
        outcome = mailbox.outcome(0)
        assert (outcome["exit_code"], outcome["output"]) == (None, "")
        assert "not what was ordered" in outcome["error"]


def test_who_cant_become_somebody_else_runs_nothing(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.hold(1)
    mailbox.order(0, "print('ran')")
    with Guarding(mailbox, tmp_path / "log", uid=65_534 if os.geteuid() == 0 else None) as guard:
        outcome = mailbox.outcome(0)
        assert "not root" in outcome["error"]
        assert outcome["output"] == ""
        eventually(lambda: mailbox.deletes)
        assert guard.goes_on


def test_at_its_own_instant_it_ends_its_pod_however_often_that_is_refused(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.delete_answers = [500, 307, 204]
    with Guarding(mailbox, tmp_path / "log", lives=2) as guard:  # no mailbox is ever there
        began = time.monotonic()
        eventually(lambda: len(mailbox.deletes) >= 3)
        assert time.monotonic() - began > 1
        assert guard.goes_on
        assert "/elsewhere" not in [path for path, _ in mailbox.deletes]
        assert "/elsewhere" not in mailbox.asked
        assert "HTTP 500" in guard.said()


@pytest.mark.parametrize(
    "bootstrap", [b"", b"[]", b"null", b"{", b'{"orders": [1]}', b'{"orders": [{"order_url": "file:///etc/passwd"}]}']
)
def test_a_mailbox_that_makes_no_sense_ends_the_pod(mailbox: Mailbox, tmp_path: Path, bootstrap: bytes) -> None:
    mailbox.files["/bootstrap"] = bootstrap
    with Guarding(mailbox, tmp_path / "log", lives=3) as guard:
        eventually(lambda: mailbox.deletes)
        assert guard.goes_on
        assert mailbox.put == {}


def test_without_a_key_it_waits_to_be_ended(mailbox: Mailbox, tmp_path: Path) -> None:
    with Guarding(mailbox, tmp_path / "log", lives=1, RUNPOD_API_KEY="") as guard:
        eventually(lambda: "this pod was given no key" in guard.said())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            guard.process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            guard.process.wait(1)
        assert mailbox.deletes == []


# In pods


@needs_root
def test_a_pod_carries_out_its_orders_and_is_gone(runpod: RunPodBench, mailbox: Mailbox) -> None:
    mailbox.hold(1)
    mailbox.order(0, CURIOUS.replace("SECONDS", "60"))
    provider = runpod_of(runpod.settings, lambda name, _until: f"{mailbox.url('/bootstrap')}?of={name}")
    mailbox.files[f"/bootstrap?of={_name(runpod)}"] = mailbox.files["/bootstrap"]
    instance_id = provider.launch(provider.launch_parameters(runpod.request(owner_id=_OWNER)))
    outcome = mailbox.outcome(0)
    assert (outcome["exit_code"], json.loads(outcome["output"])["of_the_guard"]) == (7, "PermissionError")
    eventually(lambda: runpod.provider.describe(instance_id) is None)
    assert runpod.alive() == []


_OWNER = uuid4()


def _name(runpod: RunPodBench) -> str:
    return f"janitor-{runpod.settings.deployment}-{_OWNER.hex[:8]}-1"


def test_a_pod_without_a_guard_is_ended_at_its_expiry_by_the_sweep(runpod: RunPodBench) -> None:
    runpod.server.set_faults({"fault": "hangs"})
    request = runpod.request(lives=timedelta(seconds=4))
    instance_id = runpod.provider.launch(runpod.provider.launch_parameters(request))
    runpod.running(instance_id)
    assert sweep_pods(runpod.settings).ended == {}
    assert [pod["id"] for pod in runpod.alive()] == [instance_id]

    def swept() -> bool:
        return set(sweep_pods(runpod.settings).ended) == {instance_id}

    eventually(swept)
    assert datetime.now(timezone.utc) > request.ends_itself_at
    assert runpod.alive() == []


def test_a_pod_that_runs_its_command_again_and_again_is_ended_by_the_sweep(runpod: RunPodBench) -> None:
    runpod.server.set_faults({"fault": "exits"})
    runpod.provider.launch(runpod.provider.launch_parameters(runpod.request(lives=timedelta(seconds=2))))
    eventually(lambda: runpod.alive()[0]["restarts"] >= 1)
    eventually(lambda: sweep_pods(runpod.settings).ended)
    assert runpod.alive() == []


def test_the_sweep_ends_stopped_pods_and_second_ones_and_tells_of_strangers(runpod: RunPodBench) -> None:
    runpod.server.set_faults({"fault": "duplicate", "times": 1})
    parameters = runpod.provider.launch_parameters(runpod.request())
    runpod.provider.launch(parameters)
    kept, second = [
        one.instance_id for one in sorted(runpod.seen(), key=lambda one: (one.launched_at, one.instance_id))
    ]
    stopped = runpod.provider.launch(runpod.provider.launch_parameters(runpod.request()))
    runpod.running(stopped)
    assert runpod.server.ask("POST", f"/v2/pods/{stopped}/action", {"action": "stop"})[0] == 200
    body = {"name": f"janitor-{runpod.settings.deployment}-0", "image": "x", "gpu": {"id": "NVIDIA L4"}}
    stranger = runpod.server.ask("POST", "/v2/pods", body)[1]["id"]
    # What is new may still be on its way to what it is to be.
    time.sleep(runpod.settings.consistency.total_seconds())
    looked = sweep_pods(runpod.settings, dry_run=True)
    assert set(looked.ended) == {stopped}
    swept = sweep_pods(runpod.settings)
    assert (set(swept.ended), swept.duplicates, swept.strangers) == ({stopped}, (second,), (stranger,))
    assert swept.refused == {}
    assert {pod["id"] for pod in runpod.alive()} == {kept, stranger}
    assert runpod.server.ask("DELETE", f"/v2/pods/{stranger}")[0] == 204


def test_a_sweep_that_cant_look_ends_nothing(runpod: RunPodBench) -> None:
    runpod.server.set_faults({"fault": "hangs"})
    request = runpod.request(lives=timedelta(seconds=-1))
    instance_id = runpod.provider.launch(runpod.provider.launch_parameters(request))
    runpod.server.set_faults({"fault": "failed-list"})
    with pytest.raises(CloudError, match="503"):
        sweep_pods(runpod.settings)
    assert [pod["id"] for pod in runpod.alive()] == [instance_id]
    runpod.server.set_faults()
    assert set(sweep_pods(runpod.settings).ended) == {instance_id}
