"""The spec as an object in storage, from where its instance fetches it: it holds the repository's variables and the
address of the report, which must not stand in a command's text.

Invariant: it is there from before the command is sent until the command, or the validation, is over.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import FETCH_LIFETIME
from janitor.domain.errors import CloudError
from janitor.domain.identity import spec_key_for
from janitor.domain.log_lines import LineLogger
from janitor.protocol.order.spec import ValidationSpec
from janitor.services.watch.instance_script import Fetched
from janitor.settings import Settings

log = LineLogger(__name__)


def put_spec(settings: Settings, spec: ValidationSpec, generation: int) -> Fetched:
    """Write the spec of one instance; its address is valid for `FETCH_LIFETIME`.

    Raises:
        CloudError: S3 refused.
    """
    access, document = CloudAccess.of(settings), spec.to_json().encode()
    key = spec_key_for(UUID(spec.run_id), UUID(spec.validation_id), generation)
    storage.put(access, settings.bucket, key, document)
    return fetched(settings, key, hashlib.sha256(document).hexdigest())


def fetched(settings: Settings, key: str, sha256: str) -> Fetched:
    """An object that an instance reads once, at the very start of its command."""
    url = storage.presigned_get(CloudAccess.of(settings), settings.bucket, key, valid_for=FETCH_LIFETIME)
    return Fetched(url=url, sha256=sha256)


def remove_specs(settings: Settings, run_id: UUID, validation_id: UUID, *, generations: int) -> None:
    """Remove the specs of a validation's first instances, up to `generations`; a failure is told and costs nothing."""
    for generation in range(1, generations + 1):
        key = spec_key_for(run_id, validation_id, generation)
        try:
            storage.delete(CloudAccess.of(settings), settings.bucket, key)
        except CloudError as exc:
            log.warning("the spec at %s is left in storage; nobody has a valid address of it: %s", key, exc)
