"""What a life of the worker's API shows: of each case, of all answers together, and of the one that was asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from janitor.diagnosis.handler.api_judge import asked_of, generator_was_iterated, judge_answer
from janitor.diagnosis.handler.output_rules.author import same_value
from janitor.diagnosis.handler.raw_outputs import judge_raw_outputs, shows_returns
from janitor.diagnosis.handler.sdk_log import read_sdk_log
from janitor.diagnosis.handler.verdict import PASSED, Remark, Verdict, clipped, failing
from janitor.diagnosis.host_conditions import Place, excuse
from janitor.diagnosis.real_path.logged_errors import during_the_job, judged_with_log, logged_errors
from janitor.inspection.python.sdk_use import Refresh, SdkUse
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.handler.api_session import Again, Session, Tried
from janitor.validator.checks.handler.handler_facts import ApiFacts


def judge_session(facts: ApiFacts, session: Session) -> list[tuple[str, Verdict]]:
    """A verdict for each case by its name, then those on all answers together where there is something to say."""
    if session.not_ready is not None:
        return [("start", session.not_ready)]
    verdicts = [(tried.case.name, verdict) for tried, verdict in zip(session.tried, session.verdicts, strict=True)]
    if all(verdict.passes for _, verdict in verdicts):
        said = read_sdk_log(session.log.text)
        answers = [*session.tried, *_asked_again(session)]
        raw = judge_raw_outputs(said, [tried.answer.body for tried in answers if tried.answer is not None])
        if not raw.passes:
            verdicts.append(("output", raw))
        elif _is_generator_unseen(facts, session.log.text) and not shows_returns(said) and not said.is_silent:
            reason = "the handler returns a generator without being one, which the platform never iterates"
            verdicts.append(("generator", failing(ReasonCode.GENERATOR_RETURNED, reason)))
    return verdicts


def judge_tried(tried: Tried) -> Verdict:
    """What came of one case, by its answer and by what was logged meanwhile."""
    if tried.problem is not None or tried.answer is None:
        return tried.problem or PASSED
    verdict = judge_answer(tried.case, tried.answer.status, tried.answer.body, tried.log)
    if not verdict.passes:
        return verdict
    body = tried.answer.body
    errors = logged_errors(during_the_job(tried.said), body.decode("utf-8", errors="replace"))
    if not errors:
        return verdict  # as most do: a large answer need not be read once more
    return judged_with_log(verdict, errors, answered_output(body), is_settled=asked_of(tried.case).is_settled_by_author)


def answered_output(body: bytes) -> Any:
    """What the job gave, in the API's answer; None where there is none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer.get("output") if isinstance(answer, dict) else None


def judge_again(session: Session, place: Place, sdk: SdkUse) -> Verdict | None:
    """What the same input shows that was sent twice to one process; None where it wasn't, or couldn't be.

    A worker that was stopped by what isn't its own is none that serves one job only.
    """
    again = session.again
    if again is None or again.tried is None:
        return None
    verdict = _judge_second(again, again.tried)
    if verdict.passes:
        return verdict
    reason = f"the same input, sent again to the same process: {verdict.reason}"
    if session.out_of_memory:
        return _unclear(f"{reason}; the kernel killed the worker for want of memory")
    is_silent = read_sdk_log(session.log.text).is_silent
    if sdk.refresh is not Refresh.NO or (sdk.job_may_refresh and is_silent):
        return _unclear(f"{reason}; the worker may ask to be replaced after each job (refresh_worker)")
    if trouble := excuse(session.log.text, reason, place):
        return _unclear(f"{reason}; {trouble.reason}")
    return failing(ReasonCode.ONE_JOB_ONLY, f"{again.first.case.name}: the worker serves one job only: {reason}")


def _judge_second(again: Again, second: Tried) -> Verdict:
    verdict = judge_tried(second)
    if verdict.passes or verdict.code != ReasonCode.OUTPUT_MISMATCH or again.first.answer is None:
        return replace(verdict, remarks=()) if verdict.passes else verdict
    # The author stated what the first job gives, and not that every further one gives the same.
    verdict = judge_tried(replace(second, case=replace(second.case, has_expected=False, expected=None)))
    if not verdict.passes:
        return verdict
    first, other = (answered_output(each.answer.body) for each in (again.first, second) if each.answer is not None)
    if same_value(first, other):
        return PASSED
    text = f"{second.case.name}, sent again to the same process, got another answer: {clipped(other, 120)}"
    return replace(PASSED, remarks=(Remark(code=ReasonCode.ANOTHER_ANSWER, text=text),))


def _unclear(text: str) -> Verdict:
    return replace(PASSED, remarks=(Remark(code=ReasonCode.SECOND_JOB_UNCLEAR, text=text),))


def _asked_again(session: Session) -> list[Tried]:
    return [session.again.tried] if session.again is not None and session.again.tried is not None else []


def _is_generator_unseen(facts: ApiFacts, log: str) -> bool:
    """Whether the handler should be a generator, and the SDK didn't take it for one."""
    is_told = facts.local is not None and facts.local.code == ReasonCode.GENERATOR_NOT_ITERATED
    expected = facts.worker.facts.handler_kind.is_generator or is_told
    return expected and not generator_was_iterated(log)
