"""The validator artefact in storage: built once per process, uploaded when its content isn't there yet."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.settings import Settings
from janitor.validator.packaging import build_artefact

_LARGEST_BYTES = 64 * 1024 * 1024
_APPLIES_PATCHES = "janitor/validator/checkout/patching.py"
"""Of an artefact's files the one that those have which take a patch."""
_KNOWS_WORKERS = "janitor/protocol/reuse/order.py"
"""The one that those have which can be told of the pool's worker that they run on."""


@dataclass(frozen=True, kw_only=True)
class StoredArtefact:
    """Where the artefact is, and what it must hash to on the instance."""

    key: str
    sha256: str


@cache
def _built() -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="janitor-artefact-") as folder:
        info = build_artefact(Path(folder))
        return info.sha256, info.path.read_bytes()


def artefact_like(settings: Settings, sha256: str | None, *, for_worker: bool = False) -> StoredArtefact:
    """The artefact of an earlier report, so that one judge looks at both; this version's where that can't be.

    Args:
        settings: Of the deployment.
        sha256: Of the artefact; None: of no one in particular.
        for_worker: Whether its spec says on which worker of a pool it runs.

    Raises:
        CloudError: S3 refused.
    """
    current, _ = _built()
    if sha256 is None or sha256 == current:
        return ensure_artefact(settings)
    key = _key(sha256)
    content = storage.get(CloudAccess.of(settings), settings.bucket, key, at_most_bytes=_LARGEST_BYTES)
    # What doesn't know of patches, or of workers, would refuse its spec.
    needed = {_APPLIES_PATCHES, *([_KNOWS_WORKERS] if for_worker else [])}
    if content is None or hashlib.sha256(content).hexdigest() != sha256 or not needed <= _files_of(content):
        return ensure_artefact(settings)
    return StoredArtefact(key=key, sha256=sha256)


def _files_of(content: bytes) -> frozenset[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return frozenset(archive.namelist())
    except zipfile.BadZipFile:
        return frozenset()


def _key(sha256: str) -> str:
    return f"janitor-artefacts/{sha256}.pyz"


def ensure_artefact(settings: Settings) -> StoredArtefact:
    """Make sure that this version's validator is in the bucket.

    Raises:
        CloudError: S3 refused.
    """
    sha256, content = _built()
    key = _key(sha256)
    access = CloudAccess.of(settings)
    if not storage.exists(access, settings.bucket, key):
        storage.put(access, settings.bucket, key, content)
    return StoredArtefact(key=key, sha256=sha256)
