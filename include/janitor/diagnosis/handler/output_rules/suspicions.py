"""Rules for what a broken program leaves in an answer, and what may be meant so: each of them leaves a note."""

from __future__ import annotations

import re
from typing import Any

from janitor.diagnosis.handler.output_rules import names
from janitor.diagnosis.handler.output_rules.part import Part, is_hollow
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Looks, Rule, Seen, outputs
from janitor.diagnosis.handler.output_rules.texts import only_text
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.terms.reason_codes import ReasonCode

_LONGEST_PRINTED = 20_000
_LONGEST_SAID = 1_000
_OPENING, _CLOSING = ("[", "(", "{"), ("]", ")", "}")
_IN_ADDRESS = re.compile(r"(?:data:[\w/+.;=-]{1,80},|https?://[^\s<>]{0,300}/)(?:<[^<>]{1,300}>|b'|b\")")
_IN_CONTAINER = re.compile(
    r"<[^<>\n]{1,200} at 0x[0-9a-fA-F]{2,16}\b"
    r"|\b(?:tensor|array)\(\[{1,4}[-\d]|<class '[\w.]{1,80}'>"
)
_PRINTED = re.compile(
    r"dict_(?:keys|values|items)\(\[|<_?[A-Z]\w{2,60}(?:\(|: | of RPC | at 0x)[^<>]{1,500}>"
    r"|<[\w.]{1,200} object at 0x[0-9a-fA-F]{2,16}>"
    r"|content='[^'\n]{0,500}' additional_kwargs=\{|[\w.]{3,120} object with attributes:"
    r"|\[{1,4}-?\d{1,9}\.\d{0,9}(?:e[-+]\d{1,3})? {1,4}-?\d"
)
_PROGRAMS = re.compile(
    r"(?:(?:Library |Could not load library |Unable to load any of \{)lib\w"
    r"|HTTP Error [45]\d\d\b|\[SSL: |OpenCV\(\d|\[ONNXRuntimeError\]|Graph execution error:"
    r"|\S{1,200}: undefined symbol: "
    r"|Process (?:finished|exited) with (?:exit )?code [1-9]|Killed\s{0,3}\Z"
    r"|\W{0,3}\[?(?:ERROR|FATAL|CRITICAL)\]?\s{0,3}[-:\]]?\s{1,3}\S"
    r"|version https://git-lfs\.github\.com/spec|(?:<\?xml [^<>]{1,80}\?>\s{0,3})?<Error>\s{0,3}<Code>|ggml_\w{1,40}: "
    r"|invalid load key, |Unable to locate credentials|You exceeded your current quota|Incorrect API key provided"
    r"|asyncio\.run\(\) cannot be called|operands could not be broadcast|No available memory for the cache blocks"
    r"|can't convert cuda|\w{1,40} is only supported on GPUs|Conversion failed!|(?:The )?[Rr]equest timed out"
    r"|tesseract is not installed|ffmpeg version \d|vkCreate\w{1,40} failed|usage: \S{1,80} \[-h\]|\[StatusCode\.[A-Z]"
    r"|ray::[\w.]{1,80}\(\)|Agent stopped due to |TODO\b|NotImplemented\s{0,3}\Z|Ellipsis\s{0,3}\Z"
    r"|[A-Z]\w{1,60}(?:Error|Exception)\s{0,3}\Z|<pre>\s{0,3}Traceback \(most"
    r"|[\w .-]{1,60} (?:execution|workflow) failed"
    r"|Sorry, something went wrong|[^\n]{1,120} not reachable after )"
)
_FILLER = re.compile(r"(?:<(?:pad|unk|s|/s)>\s{0,2}){2,}|([^\w\s])\1{19,}")
_OF_NOTHING = re.compile(r"data:[\w/+.-]{1,60}(?:;[\w=-]{1,40}){0,3},\s{0,9}|UklGR[\w+/]{30,60}ZGF0YQAAAAA={0,2}")
_FAILED = re.compile(r"(?i)failed|failure|error|errored|crashed|aborted")
_WAITING = re.compile(r"(?i)unhealthy|loading|warming(?:[_ ]up)?|initiali[sz]ing|in[_ ]queue|queued|pending|starting")
_RESULTS = frozenset({"result", "outcome"})
_FLAGS = frozenset({"iserror"})
_UNDONE = frozenset({"completed", "done", "finished"})
_WHY = frozenset({"failure_reason", "failure", "error_type", "fail_reason", "failed_reason", "fehler"})
_NUMBER = re.compile(r"-?[1-9]\d{0,4}")


def _noted(part: Part, text: Any, what: str) -> Seen:
    return Seen(f"{part.path} {what}: {clipped(text, 120)}", on=(text,))


def _object_within(part: Part) -> Seen | None:
    text = part.value
    if not isinstance(text, str) or len(text) > _LONGEST_PRINTED:
        return None
    plain = text.strip()
    is_container = plain.startswith(_OPENING) and plain.endswith(_CLOSING)
    if (
        _IN_ADDRESS.match(plain)
        or (is_container and _IN_CONTAINER.search(plain))
        or ("</" not in plain and _PRINTED.match(plain))
    ):
        return _noted(part, text, "may hold what a program prints for an object")
    return None


def _program_words(part: Part) -> Seen | None:
    if not part.is_root:
        return None
    only = None if isinstance(part.value, str) else only_text(part)
    text = part.value if isinstance(part.value, str) else only[2] if only is not None else None
    if isinstance(text, str) and len(text) <= _LONGEST_SAID and _PROGRAMS.match(text.strip()):
        return _noted(part, text, "says no more than what a program may say that failed")
    return None


def _nothing_within(part: Part) -> Seen | None:
    text = part.value
    if (
        isinstance(text, str)
        and len(text) <= _LONGEST_SAID
        and (_FILLER.fullmatch(text) or _OF_NOTHING.fullmatch(text))
    ):
        return _noted(part, text, "is long and says nothing, or is a file with nothing in it")
    return None


def _state_in_words(part: Part) -> Seen | None:
    """A state under a name that others have for something else."""
    if not part.is_result:
        return None
    for name, key, item in part.members:
        is_bad = (
            (name in _RESULTS and isinstance(item, str) and _FAILED.fullmatch(item.strip()) is not None)
            or (name in _FLAGS and item is True)
            or (name in _UNDONE and item is False and part.explanation is not None)
            or (name in _WHY and isinstance(item, str) and bool(item.strip()) and not _has_answer_but(part, key))
            or (name in names.EXIT_CODES and isinstance(item, str) and _NUMBER.fullmatch(item.strip()) is not None)
            or (name in names.STATES and isinstance(item, str) and _is_waiting(part, item))
        )
        if is_bad:
            return Seen(f"{part.told(key)} is {clipped(item, 60)}: {clipped(part.value)}", on=(part.value,))
    return None


def _is_waiting(part: Part, state: str) -> bool:
    return _WAITING.fullmatch(state.strip()) is not None and not _has_answer(part)


def _has_answer(part: Part) -> bool:
    """Whether anything stands there but states, flags, and words on them."""
    return any(
        name not in names.NOT_TOLD | names.KEPT_BESIDE and not isinstance(item, bool) and not is_hollow(item)
        for name, _key, item in part.members
    )


def _has_answer_but(part: Part, left_out: str) -> bool:
    others = {key: item for key, item in part.value.items() if key != left_out}
    return _has_answer(Part(path=part.path, value=others))


def _product_is_null(part: Part) -> Seen | None:
    """An item of a list whose product is null, or no choice at all."""
    if part.is_listed and part.is_result is False and part.holder in names.OWN_HOLDERS:
        keys = [key for name, key, item in part.those(names.MADE) if item is None]
    else:
        keys = [key for name, key, item in part.those(frozenset({"choices"})) if item == [] and part.is_root]
    return Seen(f"{part.told(keys[0])} is empty: {clipped(part.value)}") if keys else None


def _note(name: str, reason: str, find: Any, looks: Looks, code: ReasonCode, **more: Any) -> Rule[Part]:
    return Rule(name=name, certainty=Certainty.NOTE, code=code, reason=reason, looks=looks, find=find, **more)


_AT = "at 0x7f3a1c2b3d90>"
_DOUBTFUL = ReasonCode.ANSWER_DOUBTFUL

SUSPICIONS = Group(
    title="What may come from a broken program",
    about="Nobody can be sure of these; an answer may be meant so.",
    rules=(
        _note(
            "object_within",
            "what a program prints for an object within a longer text: an address, a list, a record",
            _object_within,
            Looks.TEXTS,
            ReasonCode.OBJECT_AS_TEXT,
            catches=outputs(
                {"image": f"data:image/png;base64,<PIL.Image.Image image mode=RGB size=64x64 {_AT}"},
                {"image": "data:image/png;base64,b'aGVsbG8gd29ybGQ='"},
                {"url": f"https://cdn.example/<coroutine object upload {_AT}"},
                {"text": f"(<generator object segments {_AT}, Info(language='en'))"},
                {"text": "{'ids': tensor([[1, 2]], device='cuda:0')}"},
                {"labels": "dict_values([])"},
                {"vector": "[0.1 0.2 0.3]"},
            ),
            lets_pass=outputs(
                f"A generator prints as <generator object f {_AT}.",
                {"image": "data:image/png;base64,aGVsbG8="},
                {"url": "https://cdn.example/a.png"},
                {"vector": "[0.1, 0.2]"},
                "<p>Hello</p>",
            ),
        ),
        _note(
            "program_words",
            "the words of a library, a shell or a log for a failure, as the only text of an answer",
            _program_words,
            Looks.WHOLE,
            _DOUBTFUL,
            catches=outputs(
                {"text": "Library libcublas.so.12 is not found or cannot be loaded"},
                {"output": "HTTP Error 404: Not Found"},
                {"text": "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"},
                {"output": "Killed"},
                {"text": "[ERROR] no checkpoint found"},
                "<Error><Code>AccessDenied</Code></Error>",
                {"text": "version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 1"},
            ),
            lets_pass=(
                *outputs("Killed in action", {"text": "HTTP errors have many causes"}, "Library of Congress"),
                Example(output="[ERROR] disk full", given={"log": "[ERROR] disk full"}),
            ),
        ),
        _note(
            "nothing_within",
            "tokens or signs that only fill, and files with nothing in them",
            _nothing_within,
            Looks.TEXTS,
            _DOUBTFUL,
            catches=outputs(
                {"text": "<pad><pad><pad><pad>"}, {"text": "!" * 40}, {"image": "data:image/png;base64,", "n": 1}
            ),
            lets_pass=outputs({"text": "<pad> is a token"}, {"text": "Wow!!!"}),
        ),
        _note(
            "state_in_words",
            "a bad or waiting state under a name of its own, with nothing else to answer",
            _state_in_words,
            Looks.OBJECTS,
            _DOUBTFUL,
            names=_RESULTS | _FLAGS | _UNDONE | _WHY | names.EXIT_CODES | names.STATES,
            catches=outputs(
                {"result": "failed", "details": "no checkpoint"},
                {"content": [{"type": "text", "text": "no weights"}], "isError": True},
                {"completed": False, "reason": "not ready"},
                {"status": "loading", "message": "retry in 30s"},
                {"id": "a", "status": "IN_QUEUE"},
                {"failure_reason": "no weights", "images": []},
                {"return_code": "1", "output": "a"},
            ),
            lets_pass=outputs(
                {"result": "a failed attempt"},
                {"status": "loading", "truck": "A-17"},
                {"completed": False},
                {"isError": False, "n": 1},
                {"success": 0, "status": 200},
            ),
        ),
        _note(
            "product_is_null",
            "an item without its product, or an answer of a model without a choice",
            _product_is_null,
            Looks.OBJECTS,
            _DOUBTFUL,
            names=names.MADE,
            catches=outputs(
                {"data": [{"index": 0, "embedding": None}], "model": "m"},
                {"id": "x", "choices": [], "usage": {"completion_tokens": 0}, "n": "a"},
            ),
            lets_pass=outputs({"data": [{"index": 0, "embedding": [0.5]}]}, {"people": [{"name": "A", "image": None}]}),
        ),
    ),
)
