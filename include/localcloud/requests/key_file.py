"""The key that all requests must be signed with: made once, kept in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import secrets
import string
from pathlib import Path

from localcloud.requests.sigv4 import Key

ID_ALPHABET = string.ascii_uppercase + "234567"


class KeyFileError(Exception):
    """The key file can't be used."""


def load_or_create(path: Path) -> Key:
    """Read the key file, or write one with random values. Raises KeyFileError where it makes no sense."""
    if not path.exists():
        _create(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        key = Key(data["access_key_id"], data["secret_access_key"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise KeyFileError(f"{path} is no key file ({exc!r}); remove it, and a new one is made") from exc
    if len(key.access_key_id) < 16 or len(key.secret_access_key) < 32:
        raise KeyFileError(f"{path}: the key is too short to be safe; remove the file, and a new one is made")
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return key


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    key = {
        "access_key_id": "AKIA" + "".join(secrets.choice(ID_ALPHABET) for _ in range(16)),
        "secret_access_key": secrets.token_urlsafe(30),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(key, file)
