"""Shows of a worker that has passed in the local mode, which ends after one job, what only a process that lives on can
show: that it does the same job through the API, and then once more.

The local mode has decided already. A fault of the handler's own that shows here fails; an API that can't be asked, for
whatever reason, leaves this unproven.
"""

from __future__ import annotations

from datetime import timedelta

from janitor.diagnosis.handler.verdict import Outcome, Verdict
from janitor.diagnosis.host_conditions import excuse
from janitor.inspection.documents.tests_file import TestCase
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.checks.handler.api_session import READY_LIMIT, Asking, Session, room_for_another, run_session
from janitor.validator.checks.handler.callbacks import with_callbacks
from janitor.validator.checks.handler.handler_facts import (
    API_LOG,
    ApiFacts,
    ApiRun,
    LocalRun,
    new_remarks,
    turned,
    with_remarks,
)
from janitor.validator.checks.handler.real_path import may_be_asked_again, prove_further
from janitor.validator.checks.handler.session_judge import judge_session, judge_tried
from janitor.validator.context import CheckContext
from janitor.validator.engine import EngineError
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, passed, skipped

_NOT_NEEDED = "a plain handler without tests.json is tested by its local mode"
_PASSED_ON = frozenset({"input", "id", "webhook"})
"""Members of a job that the API gives to the handler."""
_SLOWER = 1.5
"""How much longer than the local mode the start and the job may take, for there to be time to ask."""
_SHOWS_NOTHING = frozenset({ReasonCode.INPUT_REFUSED, ReasonCode.ANSWER_INVALID, ReasonCode.OUTPUT_TOO_LARGE})
"""What is the API's way alone, and not the platform's."""


def prove_by_api(context: CheckContext, facts: ApiFacts, local: LocalRun) -> Finding | Produced[ApiRun]:
    """Ask the test input twice, if that can be; what was passed stays passed where it can't."""
    source = facts.worker.facts
    if not may_be_asked_again(source):
        finding = skipped(ReasonCode.NOT_NEEDED, f"{_NOT_NEEDED}; each process does one job (refresh_worker)")
        return with_callbacks(context, facts, None, finding)
    why, room = _cannot_be_asked(source), room_for_another(context, timedelta(seconds=local.seconds * _SLOWER))
    if why is not None or room is None:
        return with_callbacks(context, facts, None, _unasked(why or "there was no time for it before the deadline"))
    case = TestCase(
        name="test_input",
        input=(source.test_input or {})["input"],
        limit=None,
        success_when=context.spec.repository.condition,
    )
    limit = min(READY_LIMIT, room)
    try:
        session = run_session(
            context,
            facts,
            None,
            [case],
            Asking(),
            judge=judge_tried,
            asks_again=True,
            with_bad_input=True,
            ready_limit=limit,
            answer_limit=limit,
        )
    except EngineError as exc:
        return with_callbacks(context, facts, None, _unasked(str(exc)))
    verdicts = judge_session(facts, session)
    if session.not_ready is not None:
        reason = session.not_ready.reason or "unknown"
        finding = with_callbacks(context, facts, session, _unasked(reason))
        return Produced(finding, ApiRun((), None, not_ready=reason))
    finding = _conclude(context, facts, session, verdicts)
    if finding.status is CheckStatus.PASS:
        finding = prove_further(context, facts, session, with_remarks(finding, new_remarks(facts, verdicts)))
    return Produced(finding, ApiRun((session.log,), session.bad_answer))


def _cannot_be_asked(source: WorkerFacts) -> str | None:
    job = source.test_input or {}
    if more := sorted(str(name) for name in job if name not in _PASSED_ON):
        return f"the test input has {', '.join(more)[:100]} beside `input`, which the SDK's API doesn't pass on"
    if not isinstance(job.get("input"), dict):
        return "the SDK's API takes no input that isn't an object"
    return None


def _unasked(why: str) -> Finding:
    finding = skipped(ReasonCode.NOT_NEEDED, _NOT_NEEDED)
    return finding.left_unproven(UnprovenKind.NOT_ASKED, f"whether one process serves a second job: {why}")


def _conclude(context: CheckContext, facts: ApiFacts, session: Session, verdicts: list[tuple[str, Verdict]]) -> Finding:
    """What the first answer shows of a handler that has done this job before, in the local mode."""
    outcome = session.outcome
    bodies = [context.evidence.http(each.case.name, each.answer.body) for each in session.tried if each.answer]
    evidence = [context.evidence.log(API_LOG, outcome), *bodies]
    name, verdict = next(((name, each) for name, each in verdicts if not each.passes), ("", None))
    if verdict is None:
        return passed(*evidence, outcome=outcome)
    reason = f"{name}: {verdict.reason} (through the API; the local mode passed)"
    trouble = excuse(session.log.text, reason, facts.worker.place)
    is_unclear = verdict.outcome is not Outcome.FAIL or verdict.code in _SHOWS_NOTHING or session.out_of_memory
    answered = [each.answer for each in session.tried if each.answer is not None]
    if trouble is not None or is_unclear or not answered or answered[0].status != 200:
        said = reason if trouble is None else f"{reason}; {trouble.reason}"
        return _unasked(said).noted(ReasonCode.API_DIFFERS, f"the local mode passed and the API didn't: {said}")
    return turned(passed(*evidence, outcome=outcome), verdict.code or ReasonCode.UNKNOWN, reason)
