"""Takes secrets and terminal control out of whatever leaves the instance: evidence, reasons and log lines.

It errs on the side of taking too much: a harmless value that looks like a key is replaced too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "[redacted]"
_SHORTEST_LITERAL = 6
"""Shorter values would blank out ordinary words."""

# Bounded on both sides, so that a long run of letters costs linear time.
_NAME = (
    r"[\w.-]{0,60}"
    r"(?:token(?!i[sz])|secret|passwd|password|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth[_-]?key)"
    r"[\w.-]{0,60}"
)
_WHOLE_NAME = rf"(?<![\w.-]){_NAME}"
_NAME_PATTERN = re.compile(rf"(?i){_WHOLE_NAME}")
# Counts and flags ("max_tokens": 512, use_token=true) are no secrets.
_VALUE = (
    r"(?!(?:\d{1,7}|true|false|null|none)\b)"
    r"(?:\"(?:[^\"\\\n]|\\.)+\"|'(?:[^'\\\n]|\\.)+'|[^\s\"'\[({,;&})\]][^\s\"',;&})\]]*)"
)

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", MASK),
        # Query strings of presigned URLs: AWS v4 and v2, Azure, Google.
        (
            r"(?i)([?&](?:X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId|"
            r"GoogleAccessId|sig|token|access_token|api_key|key)=)[^&\s\"'<>]+",
            rf"\g<1>{MASK}",
        ),
        # A password before an @ is one only in a URL's authority.
        (r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^/\s\"'@]{1,400}@", rf"\g<1>{MASK}@"),
        (r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,}\b", MASK),
        (r"\bhf_[A-Za-z0-9]{16,}\b", MASK),
        (r"\bsk-[A-Za-z0-9_-]{16,}", MASK),
        (r"\brpa_[A-Za-z0-9]{16,}", MASK),
        (r"\bgh[pousr]_[A-Za-z0-9]{16,}\b", MASK),
        (r"\bgithub_pat_[A-Za-z0-9_]{16,}\b", MASK),
        (r"\bglpat-[A-Za-z0-9_-]{16,}", MASK),
        (r"\bxox[abeprs]-[A-Za-z0-9-]{10,}", MASK),
        (r"\bAIza[A-Za-z0-9_-]{30,}", MASK),
        (r"\beyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]*", MASK),
        (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", rf"\g<1> {MASK}"),
        # NAME=value, "name": "value"; then --name value.
        (rf"(?i)({_WHOLE_NAME}[\"']?\s{{0,3}}[=:]\s{{0,3}}){_VALUE}", rf"\g<1>{MASK}"),
        (rf"(?i)((?<!\S)--?{_NAME}\s){_VALUE}", rf"\g<1>{MASK}"),
    )
)

# Keeps tab and newline; ESC sequences first, so that their letters go with them.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_COUNTS = frozenset({"max", "min", "num", "total"})


def looks_secret(name: str) -> bool:
    """Whether the name of a variable says that its value is a secret; one that counts tokens doesn't."""
    words = name.lower().split("_")
    is_count = words[-1] in ("token", "tokens") and not _COUNTS.isdisjoint(words)
    return not is_count and _NAME_PATTERN.search(name) is not None


def plain(text: str) -> str:
    """The text without terminal escapes and control characters; a carriage return becomes a newline."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text)


class Redactor:
    """Knows the secrets of one validation beside those that can be told by their form.

    Args:
        literals: Values to take out wherever they stand; short ones are ignored.
    """

    def __init__(self, literals: Iterable[str] = ()) -> None:
        # The longest first: one secret can be part of another.
        forms = {form for text in literals for form in _forms(text) if len(form) >= _SHORTEST_LITERAL}
        kept = sorted(forms, key=len, reverse=True)
        self._literals = re.compile("|".join(re.escape(text) for text in kept)) if kept else None

    def clean(self, text: str) -> str:
        """The text as it may leave the instance."""
        text = plain(text)
        if self._literals is not None:
            text = self._literals.sub(MASK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _forms(text: str) -> Iterator[str]:
    """A secret as it stands in a log, line by line, in JSON, in Python's repr and in a URL."""
    for part in (text, *text.splitlines()):
        bare = part.strip()
        yield bare
        yield json.dumps(bare)[1:-1]
        yield json.dumps(bare, ensure_ascii=False)[1:-1]
        yield repr(bare)[1:-1]
        yield quote(bare)
        yield quote(bare, safe="")
        yield quote_plus(bare)
