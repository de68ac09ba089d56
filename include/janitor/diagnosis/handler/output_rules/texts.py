"""Rules for texts that are all of an answer: handlers that catch everything return what they caught as a text."""

from __future__ import annotations

from itertools import islice

from janitor.diagnosis.handler.error_texts import (
    TRACEBACK,
    begins_with_a_class,
    names_an_error,
    sounds_bad,
    sounds_broken,
    tells_of_an_error,
)
from janitor.diagnosis.handler.machine_messages import is_machine_message
from janitor.diagnosis.handler.output_rules import names
from janitor.diagnosis.handler.output_rules.given import ASKS
from janitor.diagnosis.handler.output_rules.part import Part, is_hollow
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Looks, Rule, Seen, outputs
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.terms.reason_codes import ReasonCode

_LONGEST_SHOWN = 400
_NO_TEXT = frozenset(
    {
        *("id", "job_id", "jobid", "request_id", "requestid", "uuid", "status", "state", "version", "timestamp"),
        *("created_at", "date", "time", "type", "object", "worker", "device"),
    }
)
"""Whose texts say nothing that could be an answer."""


def _ending(text: str) -> str:
    """The end of a text, where a traceback names its exception."""
    text = text.strip()
    if len(text) <= _LONGEST_SHOWN:
        return clipped(text)
    return f"…{clipped(text[-_LONGEST_SHOWN:], _LONGEST_SHOWN)}"


def _traceback(part: Part) -> Seen | None:
    if part.is_result and isinstance(part.value, str) and TRACEBACK.match(part.value):
        return Seen(f"{part.path} is a traceback: {_ending(part.value)}", on=(part.value, ASKS))
    return None


def _error_text(part: Part) -> Seen | None:
    if part.is_root and isinstance(part.value, str) and names_an_error(part.value):
        text = f"{part.path} is all of the answer and tells of an error: {_ending(part.value)}"
        return Seen(text, on=(part.value, ASKS))
    return None


def _machine_text(part: Part) -> Seen | None:
    if part.is_root and isinstance(part.value, str) and is_machine_message(part.value):
        text = f"{part.path} is all of the answer and says what a program says that failed: {_ending(part.value)}"
        return Seen(text, on=(part.value, ASKS))
    return None


def _asked_for(part: Part) -> Seen | None:
    """What would fail if the input didn't ask for such a text."""
    if part.is_root and isinstance(part.value, str) and tells_of_an_error(part.value):
        text = f"{part.path} tells of an error, as the input does: {_ending(part.value)}"
        return Seen(text, on=(part.value,))
    return None


def only_text(part: Part) -> tuple[str, str, str] | None:
    """Name, key and text of the only member of an answer that says something; None where there are others."""
    if not part.is_root:
        return None
    telling = (member for member in part.members if member[0] not in _NO_TEXT and not _says_nothing(member[2]))
    told = list(islice(telling, 2))
    if len(told) != 1 or not isinstance(told[0][2], str):
        return None
    return told[0]


def _says_nothing(item: object) -> bool:
    return item is None or isinstance(item, (bool, int, float)) or is_hollow(item)


def _only_message(part: Part) -> Seen | None:
    only = only_text(part)
    if only is None or only[0] not in names.ALONE or not tells_of_an_error(only[2]):
        return None
    return Seen(f"{part.told(only[1])} is all that is said and tells of an error: {_ending(only[2])}", on=(only[2],))


def _only_machine_message(part: Part) -> Seen | None:
    text = part.value
    if part.is_root or not isinstance(text, str):
        return None
    is_own_item = part.is_listed and part.holder in names.OWN_HOLDERS
    if is_machine_message(text) or (is_own_item and names_an_error(text)):
        return Seen(f"{part.path} says what a program says that failed: {_ending(text)}", on=(text,))
    return None


def _text_sounds_broken(part: Part) -> Seen | None:
    if not part.is_root or not isinstance(part.value, str) or tells_of_an_error(part.value):
        return None
    if not sounds_broken(part.value):
        return None
    return Seen(f"{part.path} is all of the answer: {_ending(part.value)}", on=(part.value,))


def _only_text_of_a_class(part: Part) -> Seen | None:
    only = only_text(part)
    if only is None or only[0] in names.ALONE:
        return None
    is_error = begins_with_a_class(only[2]) or (names_an_error(only[2]) and sounds_bad(only[2]))
    if not is_error or TRACEBACK.match(only[2]):
        return None
    return Seen(f"{part.told(only[1])} is all that is said and reads as an error: {_ending(only[2])}", on=(only[2],))


def _traceback_logged(part: Part) -> Seen | None:
    text = part.value
    if part.is_result or not isinstance(text, str) or part.holder not in names.ERROR_STREAMS | names.OUTPUT_STREAMS:
        return None
    return Seen(f"{part.path} holds a traceback: {_ending(text)}", on=(text,)) if TRACEBACK.match(text) else None


def _message_sounds_bad(part: Part) -> Seen | None:
    only = only_text(part)
    if only is None or only[0] not in names.EXPLANATIONS or tells_of_an_error(only[2]) or not sounds_bad(only[2]):
        return None
    return Seen(f"{part.told(only[1])} is all that is said: {_ending(only[2])}", on=(only[2],))


_REFUSED = "HTTPConnectionPool(host='127.0.0.1', port=8188): Max retries exceeded with url: /prompt (Caused by None)"
_TRACEBACK = "Traceback (most recent call last):\n  File 'a'\nKeyError: 'a'\n"

TEXTS = Group(
    title="Texts that are all of the answer",
    about="Also where they stand alone in `output`, `result`, `response`, `data`, `body` or a list of one, and where"
    " they came in pieces.",
    rules=(
        Rule(
            name="traceback",
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="a traceback as a text",
            looks=Looks.TEXTS,
            find=_traceback,
            catches=outputs(_TRACEBACK, ["a", _TRACEBACK]),
            lets_pass=(
                *outputs("A Traceback (most recent call last):\n", {"text": _TRACEBACK}),
                Example(output=_TRACEBACK, given={"picture_of": _TRACEBACK}),
            ),
        ),
        Rule(
            name="error_text",
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="a short text that begins as an exception's does, or a web server's error page",
            find=_error_text,
            catches=outputs(
                "Error: boom",
                "ValueError('boom')",
                {"result": "Failed to load the model: boom"},
                ["Er", "ror: ", "boom"],
                "<html>\r\n<head><title>502 Bad Gateway</title></head>",
            ),
            lets_pass=(
                *outputs(
                    "Error handling in Python: try and except",
                    {"text": "Error: what is read in a picture"},
                    {"output": "Error: boom", "model": "which says more than that"},
                ),
                Example(output="Error: disk full", given={"text": "He reads: Error: disk full"}),
            ),
        ),
        Rule(
            name="machine_text",
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="what a program says that failed, without the name of the exception",
            find=_machine_text,
            catches=outputs(
                _REFUSED,
                {"output": "CUDA error: no kernel image is available for execution on the device"},
                "'NoneType' object is not subscriptable",
                "[Errno 2] No such file or directory: '/models/a.safetensors'",
            ),
            lets_pass=(
                *outputs(
                    "Why?\nCUDA error: no kernel image is available\nThat is why.",
                    "division by zero is not defined, because no number times zero is one",
                ),
                Example(output="list index out of range", given={"speech": "List index out of range."}),
            ),
        ),
        Rule(
            name="text_asked_for",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="an error as all of the answer to a question that speaks of errors, or of what a program prints",
            find=_asked_for,
            catches=(
                Example(output="KeyError: 'a'", given={"prompt": "What does Python print for {}['a']?"}),
                Example(output="Error: no such file", given={"text": "Fehler: Datei nicht da", "to": "en"}),
                Example(output={"result": "ZeroDivisionError: division by zero"}, given={"code": "1/0"}),
            ),
            lets_pass=(
                *outputs("An error is what it is"),
                Example(output="Error: disk full", given={"text": "He reads: Error: disk full"}),
            ),
        ),
        Rule(
            name="only_message",
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="an error as the only text of an answer, under a message",
            find=_only_message,
            catches=outputs(
                {"message": "Error: model could not be loaded"},
                {"images": [], "detail": "CUDA out of memory. Tried to allocate 2.00 GiB", "seconds": 0.2},
            ),
            lets_pass=(
                *outputs(
                    {"message": "done"},
                    {"message": "Error: boom", "text": "which says more than that"},
                    {"text": "Error: what is read in a picture"},
                ),
                Example(output={"message": "Error: no"}, given={"say": "Error: no"}),
            ),
        ),
        Rule(
            name="machine_message",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="what a program says that failed, in a part of the answer",
            looks=Looks.TEXTS,
            find=_only_machine_message,
            catches=outputs(
                {"text": "CUDA error: no kernel image is available for execution on the device"},
                ["Hello", "CUDA out of memory. Tried to allocate 2.00 GiB"],
                {"predictions": ["Error: no weights"]},
            ),
            lets_pass=outputs({"text": "CUDA errors have many causes"}, {"segments": ["Error: it says"]}),
        ),
        Rule(
            name="text_sounds_broken",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="a short text that may tell that the worker is broken, or a quoted word as a KeyError prints it",
            find=_text_sounds_broken,
            catches=outputs(
                "Could not load the model", {"result": "Model not found"}, {"output": "'prompt'"}, "FAILED"
            ),
            lets_pass=outputs("Failed to agree, they left", "I could not find a cat.", {"text": "Model not found"}),
        ),
        Rule(
            name="only_text",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="an error as the only text of an answer, under a name that what was read may have as well",
            find=_only_text_of_a_class,
            catches=outputs({"text": "RuntimeError: no weights"}, {"text": "Error: model could not be loaded"}),
            lets_pass=outputs({"text": "Error: what is read in a picture"}, {"text": "A RuntimeError: no weights"}),
        ),
        Rule(
            name="traceback_logged",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            looks=Looks.TEXTS,
            reason="a traceback in what a program printed",
            find=_traceback_logged,
            catches=outputs({"log": _TRACEBACK, "images": []}),
            lets_pass=outputs({"log": "done", "images": ["aGk="]}, {"text": _TRACEBACK}),
        ),
        Rule(
            name="message_sounds_bad",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="the only text of an answer is a message that may tell of a failure",
            find=_message_sounds_bad,
            names=names.EXPLANATIONS,
            catches=outputs({"message": "The model could not be loaded"}),
            lets_pass=outputs({"message": "The model is loaded"}, {"text": "The model could not be loaded"}),
        ),
    ),
)
