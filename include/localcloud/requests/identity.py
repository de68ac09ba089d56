"""Which local cloud this is: drawn once, kept with its data, told by GetCallerIdentity whatever port it listens on.

Every local cloud has the same account number, so that alone doesn't say whose instances it shows.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from moto.sts.models import STSBackend

from localcloud.atomic_files import write_bytes
from localcloud.moto_pin import replace_attribute
from localcloud.settings import ACCOUNT_ID

_FORM = re.compile(r"[0-9a-f]{16}")
_NAME = "identity"


def load_or_create(home: Path) -> str:
    """The identity of the local cloud that keeps its data in `home`: 16 hexadecimal digits.

    Raises OSError where the file can't be read or written, or holds something else: another identity would make all
    that was launched so far somebody else's.
    """
    path = home / _NAME
    if not path.exists():
        write_bytes(path, secrets.token_hex(8).encode())
    identity = path.read_text(encoding="ascii", errors="replace").strip()
    if not _FORM.fullmatch(identity):
        raise OSError(f"{path} is damaged: 16 hexadecimal digits are expected; remove it to get a new identity")
    return identity


def install(identity: str) -> None:
    """Patch moto's GetCallerIdentity for callers that are no users or roles of the local cloud's own."""

    def get_caller_identity(self: STSBackend, access_key_id: str, region: str) -> tuple[str, str, str]:
        user_id, arn, account = original(self, access_key_id, region)
        if arn.endswith(":user/moto"):
            arn = f"arn:{arn.split(':')[1]}:iam::{ACCOUNT_ID}:user/localcloud/{identity}"
        return user_id, arn, account

    original = replace_attribute(STSBackend, "get_caller_identity", get_caller_identity)
