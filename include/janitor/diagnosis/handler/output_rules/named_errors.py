"""Rules for what stands under `error` and its like.

A text or `true` there counts wherever it stands, a number doesn't: that is how far a model is off. Beside an answer of
its own, in words that no program has for its failures, it may be something that the worker found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from janitor.diagnosis.handler.error_texts import sounds_bad, tells_of_a_crash, tells_of_an_error
from janitor.diagnosis.handler.output_rules import names
from janitor.diagnosis.handler.output_rules.part import About, Part, is_hollow
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Looks, Rule, Seen, outputs
from janitor.diagnosis.handler.stated_errors import (
    is_at_a_place,
    is_finding_text,
    says_all_well,
    says_none,
    states_error,
    states_errors,
    tells_of_trouble,
    texts_in,
)
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.terms.reason_codes import ReasonCode

_ONE_ERROR = names.ERROR_NAMES - {"errors"}
_TELLING = (str, int, float, list, tuple, Mapping)
_TOP = "output"
_WORD = re.compile(r"[^\W\d_]{1,40}")
_MANY = frozenset({"errors", names.MANY_ERRORS})


def _single(part: Part) -> Iterator[tuple[str, str, Any]]:
    """The members that state an error under a name for one: name, name as it stands, and value."""
    for name, key, item in part.those(_ONE_ERROR):
        if name == "error":
            if states_error(item):
                yield name, key, item
        elif isinstance(item, (str, list, Mapping)) and item and not (says_none(item) or says_all_well(item)):
            yield name, key, item


def _is_counted(part: Part) -> bool:
    """Whether it is a row of a table that counts errors, or measures something of them."""
    if not part.is_listed or part.is_result or part.holder in names.OWN_HOLDERS:
        return False
    left_out = names.NOT_TOLD | {"index"}
    return any(
        isinstance(item, (int, float)) and not isinstance(item, bool) and name not in left_out
        for name, _key, item in part.members
    )


def _is_its_own(part: Part, name: str, item: Any) -> bool:
    """Whether an error in an object is the worker's."""
    if part.about is About.FINDING:
        return False
    if _is_counted(part) or part.holder in names.STEPS or _is_finding(part, item):
        return False
    if any(tells_of_an_error(text) for text in texts_in(item)):
        return True
    if name == "exception" and not part.is_result:
        return False  # a rule may have one
    names_another = part.about is About.OTHER and part.is_listed
    return not names_another and (part.is_result or not part.has_more())


def _is_finding(part: Part, item: Any) -> bool:
    """Whether an error is what a worker that examines something has found: beside the verdict, or with a place.

    An `error` at the top of what a handler returns fails the job whatever it means: that is the SDK's own contract.
    """
    if part.path == _TOP and any(name == "error" for name, _key, _item in part.members):
        return False
    judges = any(isinstance(each, bool) for _name, _key, each in part.those(names.JUDGED))
    if not judges and not (isinstance(item, Mapping) and _has_place(item)):
        return False
    return not any(tells_of_a_crash(text) and not is_finding_text(text) for text in texts_in(item))


def _has_place(error: Mapping[Any, Any]) -> bool:
    wanted = names.PLACES - {"severity"}
    return any(str(key).strip().lower() in wanted and not isinstance(each, str) for key, each in error.items())


def _told(part: Part, key: str, item: Any) -> Seen:
    return Seen(f"{part.told(key)}: {clipped(item)}", on=(item, part.value))


def _own_error(part: Part) -> Seen | None:
    return next((_told(part, key, item) for name, key, item in _single(part) if _is_its_own(part, name, item)), None)


def _error_of_another(part: Part) -> Seen | None:
    return next(
        (_told(part, key, item) for name, key, item in _single(part) if not _is_its_own(part, name, item)), None
    )


def _unanswered_batch(part: Part) -> Seen | None:
    """A list of the answer whose every item is an error and what the input has of it."""
    holders = [("", "", part.value), *part.members] if isinstance(part.value, (list, tuple)) else part.members
    for name, key, items in holders:
        if (name and name not in names.OWN_HOLDERS) or not isinstance(items, (list, tuple)) or not items:
            continue
        rows = [Part(path="", value=item, is_listed=True) for item in items if isinstance(item, Mapping)]
        errors = [next(((key, item) for _name, key, item in _single(row) if texts_in(item)), None) for row in rows]
        if len(rows) < len(items) or None in errors or any(_tells_of_others(row) for row in rows):
            continue
        where = part.told(key) if name else part.path
        first, error = next(each for each in errors if each is not None)
        return Seen(
            f"{where}[0].{clipped(first, 60)}: {clipped(error)}",
            on=tuple(each[1] for each in errors if each is not None),
            echoes=tuple(item for row in rows for item in _answered(row)),
        )
    return None


def _answered(row: Part) -> Iterator[Any]:
    """The members of a row that may be an answer."""
    for name, _key, item in row.members:
        if name not in names.NOT_TOLD and isinstance(item, (str, Mapping, list, tuple)) and not is_hollow(item):
            yield item


def _tells_of_others(row: Part) -> bool:
    """Whether a row may tell of something else than the work on it: where something was found, what doesn't answer."""
    return _is_counted(row) or not row.names.isdisjoint(names.PLACES | names.REMOTE | names.TESTED | names.JUDGED)


def _several(part: Part) -> Iterator[tuple[str, str, Any]]:
    for name, key, item in part.members:
        if name.endswith("errors") and name not in _ONE_ERROR and states_errors(item):
            yield name, key, item


def _are_its_own(part: Part, name: str, item: Any) -> bool:
    """Whether a list of errors is the worker's: nothing else was answered, or they read as a program's trouble."""
    if part.about is About.FINDING or are_findings(item) or _are_finding_texts(item):
        return False
    if _name_something(item):
        return any(map(tells_of_an_error, texts_in(item)))
    if part.has_more():
        return any(map(tells_of_an_error, texts_in(item)))
    if name == "errors":
        return part.about is not About.OTHER or tells_of_trouble(item)
    others = [other for each, _key, other in part.members if not each.endswith("errors") and each not in names.NOT_TOLD]
    return tells_of_trouble(item) or any(is_hollow(other) for other in others)


def are_findings(value: Any) -> bool:
    """Whether the items of a list, or of lists by name, say where they were found or what belongs there."""
    return _all_have(value, names.PLACES)


def _are_finding_texts(value: Any) -> bool:
    """Whether all of them are texts as linters and proof-readers have them, or words by the words for them."""
    if isinstance(value, Mapping) and value:
        pairs = [*value.keys(), *value.values()]
        return all(isinstance(each, str) and _WORD.fullmatch(each) and not sounds_bad(each) for each in pairs)
    items = _items(value)
    return bool(items) and all(isinstance(item, str) and is_finding_text(item) for item in items)


def _name_something(value: Any) -> bool:
    """Whether all of them name what they are about, or begin with a place in it."""
    items = _items(value)
    at_places = [is_at_a_place(item) for item in items if isinstance(item, str)]
    return _all_have(value, names.SUBJECTS) or (len(at_places) == len(items) > 0 and all(at_places))


def _all_have(value: Any, wanted: frozenset[str]) -> bool:
    items = _items(value)
    return bool(items) and all(
        isinstance(item, Mapping)
        and any(str(key).strip().lower() in wanted and isinstance(each, _TELLING) for key, each in item.items())
        for item in items
    )


def _items(value: Any) -> list[Any]:
    lists = value.values() if isinstance(value, Mapping) else (value,)
    return [item for each in lists if isinstance(each, (list, tuple)) for item in each]


def _own_errors(part: Part) -> Seen | None:
    found = ((key, item) for name, key, item in _several(part) if _are_its_own(part, name, item))
    return next((_told(part, key, item) for key, item in found), None)


def _errors_found(part: Part) -> Seen | None:
    for name, key, item in _several(part):
        if part.about is not About.FINDING and not are_findings(item) and not _are_its_own(part, name, item):
            return _told(part, key, item)
    return None


_MEASURED = {"results": [{"model": "linear", "error": 2}], "best": "linear"}
_GRAMMAR = {"text": "Their going", "errors": [{"offset": 0, "length": 5, "suggestion": "They're"}]}

NAMED_ERRORS = Group(
    title="Errors under their own name",
    about="`error`, `errors`, `error_message`, `exception`, `traceback` and the like, at any depth.",
    rules=(
        Rule(
            name="error_named",
            looks=Looks.OBJECTS,
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="a text, `true` or a code stands under the name of an error",
            find=_own_error,
            names=_ONE_ERROR,
            catches=outputs(
                {"results": {"error": "boom"}},
                {"results": [1, {"error": {"code": 3}}]},
                {"results": [{"prompt": "a cat", "error": "CUDA out of memory. Tried to allocate 2.00 GiB"}]},
                {"ok": False, "error_message": "boom"},
                {"a": {"error": True}},
                {"valid": False, "error": "boom"},
                {"result": 1, "check": {"valid": False, "error": "CUDA out of memory. Tried to allocate 2.00 GiB"}},
            ),
            lets_pass=(
                *outputs(
                    _MEASURED,
                    {"train": {"error": 3}, "test": {"error": 4}},
                    {"fit": {"error": {"mean": 2, "max": 7}}},
                    {"reply": {"error": {"code": 0, "message": "Success"}}},
                    {"errcode": 0, "errmsg": "ok"},
                    {"face": {"error": "none"}},
                    {"alignment": {"error": "0.35 px", "rmse": 0.3}},
                    {"trace": [{"tool": "py", "error": "NameError: x"}], "answer": "3"},
                    {"results": [{"id": 1, "passed": False, "error": "AssertionError"}, {"id": 2, "passed": True}]},
                    {"is_valid": False, "error_message": "unexpected end of the text"},
                ),
                Example(output={"seen": {"error": "disk full"}}, given={"log": [{"error": "disk full"}]}),
            ),
        ),
        Rule(
            name="batch_unanswered",
            looks=Looks.WHOLE,
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="every item of a batch is an error and what the input has of it: not one was answered",
            find=_unanswered_batch,
            catches=(
                Example(
                    output={"results": [{"file": "a.wav", "error": "no weights to read it with"}]},
                    given={"files": ["a.wav"]},
                ),
                Example(
                    output={"images": [{"prompt": "a cat", "error": "the model is not there"}]},
                    given={"prompts": ["a cat"]},
                ),
                *outputs([{"id": 1, "error": "no voice of that name"}, {"id": 2, "error": "no voice of that name"}]),
            ),
            lets_pass=(
                Example(
                    output={"results": [{"file": "a.wav", "text": "Hello", "error": "clipped at the end"}]},
                    given={"files": ["a.wav"]},
                ),
                Example(
                    output={"results": [{"url": "https://a.example/x", "error": "does not answer"}]},
                    given={"urls": ["https://a.example/x"]},
                ),
                *outputs(
                    {"results": [{"file": "a.py", "line": 3, "error": "missing semicolon"}]},
                    {"results": [{"sentence": "Their going", "error": "Their: They're"}]},
                    {"results": [{"id": 1, "passed": False, "error": "AssertionError"}]},
                ),
            ),
        ),
        Rule(
            name="errors_listed",
            looks=Looks.OBJECTS,
            certainty=Certainty.SURE,
            code=ReasonCode.NESTED_ERROR,
            reason="a list of errors instead of an answer, or in words that programs have for their trouble",
            find=_own_errors,
            names=_MANY,
            catches=outputs(
                {"errors": ["boom"]},
                {"images": [], "errors": ["cuda is gone"]},
                {"images": [], "node_errors": {"3": "ckpt_name not in list"}},
                {"errors": {"weights": "missing"}},
                {"seed": 5, "errors": [{"code": 3}]},
            ),
            lets_pass=outputs(
                _GRAMMAR,
                {"errors": [{"line": 3, "message": "missing semicolon"}]},
                {"errors": 3, "accuracy": 0.5},
                {"errors": {"wer": 0.25, "count": 0}},
                {"errors": ["E501 line too long (line 3)"]},
                {"errors": {"teh": "the"}},
                {"text": "Their going", "errors": []},
            ),
        ),
        Rule(
            name="error_of_another",
            looks=Looks.OBJECTS,
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="an error beside an answer, which may be one that the worker found",
            find=_error_of_another,
            names=_ONE_ERROR,
            catches=outputs(
                {"sentences": [{"text": "Their going", "error": "Their: They're"}]},
                {"tests": [{"name": "adds", "error": "AssertionError: 1 != 2"}]},
                {"clusters": [{"error": "KeyError: 'a'", "count": 3}]},
                {"clauses": [{"exception": "on Sundays"}]},
                {"is_valid": False, "error_message": "unexpected end of the text"},
                {"trace": [{"tool": "py", "error": "NameError: x"}], "answer": "3"},
                {"query": {"error": {"position": 7, "message": "syntax error at the end"}}},
            ),
            lets_pass=outputs(_MEASURED, {"sentences": [{"text": "They go", "error": None}]}),
        ),
        Rule(
            name="errors_found",
            looks=Looks.OBJECTS,
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="a list of errors beside an answer, which may be what the worker found",
            find=_errors_found,
            names=_MANY,
            catches=outputs(
                {"text": "Their going", "errors": ["Their: They're"]},
                {"spelling_errors": ["teh"]},
                {"file": "a.py", "errors": ["E501 line too long"]},
                {"summary": "2 of today", "errors": ["disk full at 11:00", "CUDA error at 10:00"]},
                {"errors": ["line 3: missing semicolon"]},
                {"errors": ["E501 line too long (line 3)"]},
                {"errors": ["'teh' should be 'the'"]},
                {"errors": {"teh": "the"}},
                {"ok": 0, "errors": ["https://a.example: timeout"]},
                {"valid": False, "errors": [{"field": "email", "message": "is required"}]},
            ),
            lets_pass=outputs(_GRAMMAR, {"spelling_errors": [], "text": "fine"}),
        ),
    ),
)
