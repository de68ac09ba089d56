"""RunPod's stand-in itself: who is let in, what is refused, and that its pods are machines which really run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from localcloud.runpod.account import Rate
from localcloud.runpod.facts import FACTS
from localcloud.runpod.faults import Fault, FaultBook, FaultError
from tests.integration.providers.bench import eventually
from tests.support.runpod_server import RunPodServer


@pytest.fixture(autouse=True)
def no_faults(runpod_server: RunPodServer) -> None:
    runpod_server.set_faults()


def body(**changes: Any) -> dict[str, Any]:
    return {"name": f"stand-in-{uuid4().hex[:8]}", "image": "x", "gpu": {"id": "NVIDIA L4"}, **changes}


def created(server: RunPodServer, **changes: Any) -> dict[str, Any]:
    status, pod = server.ask("POST", "/v2/pods", body(**changes))
    assert status == 201, pod
    return pod


def running(server: RunPodServer, pod_id: str) -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        pod = server.ask("GET", f"/v2/pods/{pod_id}")[1]
        return pod if pod["status"] == "RUNNING" else None

    found: dict[str, Any] = eventually(probe)
    return found


def log_of(server: RunPodServer, pod_id: str) -> str:
    events = server.ask("GET", f"/v2/pods/{pod_id}/logs?source=container")[1] or ""
    return "\n".join(json.loads(line[6:])["line"] for line in events.splitlines() if line.startswith("data: "))


def test_only_the_key_lets_in_and_no_web_page(runpod_server: RunPodServer) -> None:
    assert runpod_server.ask("GET", "/v2/pods", key="rpa_of-somebody-else")[0] == 401
    assert runpod_server.ask("GET", "/_localcloud/faults", key="")[0] == 401
    for header in (("Origin", "https://example.com"), ("Host", "evil.example")):
        assert runpod_server.ask("GET", "/v2/pods", headers=[header])[0] == 403
    key_file = runpod_server.home.parent / f"{runpod_server.home.name}.key"
    assert key_file.stat().st_mode & 0o077 == 0


def test_what_isnt_in_the_published_document_is_refused(runpod_server: RunPodServer) -> None:
    status, problem = runpod_server.ask("POST", "/v2/pods", body(minRamPerGpu=16))
    assert (status, problem["errors"]) == (422, ["$: additional properties 'minRamPerGpu' not allowed"])
    assert set(FACTS["problem_required"]) <= set(problem)
    assert runpod_server.ask("POST", "/v2/pods", body(cpu={}))[0] == 400
    assert runpod_server.ask("POST", "/v2/pods", body(gpu={"id": "Voodoo 2"}))[0] == 400
    assert runpod_server.ask("PUT", "/v2/pods")[0] == 405
    assert runpod_server.ask("GET", "/v2/endpoints")[0] == 404
    assert runpod_server.ask("GET", "/v2/catalog/gpus?include=AVAILABILITY")[0] == 400
    assert runpod_server.ask("GET", "/v2/catalog/gpus?product=POD")[0] == 400


def test_answers_have_what_the_published_document_requires(runpod_server: RunPodServer) -> None:
    pod = created(runpod_server, args="sleep infinity")
    assert set(FACTS["pod_required"]) <= set(pod)
    gpus = runpod_server.ask("GET", "/v2/catalog/gpus?include=AVAILABILITY&product=POD")[1]["gpus"]
    assert gpus
    assert all({*FACTS["gpu_required"], "availability"} <= set(gpu) for gpu in gpus)
    assert runpod_server.ask("DELETE", f"/v2/pods/{pod['id']}")[0] == 204


def test_a_pod_runs_its_command_and_runs_it_again_when_it_ends(runpod_server: RunPodServer) -> None:
    pod = created(runpod_server, args="sh -c 'echo it is $RUNPOD_POD_ID $GIVEN'", env={"GIVEN": "told"})
    running(runpod_server, pod["id"])
    line = f"it is {pod['id']} told"
    eventually(lambda: log_of(runpod_server, pod["id"]).count(line) >= 2)
    [told] = [one for one in runpod_server.pods() if one["id"] == pod["id"]]
    assert told["restarts"] >= 1
    assert runpod_server.ask("DELETE", f"/v2/pods/{pod['id']}")[0] == 204
    assert runpod_server.ask("GET", f"/v2/pods/{pod['id']}")[0] == 404
    assert pod["id"] not in [one["id"] for one in runpod_server.ask("GET", "/v2/pods")[1]["pods"]]
    records = runpod_server.ask("GET", f"/v2/billing/pods?podId={pod['id']}")[1]["records"]
    assert [record["podId"] for record in records] == [pod["id"]]


def test_a_pods_own_key_reaches_that_pod_alone(runpod_server: RunPodServer) -> None:
    pod, other = created(runpod_server, args="sh -c 'echo key $RUNPOD_API_KEY; sleep 600'"), created(runpod_server)
    running(runpod_server, pod["id"])
    said = eventually(lambda: log_of(runpod_server, pod["id"]))
    key = said.split()[-1]
    assert key != runpod_server.key
    assert runpod_server.ask("GET", "/v2/pods", key=key)[0] == 403
    assert runpod_server.ask("DELETE", f"/v2/pods/{other['id']}", key=key)[0] == 403
    assert runpod_server.ask("POST", "/_localcloud/faults", [], key=key)[0] == 403
    assert runpod_server.ask("DELETE", f"/v2/pods/{pod['id']}", key=key)[0] == 204
    assert runpod_server.ask("DELETE", f"/v2/pods/{other['id']}")[0] == 204


def test_actions_depend_on_the_status(runpod_server: RunPodServer) -> None:
    pod_id = created(runpod_server, args="sleep infinity")["id"]
    running(runpod_server, pod_id)
    act = f"/v2/pods/{pod_id}/action"
    assert runpod_server.ask("POST", act, {"action": "start"})[0] == 409
    assert runpod_server.ask("POST", act, {"action": "stop"})[1]["status"] == "EXITED"
    assert runpod_server.ask("GET", f"/v2/pods/{pod_id}")[1]["cost"] == 0.0
    assert runpod_server.ask("POST", act, {"action": "start"})[0] == 200
    running(runpod_server, pod_id)
    assert runpod_server.ask("POST", act, {"action": "terminate"})[0] == 204
    assert runpod_server.ask("POST", act, {"action": "fly"})[0] == 422


def test_what_is_left_of_the_rate_is_told_with_every_answer(tmp_path: Path) -> None:
    with RunPodServer(tmp_path / "home", calls_a_minute=3) as server:
        for left in (2, 1, 0):
            request = urllib.request.Request(f"{server.api_url}/pods")
            request.add_header("Authorization", f"Bearer {server.key}")
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert f'"minute";r={left};t=' in answer.headers["RateLimit"]
                assert '"minute";q=3;w=60' in answer.headers["RateLimit-Policy"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code == 429
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 61
    assert Rate(2).take()[1] is None


def test_faults_are_named_and_a_mistake_in_one_changes_nothing(runpod_server: RunPodServer) -> None:
    names = runpod_server.ask("GET", "/_localcloud/faults/names")[1]
    assert set(names) == {fault.value for fault in Fault}
    book = FaultBook()
    book.replace([{"fault": "capacity-400", "gpu": "NVIDIA L*", "times": 1}])
    for wrong in ({"fault": "gremlins"}, {"fault": "outage", "seconds": -1}, {"code": "x"}, "outage"):
        with pytest.raises(FaultError):
            book.replace([wrong])
    assert book.take(Fault.CAPACITY, gpu="NVIDIA A40") is None
    assert book.take(Fault.CAPACITY, gpu="NVIDIA L4") is not None
    assert book.take(Fault.CAPACITY, gpu="NVIDIA L4") is None


def test_pods_end_with_the_server_also_when_it_is_killed(tmp_path: Path) -> None:
    seconds = f"98{uuid4().int % 1_000_000}"
    for number in (signal.SIGTERM, signal.SIGKILL):
        with RunPodServer(tmp_path / number.name) as server:
            created(server, args=f"sleep {seconds}")
            eventually(lambda: sleeping(seconds))
            server.end(number)
            eventually(lambda: not sleeping(seconds))


def sleeping(seconds: str) -> bool:
    found = subprocess.run(["pgrep", "-f", f"sleep {seconds}$"], capture_output=True, check=False)
    return found.returncode == 0


def test_a_port_that_is_taken_is_said(runpod_server: RunPodServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "localcloud", "runpod", "--home", str(tmp_path / "home")),
            *("--port", str(runpod_server.port), "--key-file", str(tmp_path / "key")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "can't start" in done.stderr
