"""Tells whether a text that is all of an answer tells of an error, as handlers do that catch everything and return what
they caught: a traceback, an exception with the name of its class, or the words of one without it.

Only short texts, and only such that begin so: an answer may speak of errors as of anything else.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from janitor.diagnosis.handler.machine_messages import is_machine_message

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
    r"(?i:(?:an? )?(?:(?:internal|unexpected|unknown|runtime|server|inference|fatal) ){0,2}(?:error|exception)"
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
_SOUNDS_BAD = re.compile(
    r"(?i)\b(?:cannot|could not|can not|unable|fail(?:s|ed|ure)?|missing|unavailable|crash(?:ed)?|went wrong|is gone"
    r"|not (?:found|loaded|available|supported|installed|in)|no such|refused|denied|invalid|out of memory|timed out"
    r"|exception|cuda)\b|n't\b"
)
_LOOKED_AT = 200
_THING = (
    r"(?:model|weights|checkpoint|pipeline|tokenizer|gpu|cuda|device|memory|server|file|image|audio|video|input|url)"
)
_SOUNDS_BROKEN = re.compile(
    r"(?i)\W{0,3}(?:(?:failed to|could not|couldn't|cannot|can't|unable to|error) (?:load|find|open|read|import"
    r"|download|connect|allocat|initiali[sz]|creat|process|generat|run|start|decod|pars|fetch|reach|access|execut)\w{0,5}\b"
    rf"[^.\n]{{0,80}}\b{_THING}s?\b|(?:the )?{_THING}\b[^.\n]{{0,60}}\b(?:not (?:found|loaded|available)|failed|missing"
    r"|unavailable)|no (?:gpu|cuda|model|weights)\b[^.\n]{0,40}|(?:job|task|inference|generation|request|prediction)"
    r" (?:has )?(?:failed|aborted|crashed)|(?:internal )?(?:server )?(?:error|failure|failed|exception)[.!]?\Z)"
)
_OF_CLASS = re.compile(r"(?:[A-Za-z_]\w{0,60}\.){0,6}[A-Z]\w{0,60}(?:Error|Exception)(?:: \S|\()")


def tells_of_an_error(text: str) -> bool:
    """Whether a text, taken as the whole answer, is an exception's text, a traceback or a server's error page."""
    return names_an_error(text) or is_machine_message(text)


def tells_of_a_crash(text: str) -> bool:
    """Whether it is a traceback, an exception with the name of its class, or what a program says without one."""
    return TRACEBACK.match(text) is not None or begins_with_a_class(text) or is_machine_message(text)


def names_an_error(text: str) -> bool:
    """Whether it names an error as such: by a class, by the word, by a traceback or a server's error page."""
    if TRACEBACK.match(text) or _PAGE.match(text):
        return True
    text = text.strip()
    if len(text) > _LONGEST:
        return False
    return bool(_BEGINS.match(text) or _EXCEPTION.fullmatch(text) or _SERVER.fullmatch(text))


def sounds_bad(text: str) -> bool:
    """Whether a sentence may tell of a failure; nobody can be sure."""
    text = text.strip()
    return len(text) <= _LONGEST and _SOUNDS_BAD.search(text[:_LOOKED_AT]) is not None


def sounds_broken(text: str) -> bool:
    """Whether a short text, as a whole answer, may tell that a worker is broken; nobody can be sure."""
    text = text.strip()
    if len(text) > _LOOKED_AT:
        return False
    return _SOUNDS_BROKEN.match(text) is not None or re.fullmatch(r"'[\w.-]{1,60}'", text) is not None


def begins_with_a_class(text: str) -> bool:
    """Whether a short text begins with the name of an exception's class."""
    text = text.strip()
    return len(text) <= _LONGEST and _OF_CLASS.match(text) is not None


def is_http_phrase(text: str) -> bool:
    """Whether a text is what HTTP calls one of its errors."""
    return text.strip().title() in _TITLES


_TITLES = frozenset(phrase.title() for phrase in _PHRASES)
