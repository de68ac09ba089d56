"""Rules for what programs and models behind a handler say of their end: return codes and finish reasons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from janitor.diagnosis.handler.error_texts import begins_with_a_class
from janitor.diagnosis.handler.machine_messages import is_machine_message
from janitor.diagnosis.handler.output_rules import names
from janitor.diagnosis.handler.output_rules.given import CODE
from janitor.diagnosis.handler.output_rules.part import About, Part
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Looks, Rule, Seen, outputs
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.terms.reason_codes import ReasonCode

_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):$", re.MULTILINE)
_BY_SIGNAL = frozenset({134, 136, 137, 139, 143})
_ABORTED = frozenset({"abort", "aborted", "error", "errored", "failed", "failure"})
_ENDED_EARLY = frozenset({"cancelled", "canceled", "timeout", "unknown"})
_ANSWERS = frozenset(
    {"", "choices", "outputs", "output", "results", "result", "meta_info", "candidates", "generations"}
)
"""Under which a model's own finish reason stands."""


def _exits(part: Part) -> Iterator[tuple[str, int]]:
    for _name, key, item in part.those(names.EXIT_CODES):
        if isinstance(item, int) and not isinstance(item, bool) and item != 0:
            yield key, item


def _crash_in(part: Part) -> str | None:
    """What a program's stream of errors says of its end, if that was a crash."""
    for _name, _key, item in part.those(names.ERROR_STREAMS):
        if isinstance(item, str) and (_TRACEBACK.search(item) or _says_exception(item)):
            return item
    return None


def _says_exception(text: str) -> bool:
    return begins_with_a_class(text) or is_machine_message(text)


def _crashed(part: Part) -> Seen | None:
    for key, code in _exits(part):
        crash = _crash_in(part)
        said = any(isinstance(item, str) and item.strip() for _, _, item in part.those(names.OUTPUT_STREAMS))
        by_signal = (code < 0 or code in _BY_SIGNAL) and not said
        if (crash is not None or by_signal) and part.about is not About.FINDING:
            on = (part.value, *([crash, CODE] if crash else []))
            return Seen(f"{part.told(key)} is {code}: {clipped(part.value)}", on=on)
    return None


def _ended_badly(part: Part) -> Seen | None:
    if part.about is About.FINDING:
        return None
    return next(
        (Seen(f"{part.told(key)} is {code}: {clipped(part.value)}", on=(part.value,)) for key, code in _exits(part)),
        None,
    )


def _reasons(part: Part) -> Iterator[tuple[str, str]]:
    for _name, key, item in part.those(names.FINISH_REASONS):
        # SGLang has an object there.
        word: Any = item.get("type") if isinstance(item, Mapping) else item
        if isinstance(word, str):
            yield key, word.strip().lower()


def _aborted(part: Part) -> Seen | None:
    if not (part.is_result or part.holder in _ANSWERS):
        return None
    return next((_ended(part, key, word) for key, word in _reasons(part) if word in _ABORTED), None)


def _perhaps_aborted(part: Part) -> Seen | None:
    if _aborted(part) is not None:
        return None
    return next((_ended(part, key, word) for key, word in _reasons(part) if word in _ABORTED | _ENDED_EARLY), None)


def _ended(part: Part, key: str, word: str) -> Seen:
    return Seen(f"{part.told(key)} is {word!r}: {clipped(part.value)}", on=(part.value,))


_STDERR = 'Traceback (most recent call last):\n  File "/app/run.py", line 3, in <module>\nRuntimeError: no weights'
_GIVEN_CODE = (
    'Traceback (most recent call last):\n  File "<string>", line 1, in <module>\nZeroDivisionError: division by zero'
)

PROGRAMS = Group(
    title="How a program or a model behind it ended",
    about="Return codes and finish reasons.",
    rules=(
        Rule(
            name="program_crashed",
            looks=Looks.OBJECTS,
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="a return code that isn't 0 with a crash in the stream of errors, or by a signal without output",
            find=_crashed,
            names=names.EXIT_CODES,
            catches=outputs(
                {"returncode": 1, "stdout": "", "stderr": _STDERR}, {"exit_code": -9, "stdout": "", "stderr": ""}
            ),
            lets_pass=(
                *outputs(
                    {"returncode": 0, "stdout": "fine", "stderr": _STDERR},
                    {"exit_code": 1, "stdout": "2 problems", "stderr": ""},
                ),
                Example(output={"exit_code": 1, "stdout": "", "stderr": _GIVEN_CODE}, given={"code": "print(1/0)"}),
                Example(
                    output={"exit_code": 1, "stderr": _STDERR}, given={"log_to_explain": f"It said:\n{_STDERR}\nWhy?"}
                ),
            ),
        ),
        Rule(
            name="finish_aborted",
            looks=Looks.OBJECTS,
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="a finish reason of abort or error",
            find=_aborted,
            names=names.FINISH_REASONS,
            catches=outputs(
                {"choices": [{"finish_reason": "abort", "text": "", "index": 0}]},
                {"text": "", "meta_info": {"finish_reason": {"type": "abort", "message": "no memory"}}},
                [{"text": "a"}, {"text": "", "finish_reason": "error"}],
            ),
            lets_pass=outputs(
                {"choices": [{"finish_reason": "length", "text": "a"}]},
                {"choices": [{"finish_reason": None, "text": "a"}]},
                {"stop_reason": "end_turn", "text": "a"},
            ),
        ),
        Rule(
            name="program_ended_badly",
            looks=Looks.OBJECTS,
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="a return code that isn't 0, as linters and tests have it for what they found",
            find=_ended_badly,
            names=names.EXIT_CODES,
            catches=(
                *outputs({"exit_code": 1, "stdout": "2 problems", "stderr": ""}),
                Example(output={"exit_code": 1, "stdout": "", "stderr": _GIVEN_CODE}, given={"code": "print(1/0)"}),
            ),
            lets_pass=outputs({"exit_code": 0, "stdout": ""}),
        ),
        Rule(
            name="finish_unclear",
            looks=Looks.OBJECTS,
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="a finish reason that may be that of something else, or an early end",
            find=_perhaps_aborted,
            names=names.FINISH_REASONS,
            catches=outputs(
                {"logs": [{"finish_reason": "error", "day": 3}], "summary": "one of them"},
                {"text": "a", "finish_reason": "cancelled"},
            ),
            lets_pass=outputs({"text": "a", "finish_reason": "stop"}),
        ),
    ),
)
