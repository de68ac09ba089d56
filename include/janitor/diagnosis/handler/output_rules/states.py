"""Rules for what an answer says of its own job: a status, a flag, a number.

A state is the job's own at the top of an answer, in an item of a list there, or with a word of explanation under a name
that says nothing else (`result`, `items`). Beside the name of something it tells of that: a page that was asked for, a
check that was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from janitor.diagnosis.handler.error_texts import is_http_phrase, tells_of_a_crash
from janitor.diagnosis.handler.output_rules import names
from janitor.diagnosis.handler.output_rules.part import About, Part
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Looks, Rule, Seen, outputs
from janitor.diagnosis.handler.stated_errors import says_all_well, says_none
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.reason_codes import ReasonCode

_BAD_STATE = re.compile(
    r"(?!no[_ -])(?:(?:\w+[_ -])?error|(?:\w+[_-])?(?:failed|failure|aborted|timeout)|fail|errored"
    r"|failed_precondition|time(?:d[_ -]?)?out|exception|crashed|killed"
    r"|abort(?:ed)?|unsuccessful|panic(?:ked)?|oom(?:[_ -]?killed)?|out[_ -]of[_ -]memory|not[_ -]ok|ko|err)"
)
_DOUBTFUL_STATE = re.compile(r"cancell?ed|unhealthy|unavailable|rejected|denied|dead|stopped|stalled|degraded")
_STATE_TOLD = re.compile(r"(?:error|failed|failure)\s*:\s*\S.*|failed to \w.*", re.DOTALL)
_CODE_AS_TEXT = re.compile(r"[45]\d\d(?: [A-Za-z][A-Za-z -]{1,40})?")
_LONGEST_STATE = 40
_LONGEST_TOLD = 1_000
_HTTP_ERRORS = range(400, 600)
_STATED = names.STATES | names.SUCCESS_FLAGS | names.FAILURE_FLAGS | names.HTTP_CODES | names.ERROR_CODES | names.KINDS
_ALL = _STATED | names.EXPLAINED_CODES


def _bad_states(part: Part) -> Iterator[str]:
    for name, key, item in part.those(names.STATES):
        if name in names.STATES and isinstance(item, str) and len(item) <= _LONGEST_TOLD:
            text = item.strip().lower()
            if _STATE_TOLD.fullmatch(text) or (len(item) <= _LONGEST_STATE and _BAD_STATE.fullmatch(text)):
                yield key


def _bad_flags(part: Part) -> Iterator[str]:
    for _name, key, item in part.those(names.SUCCESS_FLAGS):
        if item is False or (isinstance(item, str) and item.strip().lower() == "false"):
            yield key
    for _name, key, item in part.those(names.FAILURE_FLAGS):
        if item is True and part.explanation is not None:
            yield key


def _bad_codes(part: Part) -> Iterator[str]:
    wanted = names.HTTP_CODES if part.explanation is None else names.EXPLAINED_CODES
    for name, key, item in part.those(wanted):
        if isinstance(item, str) and name in names.HTTP_CODES and _CODE_AS_TEXT.fullmatch(item.strip()):
            yield key
        if isinstance(item, int) and not isinstance(item, bool) and item in _HTTP_ERRORS:
            yield key
    if part.explanation is None or says_all_well(part.explanation):
        return
    for _name, key, item in part.those(names.ERROR_CODES):
        if isinstance(item, (int, str)) and not (says_none(item) or says_all_well(item) or isinstance(item, bool)):
            yield key


def _bad_kinds(part: Part) -> Iterator[str]:
    for _name, key, item in part.those(names.KINDS):
        if isinstance(item, str) and item.strip().lower() == "error" and part.explanation is not None:
            yield key


def _is_own(part: Part) -> bool:
    """Whether a state in an object is that of the job."""
    if part.about is About.OWN:
        return part.is_result or part.holder in names.STATES or part.explanation is not None
    # A crash is the worker's own whatever name stands beside it, unless that is one of many things that it looked at.
    if part.about is About.FINDING or part.explanation is None or not part.names.isdisjoint(names.REMOTE):
        return False
    return tells_of_a_crash(part.explanation)


def _seen(part: Part, key: str) -> Seen:
    return Seen(f"{part.told(key)} is {part.value[key]!r}: {clipped(part.value)}", on=(part.value,))


def _own_state(part: Part) -> Seen | None:
    return next((_seen(part, key) for key in _bad_states(part) if _is_own(part)), None)


def _own_flag(part: Part) -> Seen | None:
    return next((_seen(part, key) for key in _bad_flags(part) if _is_own(part)), None)


def _own_code(part: Part) -> Seen | None:
    return next((_seen(part, key) for key in _bad_codes(part) if _is_own(part) and part.is_result), None)


def _own_kind(part: Part) -> Seen | None:
    return next((_seen(part, key) for key in _bad_kinds(part) if part.is_result and _is_own(part)), None)


def _state_of_another(part: Part) -> Seen | None:
    bad = [*_bad_states(part), *_bad_flags(part)] + (_result_only(part) if part.is_result else [])
    if not bad or _is_own(part) or part.about is About.FINDING:
        return None
    return _seen(part, bad[0]) if part.is_result or part.explanation is not None else None


def _result_only(part: Part) -> list[str]:
    return [*_bad_codes(part), *_bad_kinds(part)]


def _doubtful_state(part: Part) -> Seen | None:
    if not part.is_result or part.explanation is None or says_all_well(part.explanation):
        return None
    for name, key, item in part.those(names.STATES | {"ok"}):
        is_doubtful = isinstance(item, str) and _DOUBTFUL_STATE.fullmatch(item.strip().lower()) is not None
        if item is False if name == "ok" else is_doubtful:
            return _seen(part, key)
    return None


def _server_detail(part: Part) -> Seen | None:
    """What FastAPI's errors hold: HTTP's own words, or a list of what is wrong with a request. A worker that hands on
    what its own server said hands on this too. Source: fastapi/exception_handlers.py."""
    if not part.is_result or len(part.value) != 1 or not part.members or part.members[0][0] != "detail":
        return None
    _name, key, item = part.members[0]
    is_list = isinstance(item, list) and any(isinstance(each, dict) and {"loc", "msg"} <= each.keys() for each in item)
    if is_list or (isinstance(item, str) and is_http_phrase(item)):
        return Seen(f"{part.told(key)} is {item!r}: {clipped(part.value)}", on=(part.value,))
    return None


_CHECKS = {"checks": [{"name": "face", "success": False, "message": "no face in the picture"}]}
_JOBS = {"jobs": [{"name": "build", "status": "failed", "message": "exit code 1"}, {"name": "lint", "status": "ok"}]}
_PAGE: dict[str, Any] = {"url": "https://example.com/old", "status": 404}


def _sure(name: str, reason: str, find: Any, wanted: frozenset[str], **examples: tuple[Example, ...]) -> Rule[Part]:
    return Rule(
        name=name,
        certainty=Certainty.SURE,
        code=ReasonCode.NESTED_ERROR,
        looks=Looks.OBJECTS,
        reason=reason,
        find=find,
        names=wanted,
        **examples,
    )


STATES = Group(
    title="What the answer says of its job",
    about="At the top, in an item of a list there, or explained under a name such as `result`; not beside the name of"
    " something else.",
    rules=(
        _sure(
            "status_failed",
            "a status that says error, failed, aborted or timeout",
            _own_state,
            names.STATES,
            catches=outputs(
                {"status": "aborted", "reason": "no GPU found"},
                {"state": "FAILED"},
                {"results": [{"status": "ok"}, {"status": "error", "message": "boom"}]},
                {"status": "Failed to load the model because it is nowhere to be found in the image"},
            ),
            lets_pass=outputs(
                _JOBS,
                {"results": [{"status": "failed"}]},
                {"status": "no_error"},
                {"status": "no_failure"},
                {"state": "cancelled"},
                {"status": "failed over"},
            ),
        ),
        _sure(
            "flag_failed",
            "`success` is false, or `failed` is true with a word of why",
            _own_flag,
            names.SUCCESS_FLAGS | names.FAILURE_FLAGS,
            catches=outputs(
                {"success": False}, {"failed": True, "reason": "boom"}, {"body": {"success": False, "detail": "boom"}}
            ),
            lets_pass=outputs(_CHECKS, {"ok": False, "valid": False}, {"failed": 2, "message": "of many"}),
        ),
        _sure(
            "code_failed",
            "an HTTP status from 400, or the number of an error with a word of why",
            _own_code,
            names.EXPLAINED_CODES | names.ERROR_CODES,
            catches=outputs(
                {"statusCode": 422, "body": "{}"},
                {"status": "500 Internal Server Error"},
                {"code": 500, "message": "boom"},
                {"error_code": "E_MODEL", "msg": "no weights"},
            ),
            lets_pass=outputs(
                _PAGE,
                {"code": 0, "message": "success"},
                {"error_code": "OK", "message": "done"},
                {"code": 404, "pages": 1},
            ),
        ),
        _sure(
            "kind_error",
            "an object that calls itself an error and says why, as OpenAI's API and events of a stream do",
            _own_kind,
            names.KINDS,
            catches=outputs(
                {"object": "error", "message": "no model"}, [{"text": "a"}, {"type": "error", "message": "boom"}]
            ),
            lets_pass=outputs(
                {"diagnostics": [{"type": "error", "message": "missing semicolon", "line": 3}]},
                [{"type": "error", "message": "missing semicolon", "line": 3}],
                {"type": "error"},
            ),
        ),
        _sure(
            "server_detail",
            "what FastAPI answers instead of the application",
            _server_detail,
            frozenset({"detail"}),
            catches=outputs({"detail": "Not Found"}, {"detail": [{"loc": ["body", "a"], "msg": "field required"}]}),
            lets_pass=outputs({"detail": "a cat on a mat"}, {"items": [{"detail": "Not Found"}]}),
        ),
        Rule(
            name="state_of_another",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="a bad state that may be that of something else",
            looks=Looks.OBJECTS,
            find=_state_of_another,
            names=_ALL,
            catches=outputs(
                _PAGE,
                {"name": "face", "success": False, "message": "no face in the picture"},
                {"payment": {"status": "failed", "reason": "declined"}},
                {"url": "https://example.com", "status": 500, "message": "Internal Server Error"},
            ),
            lets_pass=(
                *outputs(_CHECKS, _JOBS, {"payment": {"status": "settled"}}),
                Example(output={"name": "a", "status": "failed"}, given={"name": "a", "status": "failed"}),
            ),
        ),
        Rule(
            name="state_doubtful",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            looks=Looks.OBJECTS,
            reason="a state that may be the answer or the lack of one, with a word of why",
            find=_doubtful_state,
            names=names.STATES | {"ok"},
            catches=outputs({"status": "cancelled", "reason": "no GPU"}, {"ok": False, "reason": "no GPU"}),
            lets_pass=outputs({"state": "cancelled"}, {"ok": False}, {"ok": True, "message": "fine"}),
        ),
    ),
)
