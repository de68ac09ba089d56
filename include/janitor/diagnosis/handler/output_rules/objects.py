"""Rules for texts that are what Python prints for an object: `str(image)` instead of the image."""

from __future__ import annotations

import ast
import re

from janitor.diagnosis.handler.output_rules.given import ASKS
from janitor.diagnosis.handler.output_rules.part import Part
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Looks, Rule, Seen, outputs
from janitor.diagnosis.handler.python_repr import parse_repr
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.terms.reason_codes import ReasonCode

UNFINISHED = re.compile(r"<(?:async_generator|generator|coroutine) object .{1,300}? at 0x[0-9a-fA-F]+>", re.DOTALL)
"""What Python prints for an object that should have been iterated or awaited."""
_LONGEST_OBJECT = 2_000
_LONGEST_PRINTED = 20_000
_AT = re.compile(r" at 0x[0-9a-fA-F]{4,16}(?: [^<>]{1,200})?>")
_KNOWN = re.compile(
    r"<(?:(?:Task|Future) (?:pending|finished|cancell)|Response \[\d{3}|(?:\w{1,30}Process|Process|Thread)\(|Popen: "
    r"|_io\.\w{1,60} |bound method |built-in (?:function|method) |module '|PIL\.\w).{0,1800}>",
    re.DOTALL,
)
_TYPE = re.compile(r"<(?:class '[\w.<>]{1,200}'|[A-Z]\w{0,60}\.[A-Za-z]\w{0,60}: .{1,200})>")
_ARRAY = re.compile(r"(?:tensor|array|Parameter containing:\s{0,4}tensor)\(\s{0,20}[\[\d.-]")
_OF_ARRAY = re.compile(r"\b(?:device='|dtype=|grad_fn=<|requires_grad=)|\.\.\.,")
_TAIL = 300
_BYTES = re.compile(r"b(?:'[^'\n]*'|\"[^\"\n]*\")")
_ESCAPED = re.compile(r"\\x[0-9a-f]{2}")
_BASE64 = re.compile(r"b'[A-Za-z0-9+/_-]{16,}={0,2}'")
_CALL = re.compile(r"[A-Z]\w{1,60}\(\w{1,60}=")


def is_object(text: str) -> bool:
    """Whether a text is what Python prints for an object, and nothing else."""
    text = text.strip()
    if not (text.startswith("<") and text.endswith(">") and len(text) <= _LONGEST_OBJECT):
        return False
    if "</" in text or "/>" in text:  # of a page or a document
        return False
    return (_AT.search(text) is not None and "\n" not in text) or _KNOWN.fullmatch(text) is not None


def _holds_object(text: str) -> bool:
    """Whether a text is what Python prints for a container or a record with an object in it."""
    text = text.strip()
    if len(text) > _LONGEST_PRINTED or "<" not in text:
        return False
    if text[:1] in ("{", "[", "(") and text[-1:] in ("}", "]", ")"):
        parsed = parse_repr(text)
        return parsed.is_literal and any(map(is_object, parsed.objects))
    return text.endswith(")") and _CALL.match(text) is not None and any(map(is_object, parse_repr(text).objects))


def _is_array(text: str) -> bool:
    return _ARRAY.match(text.lstrip()) is not None and text.rstrip().endswith(")")


def _is_bytes(text: str) -> bool:
    text = text.strip()
    if not (text.startswith(("b'", 'b"')) and _BYTES.fullmatch(text)):
        return False
    try:
        return isinstance(ast.literal_eval(text), bytes)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _unfinished(part: Part) -> Seen | None:
    text = part.value
    if isinstance(text, str) and text.lstrip()[:1] == "<" and UNFINISHED.fullmatch(text.strip()):
        told = f"{part.path} is {clipped(text, 80)}, which the handler never iterated or awaited"
        return Seen(told, on=(text,))
    return None


def _object(part: Part) -> Seen | None:
    text = part.value
    if not isinstance(text, str):
        return None
    is_whole_array = _is_array(text) and _OF_ARRAY.search(text[:_TAIL] + text[-_TAIL:]) is not None
    is_bytes = text.lstrip()[:1] == "b" and _is_bytes(text) and _ESCAPED.search(text) is not None
    if is_object(text) or _holds_object(text) or is_whole_array or is_bytes:
        return Seen(f"{part.path} is what Python prints for an object: {clipped(text, 120)}", on=(text, ASKS))
    return None


def _object_perhaps(part: Part) -> Seen | None:
    text = part.value
    if not isinstance(text, str):
        return None
    if _object(part) is not None:  # the input asks what a program prints, else it had failed
        return Seen(f"{part.path} is what Python prints for an object: {clipped(text, 120)}", on=(text,))
    if _unfinished(part) is not None:
        return None
    plain = text.strip()
    is_bytes = plain.startswith("b'") and (_BASE64.fullmatch(plain) is not None or (part.is_root and _is_bytes(plain)))
    is_record = _CALL.match(plain) is not None and plain.endswith(")") and "\n" not in plain
    if _TYPE.fullmatch(plain) or _is_array(text) or is_bytes or is_record or plain == "[object Object]":
        return Seen(f"{part.path} may be what a program prints for an object: {clipped(text, 120)}", on=(text,))
    return None


_IMAGE = "<PIL.Image.Image image mode=RGB size=512x512 at 0x7F8A1C2B3D90>"
_GENERATOR = "<generator object handler at 0x7f3a1c2b3d90>"

OBJECTS = Group(
    title="Objects as texts",
    about="Wherever in the answer a text is nothing but this.",
    rules=(
        Rule(
            name="unfinished_text",
            looks=Looks.TEXTS,
            certainty=Certainty.SURE,
            code=ReasonCode.UNFINISHED_OBJECT,
            reason="a generator or a coroutine as a text, which nobody iterated or awaited",
            find=_unfinished,
            catches=outputs(_GENERATOR, {"tokens": _GENERATOR}),
            lets_pass=outputs(f"it said '{_GENERATOR}' in the text"),
        ),
        Rule(
            name="object_text",
            looks=Looks.TEXTS,
            certainty=Certainty.SURE,
            code=ReasonCode.OBJECT_AS_TEXT,
            reason="what Python prints for an object, a tensor with its device or type, or bytes",
            find=_object,
            catches=outputs(
                {"image": _IMAGE},
                {"result": "<Task pending name='Task-3' coro=<infer() running at /app/handler.py:3>>"},
                {"images": f"[{_IMAGE}, {_IMAGE}]"},
                {"text": "tensor([[0.1, 0.9]], device='cuda:0')"},
                {"image": "b'\\x89PNG\\r\\n'"},
                "<Response [200]>",
            ),
            lets_pass=(
                *outputs(
                    "<p>The fault lies at 0x7fff1234</p>",
                    "<Response><Say>Hello</Say></Response>",
                    {"text": f"The image {_IMAGE} is an object."},
                    "<think>What does it print?</think>",
                ),
                Example(output={"said": _IMAGE}, given={"code": f"print(image)\n{_IMAGE}"}),
            ),
        ),
        Rule(
            name="object_text_perhaps",
            looks=Looks.TEXTS,
            certainty=Certainty.NOTE,
            code=ReasonCode.OBJECT_AS_TEXT,
            reason="what may be printed for a type, an array, a record or bytes, and may be meant so",
            find=_object_perhaps,
            catches=(
                *outputs("<class 'int'>", {"scores": "tensor([0.1, 0.9])"}, {"image": "b'aGVsbG8gd29ybGQhISE='"}),
                Example(output=_IMAGE, given={"prompt": "What does print(image) print for an image?"}),
            ),
            lets_pass=outputs("Use a tensor (rank 2)", {"text": "b is a letter"}, "<class 'int'> is the type"),
        ),
    ),
)
