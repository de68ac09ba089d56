"""The artefact that the validator runs from."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def artefact_sha256() -> str | None:
    """Digest of the archive that this program was loaded from, in hex; None where it runs from its sources.

    To be asked before the first process of a repository: where the kernel can't seal the archive, one may write to it.
    """
    archive = getattr(sys.modules[__name__].__loader__, "archive", None)
    try:
        return hashlib.sha256(Path(archive).read_bytes()).hexdigest() if isinstance(archive, str) else None
    except OSError:
        return None
