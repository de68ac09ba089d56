"""Tells whether a text that is all of an answer tells of an error, as handlers do that catch everything and return what
they caught.

Only short texts, and only such that begin so: an answer may speak of errors as of anything else.
"""

from __future__ import annotations

import re
from http import HTTPStatus

TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\):\n")

_LONGEST = 1_000
_PHRASES = tuple(status.phrase for status in HTTPStatus if status >= 400 and " " in status.phrase)
"""Of more than one word: a single one is as well an answer."""
_AT_WORK = (
    "occurred|while|during|when|processing|loading|initializing|generating|creating|running|executing|calling|encoding"
    "|decoding|parsing|fetching|downloading|uploading|reading|opening"
)
_BEGINS = re.compile(
    r"\W{0,3}(?:"
    r"(?i:(?:an? )?(?:(?:internal|unexpected|unknown|runtime|server|inference) ){0,2}(?:error|exception)"
    rf"(?:\s*:\s*\S| (?:has )?occurred\b|(?: (?:{_AT_WORK})\b[^\n:]{{0,150}}):\s*\S))"
    r"|(?i:failed to [a-z]+\b[^\n:]{0,150}:\s*\S)"
    r"|(?:[A-Za-z_]\w{0,60}\.){0,6}[A-Z]\w{0,60}(?:Error|Exception): \S"
    r")"
)
_EXCEPTION = re.compile(r"[A-Z]\w{0,60}(?:Error|Exception)\(.*\)", re.DOTALL)
_SERVER = re.compile(
    rf"(?i)(?:HTTP )?(?:5\d\d:? )?(?:{'|'.join(each.phrase for each in HTTPStatus if each >= 500)})[.!]?"
)
_PAGE = re.compile(
    rf"(?i)\s*<(?:!doctype|html)\b.{{0,1000}}?<title>\s*(?:[45]\d\d\b|(?:{'|'.join(_PHRASES)})\s*</title>)", re.DOTALL
)
"""What a web server answers instead of the application behind it."""


def tells_of_an_error(text: str) -> bool:
    """Whether a text, taken as the whole answer, is an exception's text, a traceback or a server's error page."""
    if TRACEBACK.match(text) or _PAGE.match(text):
        return True
    text = text.strip()
    if len(text) > _LONGEST:
        return False
    return bool(_BEGINS.match(text) or _EXCEPTION.fullmatch(text) or _SERVER.fullmatch(text))


def is_http_phrase(text: str) -> bool:
    """Whether a text is what HTTP calls one of its errors."""
    return text.strip().title() in _TITLES


_TITLES = frozenset(phrase.title() for phrase in _PHRASES)
