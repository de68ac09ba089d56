"""`negative_input`: bad input gives a clean error, and the worker lives on. Never required.

Asked at the end of `handler_api`'s last session, or in a short session of its own where there was none.
"""

from __future__ import annotations

from janitor.diagnosis.handler.bad_input import judge_bad_answer
from janitor.diagnosis.handler.verdict import PASSED
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.checks.handler.api_session import Asking, optional_time, run_session
from janitor.validator.checks.handler.handler_facts import AnsweredFacts, ApiFacts
from janitor.validator.checks.handler.session_judge import judge_tried
from janitor.validator.context import CheckContext
from janitor.validator.engine import EngineError
from janitor.validator.findings import Finding, errored, failed, passed, skipped


def check_negative_input(context: CheckContext, facts: AnsweredFacts) -> Finding:
    """Judge what the worker made of bad input."""
    answer = facts.api.bad_answer if facts.api is not None else None
    if answer is None:
        local, api_went_wrong = facts.local, facts.api_status in (CheckStatus.FAIL, CheckStatus.ERROR)
        if local is None or not local.has_passed or api_went_wrong:
            return skipped(ReasonCode.HANDLER_NOT_PASSED, "the handler passed no test with good input")
        if facts.api is not None and facts.api.not_ready is not None:
            return skipped(ReasonCode.NOT_READY, f"the worker could not be asked: {facts.api.not_ready}")
        if facts.api_status is CheckStatus.PASS:
            return skipped(
                ReasonCode.NO_TIME, "too little time was left before the deadline to ask for an optional check"
            )
        try:
            limit = optional_time(context)
            asked = ApiFacts(facts.worker, None, local)
            session = run_session(
                context,
                asked,
                None,
                [],
                Asking(),
                judge=judge_tried,
                asks_again=False,
                with_bad_input=True,
                ready_limit=limit,
            )
        except EngineError as exc:
            return errored(ReasonCode.ENGINE_TROUBLE, str(exc), required=False)
        answer = session.bad_answer
        if answer is None:
            reason = session.not_ready.reason if session.not_ready else "the worker was not asked"
            return skipped(ReasonCode.NOT_READY, f"the worker could not be asked: {reason}")
    evidence = context.evidence.http("answer to bad input", answer.body)
    verdict = judge_bad_answer(answer)
    if verdict is PASSED:
        return passed(evidence, required=False)
    return failed(verdict.code or ReasonCode.UNKNOWN, verdict.reason or "unknown", evidence, required=False)
