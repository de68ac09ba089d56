"""The proof of a report: an HMAC-SHA256 over its bytes, with a key that the control plane and the validator alone hold.

It is the document's last field, so that the report stays one JSON object; what it proves is the document without it,
byte for byte. A process of the repository never sees the key: it can't make a report, nor change one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

KEY_BYTES = 32
KEY_PATTERN = r"[0-9a-f]{64}"
"""A key as the spec has it, in hex."""
PROOF_PATTERN = r"[0-9a-f]{64}"

_END = b"\n}\n"
"""How `Report.to_json` ends."""
_PROOF = re.compile(rb',\n "proof": "([0-9a-f]{64})"\n}\n\Z')


def new_key() -> bytes:
    """A key for one instance's report."""
    return secrets.token_bytes(KEY_BYTES)


def sealed(content: bytes, key: bytes) -> bytes:
    """A report's document with its proof.

    Args:
        content: What `Report.to_json` gave, without a proof.
        key: `KEY_BYTES` bytes.

    Raises:
        ValueError: The content isn't such a document, or has a proof already.
    """
    if not content.endswith(_END) or _PROOF.search(content[-200:]):
        raise ValueError("only a report's own document, without a proof, can be sealed")
    return content.removesuffix(_END) + f',\n "proof": "{_digest(content, key)}"\n}}\n'.encode()


def is_proven(content: bytes, key: bytes) -> bool:
    """Whether a document carries the proof that this key makes of the rest of it."""
    tail = content[-200:]
    if (match := _PROOF.search(tail)) is None:
        return False
    bare = content[: len(content) - len(tail) + match.start()] + _END
    return hmac.compare_digest(match.group(1).decode(), _digest(bare, key))


def _digest(content: bytes, key: bytes) -> str:
    return hmac.new(key, content, hashlib.sha256).hexdigest()
