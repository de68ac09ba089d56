"""What a worker does where it finds the platform's variables: asked in a life of its own, once it has worked without.

Only what the platform sets and the SDK doesn't act upon can be set here. With the address of the job queue the SDK
would ask the platform for work; with a key it would report to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from janitor.diagnosis.handler.verdict import Outcome, Verdict
from janitor.diagnosis.host_conditions import excuse
from janitor.inspection.python.sdk_use import Named
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.handler.api_session import READY_LIMIT, Session, Tried, room_for_another, run_session
from janitor.validator.checks.handler.handler_facts import ApiFacts, turned
from janitor.validator.checks.handler.session_judge import judge_session, judge_tried
from janitor.validator.context import CheckContext
from janitor.validator.engine import EngineError
from janitor.validator.findings import Finding

VARIABLES: Mapping[str, str] = {
    "RUNPOD_POD_ID": "janitor7pod4only",
    "RUNPOD_ENDPOINT_ID": "janitor7endpoint",
    "RUNPOD_POD_HOSTNAME": "janitor7pod4only-64410aa2",
    "RUNPOD_DC_ID": "EU-RO-1",
}
"""Values as the platform has them, of a pod and an endpoint that nobody has."""
_TELLS_THE_PLATFORM = "RUNPOD_WEBHOOK_GET_JOB"
"""The SDK itself tells by it where it runs; a program that reads it does so to do something else elsewhere."""
_SLOWER = 1.5


def with_platform_branch(context: CheckContext, facts: ApiFacts, session: Session, finding: Finding) -> Finding:
    """The finding with what the worker does as on the platform, where its source asks for that."""
    source = facts.worker.facts
    given = {**source.image.dockerfile.final.environment, **source.test_environment, **context.worker_variables}
    named = [each for each in source.sdk.platform_variables if each.name not in given]
    for each in named:
        if each.name not in VARIABLES:
            finding = _left(finding, each, f"what the worker does where the platform sets {each.name}")
        if each.name == _TELLS_THE_PLATFORM:
            text = f"what {each.path} does where {each.name} is set was not run: it is set on the platform alone"
            finding = finding.noted(ReasonCode.PLATFORM_ONLY, text, file=str(each.path), line=each.line)
    settable = [each for each in named if each.name in VARIABLES]
    case = min((each for each in session.tried if each.answer), key=_seconds, default=None)
    if not settable or case is None:
        return finding
    names = ", ".join(each.name for each in settable)
    first, unproven = settable[0], f"what the worker does where {names} is set"
    room = room_for_another(context, timedelta(seconds=(session.ready_seconds + _seconds(case)) * _SLOWER))
    if room is None:
        return _left(finding, first, f"{unproven}: there was no time to ask")
    limit = min(READY_LIMIT, room)
    try:
        life = run_session(
            context,
            facts,
            case.case.command,
            [case.case],
            session.asking,
            judge=judge_tried,
            asks_again=False,
            with_bad_input=False,
            ready_limit=limit,
            answer_limit=limit,
            variables=VARIABLES,
        )
    except EngineError as exc:
        return _left(finding, first, f"{unproven}: {exc}")
    bad = next((verdict for _, verdict in judge_session(facts, life) if not verdict.passes), None)
    if bad is None:
        return finding
    reason = f"with {names} set, as on the platform: {bad.reason}"
    if (not_its_own := _excuse(facts, life, bad, limit)) is not None:
        text = f"{reason}; {not_its_own}"
        finding = _left(finding, first, f"{unproven}: {not_its_own}")
        return finding.noted(ReasonCode.PLATFORM_BRANCH, text, file=str(first.path), line=first.line)
    place = f"{first.path}, line {first.line}"
    return turned(finding, ReasonCode.PLATFORM_BRANCH, f"{case.case.name}: the worker, {reason} ({place})")


def _excuse(facts: ApiFacts, life: Session, bad: Verdict, limit: timedelta) -> str | None:
    """Why the worker isn't to blame; None if it is."""
    reason = bad.reason or "unknown"
    if life.out_of_memory:
        return "the kernel killed the worker for want of memory"
    if bad.outcome is not Outcome.FAIL:
        return "it could not be asked"
    stated = [each.case.limit for each in life.tried]
    if bad.code == ReasonCode.TEST_TIMEOUT and stated == [None]:
        return f"there was no answer within {limit.total_seconds():.0f} s"
    if any(value in reason for value in VARIABLES.values()):
        return "the pod and the endpoint that it names are none that the platform knows"
    trouble = excuse(life.log.text, reason, facts.worker.place)
    return None if trouble is None else trouble.reason


def _left(finding: Finding, named: Named, text: str) -> Finding:
    return finding.left_unproven(UnprovenKind.NOT_ASKED, text, file=str(named.path), line=named.line)


def _seconds(tried: Tried) -> float:
    return tried.answer.seconds if tried.answer is not None else 0.0
