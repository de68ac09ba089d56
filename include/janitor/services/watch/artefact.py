"""The validator artefact in storage: built once per process, uploaded when its content isn't there yet."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.settings import Settings
from janitor.validator.packaging import build_artefact


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


def ensure_artefact(settings: Settings) -> StoredArtefact:
    """Make sure that this version's validator is in the bucket.

    Raises:
        CloudError: S3 refused.
    """
    sha256, content = _built()
    key = f"janitor-artefacts/{sha256}.pyz"
    access = CloudAccess.of(settings)
    if not storage.exists(access, settings.bucket, key):
        storage.put(access, settings.bucket, key, content)
    return StoredArtefact(key=key, sha256=sha256)
