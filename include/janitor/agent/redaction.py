"""Takes secrets out of what the agent keeps: its transcript, its reasons, its findings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MASK = "[redacted]"
_SHORTEST_LITERAL = 6

_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bsk-[A-Za-z0-9_-]{16,}|\b(?:AKIA|ASIA)[0-9A-Z]{12,}\b|\bgh[pousr]_[A-Za-z0-9]{16,}\b"
    r"|\bgithub_pat_[A-Za-z0-9_]{16,}\b|\bhf_[A-Za-z0-9]{16,}\b|\brpa_[A-Za-z0-9]{16,}|\bxox[abeprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[A-Za-z0-9_-]{30,}|\beyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]*"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_IN_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^/\s\"'@]{1,400}@")
_SIGNATURE = re.compile(r"(?i)([?&](?:X-Amz-(?:Signature|Credential|Security-Token)|Signature|token|key)=)[^&\s\"'<>]+")


class Redactor:
    """Knows the secrets of this process beside those that can be told by their form.

    Args:
        literals: Values to take out wherever they stand; short ones are ignored.
    """

    def __init__(self, literals: Iterable[str] = ()) -> None:
        kept = sorted({text for text in literals if len(text) >= _SHORTEST_LITERAL}, key=len, reverse=True)
        self._literals = re.compile("|".join(re.escape(text) for text in kept)) if kept else None

    def clean(self, text: str) -> str:
        """The text as it may be kept."""
        if self._literals is not None:
            text = self._literals.sub(MASK, text)
        text = _SECRET.sub(MASK, text)
        text = _BEARER.sub(rf"\g<1> {MASK}", text)
        text = _IN_ADDRESS.sub(rf"\g<1>{MASK}@", text)
        return _SIGNATURE.sub(rf"\g<1>{MASK}", text)

    def clean_all(self, value: Any) -> Any:
        """The same for every text in nested dicts and lists."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return {self.clean(str(key)): self.clean_all(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.clean_all(item) for item in value]
        return value
