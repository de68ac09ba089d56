"""Rules for what an answer says of its own job: a status, a flag, a number.

A state is the job's own at the top of an answer, in an item of a list there, or with a word of explanation under a name
that says nothing else (`result`, `items`). Beside the name of something it tells of that: a page that was asked for, a
check that was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from janitor.diagnosis.handler.error_texts import is_http_phrase, tells_of_a_crash, tells_of_an_error
from janitor.diagnosis.handler.output_rules import names
from janitor.diagnosis.handler.output_rules.named_errors import are_findings
from janitor.diagnosis.handler.output_rules.part import About, Part, is_hollow
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Looks, Rule, Seen, outputs
from janitor.diagnosis.handler.stated_errors import says_all_well, says_none
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.terms.reason_codes import ReasonCode

_BAD_STATE = re.compile(
    r"(?!no[_ -])(?:(?:\w+[_ -])?error|(?:\w+[_-])?(?:failed|failure|aborted|timeout)|fail|errored"
    r"|failed_precondition|time(?:d[_ -]?)?out|exception|crashed|killed"
    r"|abort(?:ed)?|unsuccessful|panic(?:ked)?|oom(?:[_ -]?killed)?|out[_ -]of[_ -]memory|not[_ -]ok|ko|err)"
)
_DOUBTFUL_STATE = re.compile(r"cancell?ed|unhealthy|unavailable|rejected|denied|dead|stopped|stalled|degraded")
_OWN_DEVICE = re.compile(r"(?i)(?:cuda|cpu|gpu|mps|nvidia|xpu|rocm|tpu)")
_DECIDED = re.compile(r"[a-z][a-z_ -]{2,30}")
_STATE_TOLD = re.compile(r"(?:error|failed|failure)\s*:\s*\S.*|failed to \w.*", re.DOTALL)
_CODE_AS_TEXT = re.compile(r"[45]\d\d(?: [A-Za-z][A-Za-z -]{1,40})?")
_LONGEST_STATE = 40
_LONGEST_TOLD = 1_000
_HTTP_ERRORS = range(400, 600)
_STATED = names.STATES | names.SUCCESS_FLAGS | names.FAILURE_FLAGS | names.HTTP_CODES | names.ERROR_CODES | names.KINDS
_ALL = _STATED | names.EXPLAINED_CODES


def _bad_states(part: Part) -> Iterator[str]:
    for _name, key, item in part.those(names.STATES):
        if isinstance(item, str) and len(item) <= _LONGEST_TOLD:
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


def _answers_beside(part: Part) -> tuple[Any, ...]:
    """What stands beside a state and may be the answer that the state is a part of: the label of what was looked at.

    Where a word of why is an error's own, the state is the job's whatever stands beside it.
    """
    if part.holder in names.STATES or (part.explanation is not None and tells_of_an_error(part.explanation)):
        return ()
    return tuple(item for name, _key, item in part.members if _may_be_answer(name, item))


def _may_be_answer(name: str, item: Any) -> bool:
    if name == "errors":
        return are_findings(item)
    if name == "device":
        return isinstance(item, str) and _OWN_DEVICE.match(item) is None
    if name in names.NOT_TOLD | names.KEPT_BESIDE or name.endswith(("errors", "_id")):
        return False
    if name in names.ENVELOPES and isinstance(item, str):
        return False  # what a server's error has to say
    return name in names.JUDGED if isinstance(item, bool) else not is_hollow(item)


def _of_job(part: Part, keys: Iterator[str]) -> Seen | None:
    """A bad state of the job; what may be an answer beside it is none if the input holds all of it."""
    key = next(keys, None) if _is_own(part) else None
    return None if key is None else replace(_seen(part, key), echoes=_answers_beside(part))


def _own_state(part: Part) -> Seen | None:
    return _of_job(part, _bad_states(part))


def _own_flag(part: Part) -> Seen | None:
    return _of_job(part, _bad_flags(part))


def _own_code(part: Part) -> Seen | None:
    return _of_job(part, _bad_codes(part)) if part.is_result and not _is_decided(part) else None


def _is_decided(part: Part) -> bool:
    """Whether a state says in a word what was decided, so that a code tells why: declined, refunded."""
    bad = set(_bad_states(part))
    return any(
        isinstance(item, str) and _DECIDED.fullmatch(item) and key not in bad and not _DOUBTFUL_STATE.fullmatch(item)
        for _name, key, item in part.those(names.STATES)
    )


def _own_kind(part: Part) -> Seen | None:
    return _of_job(part, _bad_kinds(part)) if part.is_result else None


def _state_beside_answer(part: Part) -> Seen | None:
    bad = _all_bad(part)
    if not bad or not _is_own(part) or not (_answers_beside(part) or _is_decided(part)):
        return None
    return _seen(part, bad[0])


def _state_of_another(part: Part) -> Seen | None:
    bad = _all_bad(part)
    if not bad or _is_own(part) or part.about is About.FINDING:
        return None
    return _seen(part, bad[0]) if part.is_result or part.explanation is not None else None


def _all_bad(part: Part) -> list[str]:
    """The members that state something bad; a code or a kind does so at the top of an answer alone."""
    keys = [*_bad_states(part), *_bad_flags(part)]
    return [*keys, *_bad_codes(part), *_bad_kinds(part)] if part.is_result else keys


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
            catches=(
                *outputs(
                    {"status": "aborted", "reason": "no GPU found"},
                    {"state": "FAILED"},
                    {"results": [{"status": "ok"}, {"status": "error", "message": "boom"}]},
                    {"status": "Failed to load the model because it is nowhere to be found in the image"},
                    {"status": "failed", "message": "CUDA out of memory. Tried to allocate 2.00 GiB", "voice": "a"},
                    {"status": "error", "message": "no weights", "seconds": 0.2, "images": []},
                ),
                Example(output={"status": "error", "prompt": "a cat"}, given={"prompt": "a cat"}),
            ),
            lets_pass=outputs(
                _JOBS,
                {"results": [{"status": "failed"}]},
                {"status": "no_error"},
                {"status": "no_failure"},
                {"state": "cancelled"},
                {"status": "failed over"},
                {"status": "failed", "confidence": 0.9},
                {"part": "A-17", "status": "fail", "defects": [{"type": "scratch"}]},
                {"jobs": [{"name": "build", "conclusion": "failure"}], "status": "failure"},
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
            lets_pass=outputs(_CHECKS, {"ok": False, "valid": False}, {"failed": 2, "message": "of many"})
            + outputs(
                {"success": False, "reward": -1, "steps": 200}, {"failed": True, "message": "3 of 10", "score": 3}
            )
            + outputs({"success": False, "errors": [{"line": 1, "message": "expected ';'"}]}),
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
                {"status": "declined", "code": 402, "reason": "suspected fraud"},
                {"device": "dishwasher", "error_code": "E24", "message": "Drain blocked"},
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
                {"type": "error", "confidence": 0.9, "message": "disk full"},
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
            name="state_beside_answer",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="a bad state, flag or code beside other data, which may be the label of what was looked at",
            looks=Looks.OBJECTS,
            find=_state_beside_answer,
            names=_ALL,
            catches=outputs(
                {"status": "failed", "confidence": 0.9},
                {"success": False, "message": "The problem appears infeasible", "nit": 4, "x": [0.1]},
                [{"image": 0, "status": "failed", "defects": 3}, {"image": 1, "status": "passed", "defects": 0}],
                {"passed": False, "failed": True, "message": "1 of 1 tests"},
                {"type": "error", "priority": "high", "reason": "app is slow on start"},
                {"merchant": "X", "status": "Failed", "total": 3},
                {"status": "declined", "code": 402, "reason": "suspected fraud"},
            ),
            lets_pass=outputs({"status": "passed", "confidence": 0.9}, {"success": True, "reward": 1}),
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
