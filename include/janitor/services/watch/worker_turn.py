"""What a report says of the pool's worker that a validation runs on."""

from __future__ import annotations

import json
from uuid import UUID

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.identity import WorkerFile, worker_key_for
from janitor.domain.pool.reuse import WorkerTurn
from janitor.protocol.terms.provenance import Warm
from janitor.protocol.values import Place
from janitor.settings import Settings

_MOST_BYTES = 4096


def worker_turn(settings: Settings, worker_id: UUID, *, ordinal: int) -> WorkerTurn:
    """Which worker it is, its how-manieth task this is, and what the look after the last one has found warm.

    Args:
        settings: Of the deployment.
        worker_id: Which.
        ordinal: The task is its how-manieth, from 1.

    Raises:
        CloudError: S3 can't be asked.
    """
    key = worker_key_for(worker_id, ordinal - 1, WorkerFile.WARM)
    content = storage.get(CloudAccess.of(settings), settings.bucket, key, at_most_bytes=_MOST_BYTES)
    warm = None if content is None else Warm.read(json.loads(content), Place("warm", ValueError))
    return WorkerTurn(worker_id=worker_id, ordinal=ordinal, warm=warm)
