"""Rules of the SDK's contract: what its answer says of the job, and what of a result never reaches the platform.

What a handler returned is printed by the SDK as a repr, and sent as JSON. What `json.dumps` refuses is only logged, so
that the job never ends; NaN it writes as the word, for which the platform has HTTP 400 (runpod-python#309).
Source: runpod-python 1.7.7 and 1.12.0, `rp_http.py`, `_handle_result`: `json.dumps(job_data)`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from janitor.diagnosis.handler.output_rules.objects import UNFINISHED
from janitor.diagnosis.handler.output_rules.part import Part
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Looks, Rule, Seen, outputs
from janitor.diagnosis.handler.python_repr import Parsed, TokenKind
from janitor.diagnosis.handler.sendable import unsendable
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.terms.reason_codes import ReasonCode

_NO_NUMBERS = frozenset({"nan", "inf"})
_CONSTANT = re.compile(r"[\[:,]\s{0,20}-?(?:NaN|Infinity)\b")
_LONGEST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The SDK's answer of one job."""

    document: Any
    constants: tuple[str, ...] = ()
    """Words in it that stand for numbers, and that JSON doesn't have."""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a handler returned or yielded, as the SDK logs it."""

    parsed: Parsed
    is_yield: bool = False


def read_answer(body: bytes | str) -> Answered:
    """Read the SDK's answer.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    constants: list[str] = []

    def constant(name: str) -> float:
        constants.append(name)
        return float(name)

    return Answered(document=json.loads(body, parse_constant=constant), constants=tuple(constants))


def _failed(answered: Answered) -> Seen | None:
    document = answered.document
    if isinstance(document, dict) and not document.get("error") and document.get("status") != "FAILED":
        return None
    error = document.get("error") if isinstance(document, dict) else document
    return Seen(f"the job failed: {_error_text(error)}")


def _not_completed(answered: Answered) -> Seen | None:
    document = answered.document
    if not isinstance(document, dict):
        return None
    # SDKs before 1.4 answer with the result and the job's id alone.
    if document.get("status") != "COMPLETED" and ("status" in document or "id" not in document):
        return Seen(f"the job's status is {document.get('status')!r}, not COMPLETED")
    return None


def _constant_in_answer(answered: Answered) -> Seen | None:
    if not answered.constants:
        return None
    return Seen(f"the answer holds {answered.constants[0]}, which JSON doesn't have")


def _error_text(error: object) -> str:
    """The message within the SDK's description of an exception, else the error itself."""
    if isinstance(error, str):
        try:
            info = json.loads(error)
            kind = str(info["error_type"]).removeprefix("<class '").removesuffix("'>")
            return f"{kind}: {clipped(str(info['error_message']))}"
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
    return clipped(error)


def _unfinished_in(printed: Printed) -> str | None:
    return next((item for item in printed.parsed.objects if UNFINISHED.fullmatch(item)), None)


def _returned(printed: Printed) -> Any:
    value = printed.parsed.value
    return value.get("output") if printed.parsed.is_literal and isinstance(value, Mapping) else None


def _generator(printed: Printed) -> Seen | None:
    found = _unfinished_in(printed)
    if found is None or printed.is_yield or found.startswith("<coroutine") or _returned(printed) != found:
        return None
    text = f"the handler returns {clipped(found, 80)} without being a generator, which the platform never iterates"
    return Seen(text)


def _unfinished(printed: Printed) -> Seen | None:
    found = _unfinished_in(printed)
    if found is None:
        return None
    return Seen(f"the result holds {clipped(found, 80)}, which the platform never iterates or awaits")


def _no_number(printed: Printed) -> Seen | None:
    words = (token.value for token in printed.parsed.tokens if token.kind is TokenKind.WORD)
    found = next((word for word in words if word in _NO_NUMBERS), None)
    if found is None or _unfinished_in(printed) is not None:
        return None
    return Seen(f"the SDK sends results as JSON, and this one holds {found}, which JSON doesn't have")


def _unsendable(printed: Printed) -> Seen | None:
    if _unfinished_in(printed) is not None or (found := unsendable(printed.parsed)) is None:
        return None
    return Seen(f"the SDK sends results as JSON, and this one holds {found}")


def _constant_in_text(part: Part) -> Seen | None:
    text = part.value
    if not isinstance(text, str) or text.lstrip()[:1] not in ("{", "[") or len(text) > _LONGEST:
        return None
    if _CONSTANT.search(text) is None:
        return None
    try:
        constants = read_answer(text).constants
    except (ValueError, RecursionError):
        return None
    return Seen(f"{part.path} is JSON but for {constants[0]}: {clipped(text, 120)}", on=(text,)) if constants else None


def _printed(*texts: str) -> tuple[Example, ...]:
    return tuple(Example(printed=text) for text in texts)


def _answers(*texts: str) -> tuple[Example, ...]:
    return tuple(Example(answer=text) for text in texts)


_GENERATOR = "<generator object handler at 0x7f3a1c2b3d90>"

ANSWER: Group[Answered] = Group(
    title="The SDK's answer",
    about="What its API says of a job. In the local mode its log says the same.",
    rules=(
        Rule(
            name="job_failed",
            certainty=Certainty.SURE,
            code=ReasonCode.HANDLER_ERROR,
            reason="an `error` at the top, or the status FAILED",
            find=_failed,
            catches=_answers(
                '{"id": "a", "status": "FAILED", "error": "boom"}',
                '{"id": "a", "status": "COMPLETED", "output": {"ok": 1}, "error": "boom"}',
            ),
            lets_pass=_answers('{"id": "a", "status": "COMPLETED", "output": {"error": null, "n": 1}}'),
        ),
        Rule(
            name="job_not_completed",
            certainty=Certainty.SURE,
            code=ReasonCode.NOT_COMPLETED,
            reason="any other status than COMPLETED",
            find=_not_completed,
            catches=_answers('{"id": "a", "status": "IN_PROGRESS"}', '{"output": {"ok": 1}}'),
            lets_pass=_answers('{"id": "a", "output": {"ok": 1}}'),
        ),
        Rule(
            name="answer_not_json",
            certainty=Certainty.SURE,
            code=ReasonCode.OUTPUT_NOT_JSON,
            reason="NaN or Infinity, which Python writes and JSON doesn't have",
            find=_constant_in_answer,
            catches=_answers('{"id": "a", "status": "COMPLETED", "output": {"score": NaN}}'),
            lets_pass=_answers('{"id": "a", "status": "COMPLETED", "output": {"score": "NaN"}}'),
        ),
    ),
)
PRINTED: Group[Printed] = Group(
    title="What can be sent",
    about="What the handler returned or yielded, as the SDK logs it. It is sent as JSON, and only as JSON.",
    rules=(
        Rule(
            name="generator_returned",
            certainty=Certainty.SURE,
            code=ReasonCode.GENERATOR_RETURNED,
            reason="a generator that a plain handler returned; in the local mode only the API can tell",
            find=_generator,
            catches=_printed(f"{{'output': {_GENERATOR}}}"),
            lets_pass=_printed(f"{{'output': \"{_GENERATOR}, in a text\"}}"),
        ),
        Rule(
            name="unfinished_object",
            certainty=Certainty.SURE,
            code=ReasonCode.UNFINISHED_OBJECT,
            reason="a generator or coroutine within a result, which nobody iterates or awaits",
            find=_unfinished,
            catches=_printed(f"{{'output': {{'tokens': {_GENERATOR}}}}}", "{'output': <coroutine object a at 0x7f3a>}"),
            lets_pass=_printed("{'output': {'tokens': ['a', 'b']}}"),
        ),
        Rule(
            name="no_number",
            certainty=Certainty.SURE,
            code=ReasonCode.OUTPUT_NOT_JSON,
            reason="NaN or an infinity, which is no JSON",
            find=_no_number,
            catches=_printed(
                "{'output': {'scores': [nan, 0.5]}}", "{'output': inf}", "{'output': {'low': -inf, 'text': 'a'}}"
            ),
            lets_pass=_printed("{'output': {'scores': [None, 0.5], 'word': 'nan', 'inf': 1}}"),
        ),
        Rule(
            name="unsendable",
            certainty=Certainty.SURE,
            code=ReasonCode.OUTPUT_NOT_JSON,
            reason="bytes, sets, dates, arrays and objects, which `json.dumps` refuses",
            find=_unsendable,
            catches=_printed(
                "{'output': b'abc'}", "{'output': {'labels': {'cat', 'dog'}}}", "{'output': {'n': np.float32(0.5)}}"
            ),
            lets_pass=_printed(
                "{'output': {'counts': Counter({'a': 2})}}",
                "{'output': 'b is a letter, array([1]) is an array'}",
            ),
        ),
    ),
)
JSON_TEXTS: Group[Part] = Group(
    title="JSON in a text",
    about="Whoever reads it gets it as it stands.",
    rules=(
        Rule(
            name="text_not_json",
            certainty=Certainty.NOTE,
            code=ReasonCode.OUTPUT_NOT_JSON,
            reason="JSON but for NaN or Infinity, which not every reader takes",
            looks=Looks.TEXTS,
            find=_constant_in_text,
            catches=outputs('{"score": NaN}', {"body": '{"text": "a", "n": [-Infinity]}', "n": 1}),
            lets_pass=outputs('{"score": "NaN"}', "[NaN is no number]"),
        ),
    ),
)
