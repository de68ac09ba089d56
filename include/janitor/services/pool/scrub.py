"""The look at a worker's machine: once when it becomes ready, and after each task, when it is also cleared.

    begin_ready_check(settings, worker_id, instance_id)            # again and again until it is True
    look(settings, worker_id, instance_id, ordinal=0)              # again and again until it isn't None
    ... the worker has its first task ...
    begin_scrub(settings, worker_id, instance_id, ordinal=1, validation_id=...)
    look(settings, worker_id, instance_id, ordinal=1)

Nothing here waits, and everything can be repeated: a command is found again by its comment. The machine answers by an
address that takes one object; what is accepted of it is copied at once to where no address leads, so that the next
task's code can't change what the machine was at first. The machine itself keeps nothing of it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.cloud import commands as ssm
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import FETCH_LIFETIME
from janitor.domain.identity import WorkerFile, worker_comment_for, worker_key_for
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.reuse import (
    Fitness,
    Judgement,
    judge_after_task,
    judge_ready,
    unanswered,
    unreadable,
)
from janitor.domain.result.outcome import EXIT_NOT_READY
from janitor.domain.watch.watching import CommandStatus
from janitor.protocol.reuse.order import ORDER_MAX_BYTES, Before, Process, ReuseOrder, ReuseOrderError
from janitor.protocol.reuse.result import (
    EXIT_CLEAN,
    EXIT_LEFT,
    RESULT_MAX_BYTES,
    ReuseResult,
    ReuseResultError,
)
from janitor.services.watch.artefact import ensure_artefact
from janitor.services.watch.instance_script import instance_script
from janitor.services.watch.spec_object import fetched
from janitor.settings import Settings

_LIMIT = timedelta(minutes=4)
"""For clearing a machine and looking at it: seconds, but for an engine with much to remove."""
_BEFORE_IT = timedelta(minutes=8)
"""For fetching the program, and for a machine that is still getting ready."""
_DELIVERY = timedelta(minutes=5)
"""SSM's, until a command has reached its machine."""

log = LineLogger(__name__)


def begin_ready_check(settings: Settings, worker_id: UUID, instance_id: str) -> bool:
    """Ask a worker's machine how it looks before its first task; it answers once it is ready to work.

    Returns:
        Whether it is asked; False: its agent isn't online yet.

    Raises:
        CloudError: AWS can't be asked; the caller asks again.
    """
    return _begin(settings, worker_id, instance_id, ordinal=0, before=None, validation_id=None)


def begin_scrub(
    settings: Settings, worker_id: UUID, instance_id: str, *, ordinal: int, validation_id: UUID | None = None
) -> bool:
    """Have a worker's machine cleared of a task that is over, and looked at. Its validation's report must be there.

    Args:
        settings: Of the deployment.
        worker_id: Whose machine.
        instance_id: Which.
        ordinal: The task was its how-manieth that it was given, from 1, whatever became of those before. Two looks
            under one number are one look.
        validation_id: What the task was about.

    Returns:
        Whether it is asked; False: its agent isn't online, or there is no first look to compare with; `look` says so.

    Raises:
        CloudError: AWS can't be asked; the caller asks again.
    """
    first = _first_look(settings, worker_id)
    if first is None:
        return False
    seen = first.manifest
    before = Before(
        processes=tuple(Process(pid=each.pid, started=each.started) for each in seen.processes),
        engine=seen.engine,
        gpu_memory_mib=seen.gpu_memory_mib,
    )
    return _begin(settings, worker_id, instance_id, ordinal=ordinal, before=before, validation_id=validation_id)


def look(settings: Settings, worker_id: UUID, instance_id: str, *, ordinal: int) -> Judgement | None:
    """What became of the look with that number.

    Returns:
        What it has shown; None while it is under way, or wasn't begun.

    Raises:
        CloudError: AWS can't be asked; the caller asks again.
    """
    first = _first_look(settings, worker_id)
    if ordinal == 0 and first is not None:
        return Judgement(fitness=Fitness.KEEP, reason="it was looked at before its first task")
    if ordinal > 0 and first is None:
        return unanswered("no look at it before its first task was kept")
    access = CloudAccess.of(settings)
    command = ssm.find_by_comment(access, instance_id, worker_comment_for(worker_id, ordinal))
    if command is None:
        return None
    if not command.status.is_final:
        asked_at = command.requested_at or _now()
        late = _now() > asked_at + _DELIVERY + _BEFORE_IT + _LIMIT
        return unanswered("its machine gave no answer in time") if late else None
    if command.exit_code == EXIT_NOT_READY:
        return unanswered("its machine did not get ready (its disk or its Docker); see the command's log")
    if command.status is CommandStatus.TIMED_OUT or command.exit_code not in (EXIT_CLEAN, EXIT_LEFT):
        ending = f"exit code {command.exit_code}" if command.exit_code is not None else command.status.value
        return unanswered(f"the look at its machine ended with {ending}; see the command's log")
    judgement = _judged(settings, worker_id, ordinal, first)
    if judgement.fitness is not Fitness.KEEP:
        log.warning("worker %s after %d tasks: %s: %s", worker_id, ordinal, judgement.fitness.value, judgement.reason)
    return judgement


def _begin(
    settings: Settings,
    worker_id: UUID,
    instance_id: str,
    *,
    ordinal: int,
    before: Before | None,
    validation_id: UUID | None,
) -> bool:
    access, comment = CloudAccess.of(settings), worker_comment_for(worker_id, ordinal)
    if ssm.find_by_comment(access, instance_id, comment) is not None:
        return True
    if not ssm.agent_online(access, instance_id):
        return False
    artefact = ensure_artefact(settings)
    order = ReuseOrder(
        worker_id=str(worker_id),
        ordinal=ordinal,
        nonce=secrets.token_hex(16),
        limit=_LIMIT,
        validation_id=None if validation_id is None else str(validation_id),
        before=before,
        result_url=_put_address(settings, worker_id, ordinal, WorkerFile.RESULT, _DELIVERY + _BEFORE_IT + _LIMIT),
    )
    document = order.to_json().encode()
    key = worker_key_for(worker_id, ordinal, WorkerFile.ORDER)
    storage.put(access, settings.bucket, key, document)
    script = instance_script(
        validator=fetched(settings, artefact.key, artefact.sha256),
        spec=fetched(settings, key, hashlib.sha256(document).hexdigest()),
        sign_url=_put_address(settings, worker_id, ordinal, WorkerFile.SIGN, FETCH_LIFETIME),
        words=("tripwire" if before is None else "scrub", "--order", "-"),
        busy_for=_BEFORE_IT + _LIMIT,
    )
    sent = ssm.send(
        access,
        instance_id=instance_id,
        script=script,
        comment=comment,
        execution_timeout=_BEFORE_IT + _LIMIT,
        log_group=settings.log_group,
    )
    return sent is not None


def _judged(settings: Settings, worker_id: UUID, ordinal: int, first: ReuseResult | None) -> Judgement:
    access, bucket = CloudAccess.of(settings), settings.bucket
    asked = storage.get(
        access, bucket, worker_key_for(worker_id, ordinal, WorkerFile.ORDER), at_most_bytes=ORDER_MAX_BYTES
    )
    key = worker_key_for(worker_id, ordinal, WorkerFile.RESULT)
    try:
        content = storage.get(access, bucket, key, at_most_bytes=RESULT_MAX_BYTES)
    except storage.TooLargeError as exc:
        return unreadable(str(exc))
    if content is None or asked is None:
        return unanswered("what its machine was asked, or has answered, is not in storage")
    try:
        order, result = ReuseOrder.from_json(asked), ReuseResult.from_json(content)
    except ReuseOrderError as exc:
        return unanswered(f"what its machine was asked can't be read: {exc}")
    except ReuseResultError as exc:
        return unreadable(str(exc))
    if first is not None:
        judgement = judge_after_task(first.manifest, order, result)
    else:
        judgement = judge_ready(order, result)
        if judgement.fitness is Fitness.KEEP:
            storage.put(access, bucket, worker_key_for(worker_id, 0, WorkerFile.FIRST_LOOK), content)
    if judgement.warm is not None:
        warm = json.dumps(judgement.warm.to_dict()).encode()
        storage.put(access, bucket, worker_key_for(worker_id, ordinal, WorkerFile.WARM), warm)
    return judgement


def _first_look(settings: Settings, worker_id: UUID) -> ReuseResult | None:
    """The control side's own copy; None where none was kept, or none that this version reads."""
    key = worker_key_for(worker_id, 0, WorkerFile.FIRST_LOOK)
    content = storage.get(CloudAccess.of(settings), settings.bucket, key, at_most_bytes=RESULT_MAX_BYTES)
    try:
        return None if content is None else ReuseResult.from_json(content)
    except ReuseResultError as exc:
        log.warning("the first look at %s was kept by another version and can't be read: %s", key, exc)
        return None


def _put_address(settings: Settings, worker_id: UUID, ordinal: int, file: WorkerFile, valid_for: timedelta) -> str:
    key = worker_key_for(worker_id, ordinal, file)
    return storage.presigned_put(CloudAccess.of(settings), settings.bucket, key, valid_for=valid_for)


def _now() -> datetime:
    return datetime.now(timezone.utc)
