"""Orders reach a pod by storage alone: its guard fetches them, runs each as somebody else, and a report comes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from janitor.cloud import storage
from janitor.cloud.runpod.mailbox import MOST_ORDERS, Mailbox, PodFile, PodOutcome
from janitor.cloud.session import CloudAccess
from janitor.domain.identity import mailbox_prefix_for
from janitor.guest import pod_guard
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.terms.statuses import EngineChoice
from janitor.services.provider import runpod_of
from janitor.services.watch.artefact import ensure_artefact
from janitor.settings import Settings
from tests.integration.services.test_pods import pod_request
from tests.support.cloud import eventually
from tests.support.runpod_server import RunPodServer

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/bin/python3").exists(),
    reason="a pod's guard is root, and runs a Python that every user may run",
)
LIVES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunPodServer]:
    with RunPodServer(tmp_path_factory.mktemp("runpod") / "home", boot_delay=0.1) as running:
        yield running


@pytest.fixture
def at(settings: Settings, server: RunPodServer) -> Iterator[Settings]:
    server.set_faults()
    yield settings.model_copy(
        update={"runpod_api_url": server.api_url, "runpod_api_key": SecretStr(server.key), "runpod_image": "x"}
    )
    for pod in server.alive(f"janitor-{settings.deployment}-"):
        server.ask("DELETE", f"/v2/pods/{pod['id']}")


@pytest.fixture
def kept(at: Settings) -> Callable[[bytes], PodFile]:
    """Puts something into storage; returns its address."""

    def keep(content: bytes) -> PodFile:
        key = f"janitor-specs/pods/{at.deployment}/files/{uuid4().hex}"
        storage.put(CloudAccess.of(at), at.bucket, key, content)
        return address_of(at, key, hashlib.sha256(content).hexdigest())

    return keep


def address_of(settings: Settings, key: str, sha256: str) -> PodFile:
    url = storage.presigned_get(CloudAccess.of(settings), settings.bucket, key, valid_for=LIVES)
    return PodFile(url=url, sha256=sha256)


def opened(settings: Settings, orders: int) -> tuple[Mailbox, str]:
    """A pod that has a mailbox: the mailbox, and the pod's id."""
    runpod = runpod_of(settings, lambda name, lives_until: Mailbox(settings, name).open(lives_until, orders))
    parameters = runpod.launch_parameters(pod_request(settings, lives=LIVES))
    parameters["env"][pod_guard.POLL_SECONDS] = "0.1"
    pod_id = runpod.launch(parameters)
    # What is kept with the intent has no address.
    assert pod_guard.BOOTSTRAP not in parameters["env"]
    return Mailbox(settings, parameters["name"]), pod_id


def test_a_pod_carries_out_what_is_in_its_mailbox_and_goes(
    at: Settings, server: RunPodServer, kept: Callable[[bytes], PodFile]
) -> None:
    mailbox, pod_id = opened(at, 3)
    program = kept(b"import sys\nprint(sys.stdin.read(), sys.argv[1:])\nsys.exit(3)\n")
    for number in (0, 1):
        given = kept(b"the spec") if number else None
        mailbox.put(number, fence=number + 7, program=program, given=given, arguments=["run"], limit=LIVES)
    first: PodOutcome = eventually("an outcome", lambda: mailbox.outcome(0, fence=7))
    second: PodOutcome = eventually("another", lambda: mailbox.outcome(1, fence=8))
    assert (first.exit_code, first.error, first.output.strip()) == (3, None, "['run']")
    assert (second.exit_code, second.output.strip()) == (3, "the spec ['run']")
    assert first.boot == second.boot
    assert mailbox.outcome(1, fence=9) is None  # another claim's
    assert mailbox.outcome(2, fence=9) is None
    assert [pod["id"] for pod in server.alive(f"janitor-{at.deployment}-")] == [pod_id]
    mailbox.end(2)
    eventually("the pod's end", lambda: server.alive(f"janitor-{at.deployment}-") == [])


def test_the_validator_hands_in_its_report_from_a_pod(at: Settings, server: RunPodServer, tmp_path: Path) -> None:
    access, key = CloudAccess.of(at), f"janitor-specs/pods/{at.deployment}/report.json"
    spec = ValidationSpec(
        validation_id=str(uuid4()),
        run_id=str(uuid4()),
        repository=RepositorySpec(name="w", organization="o", url=f"file://{tmp_path}/nothing-here"),
        prompt="p",
        gpu_required=False,
        engine=EngineChoice.VENV,
        deadline=datetime.now(timezone.utc) + LIVES,
        grace=timedelta(0),
        report_url=storage.presigned_put(access, at.bucket, key, valid_for=LIVES),
    )
    content = spec.to_json().encode()
    storage.put(access, at.bucket, f"{key}.spec", content)
    artefact = ensure_artefact(at)
    mailbox, _ = opened(at, 1)
    mailbox.put(
        0,
        fence=1,
        program=address_of(at, artefact.key, artefact.sha256),
        given=address_of(at, f"{key}.spec", hashlib.sha256(content).hexdigest()),
        arguments=["run", "--spec", "-"],
        limit=LIVES,
    )
    outcome: PodOutcome = eventually("an outcome", lambda: mailbox.outcome(0, fence=1))
    assert outcome.error is None, outcome
    report = storage.get(access, at.bucket, key, at_most_bytes=1 << 20)
    assert report is not None, outcome.output
    assert json.loads(report)["validation_id"] == spec.validation_id
    assert artefact.sha256 in report.decode()  # the one that was ordered made it
    # The one place of the mailbox is used up.
    eventually("the pod's end", lambda: server.alive(f"janitor-{at.deployment}-") == [])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"fence": 1}',
        b'{"fence": true, "boot": "a", "exit_code": 0, "error": null, "output": ""}',
        b'{"fence": 1, "boot": "a", "exit_code": "0", "error": null, "output": ""}',
        b'{"fence": 1, "boot": 3, "exit_code": 0, "error": null, "output": ""}',
    ],
)
def test_what_is_no_outcome_is_none(at: Settings, content: bytes) -> None:
    name = f"janitor-{at.deployment}-{uuid4().hex[:8]}-1"
    storage.put(CloudAccess.of(at), at.bucket, f"{mailbox_prefix_for(at.deployment, name)}/outcomes/0.json", content)
    assert Mailbox(at, name).outcome(0, fence=1) is None


def test_a_mailbox_has_bounds(at: Settings) -> None:
    mailbox = Mailbox(at, "janitor-x-1")
    for orders in (0, MOST_ORDERS + 1):
        with pytest.raises(ValueError, match="room for 1 to"):
            mailbox.open(datetime.now(timezone.utc) + LIVES, orders)
