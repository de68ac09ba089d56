"""`handler_api`: the handler answers every test case through the SDK's API, judged by the body of each answer.

The only test that counts for a generator, and the one that tests.json asks for. Getting ready has a clock of its own,
so that a cold start isn't charged to the first case.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from janitor.diagnosis.handler.verdict import Outcome, Verdict
from janitor.diagnosis.host_conditions import excuse
from janitor.inspection.documents.tests_file import TestCase
from janitor.protocol.order.success_when import Condition
from janitor.protocol.report import Evidence
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.handler.api_session import Asking, Session, run_session
from janitor.validator.checks.handler.handler_facts import (
    API_LOG,
    ApiFacts,
    ApiRun,
    new_remarks,
    nothing_to_test_with,
    raised_at,
    with_remarks,
)
from janitor.validator.checks.handler.real_path import may_be_asked_again, prove_further
from janitor.validator.checks.handler.second_job import prove_by_api
from janitor.validator.checks.handler.session_judge import judge_session, judge_tried
from janitor.validator.context import CheckContext
from janitor.validator.engine import BuiltWorker, EngineError, GpuResult
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, errored, failed, passed, skipped

_MOST_BODIES = 10
NOT_IN_THE_LOG = frozenset({ReasonCode.OUTPUT_MISMATCH, ReasonCode.OUTPUT_NOT_JSON})
"""Failures of which no other line of the log can be the cause."""


def check_handler_api(context: CheckContext, facts: ApiFacts) -> Finding | Produced[ApiRun]:
    """Run the test cases through the API, if the local mode doesn't suffice."""
    source = facts.worker.facts
    if source.has_no_handler:
        return skipped(ReasonCode.LOAD_BALANCER, "a load-balanced worker has no handler to test", required=True)
    cases = _cases(source, context.spec.repository.condition, local_has_passed=facts.local_has_passed)
    if not cases:
        if facts.local is not None and facts.local.has_passed:
            return prove_by_api(context, facts, facts.local)
        return skipped(ReasonCode.NO_TEST_INPUT, nothing_to_test_with(source), required=True)
    sessions: list[Session] = []
    finding = _run_sessions(context, facts, cases, sessions)
    bad_answer = sessions[-1].bad_answer if sessions else None
    return Produced(finding, ApiRun(tuple(session.log for session in sessions), bad_answer))


def _run_sessions(context: CheckContext, facts: ApiFacts, cases: list[TestCase], sessions: list[Session]) -> Finding:
    """Ask all cases, in a session for each command; what sessions there were is noted, however it ends."""
    verdicts: list[tuple[str, Verdict]] = []
    evidence: list[Evidence] = []
    asking = Asking()
    groups = [(command, list(group)) for command, group in groupby(cases, key=lambda case: case.command)]
    for number, (command, group) in enumerate(groups, start=1):
        try:
            is_last = number == len(groups)
            session = run_session(
                context,
                facts,
                command,
                group,
                asking,
                judge=judge_tried,
                asks_again=is_last and may_be_asked_again(facts.worker.facts),
                with_bad_input=is_last,
            )
        except EngineError as exc:
            return errored(ReasonCode.ENGINE_TROUBLE, str(exc), *evidence)
        sessions.append(session)
        evidence.append(context.evidence.log(API_LOG, session.outcome))
        bodies = [(tried.case.name, tried.answer) for tried in session.tried if tried.answer is not None]
        evidence += [context.evidence.http(name, answer.body) for name, answer in bodies[:_MOST_BODIES]]
        if session.out_of_memory and session.again is None:
            reason = "the kernel killed the worker for want of memory"
            return errored(ReasonCode.OUT_OF_MEMORY, reason, *evidence[:30], outcome=session.outcome)
        found = judge_session(facts, session)
        verdicts += found
        if not all(verdict.passes for _, verdict in found):
            break
    lines = [
        f"{name}: {'pass' if verdict.passes else f'{verdict.code}: {verdict.reason}'}" for name, verdict in verdicts
    ]
    summary = context.evidence.value("cases", "\n".join([*lines, f"{len(cases)} cases in all"]))
    finding = _conclude(context, facts, verdicts, [summary, *evidence[:30]], sessions[-1])
    return prove_further(context, facts, sessions[-1], finding)


def _cases(source: WorkerFacts, condition: Condition | None, *, local_has_passed: bool) -> list[TestCase]:
    """The cases of tests.json, and the test input unless it has passed already.

    What a case says itself of a good answer goes before the config's condition.
    """
    cases = list(source.cases)
    if source.test_input is not None and not local_has_passed:
        wanted = source.test_input["input"]
        if all(case.input != wanted for case in cases):
            cases.append(TestCase(name="test_input", input=wanted, limit=None))
    return [
        case if case.has_expected or case.success_when is not None else replace(case, success_when=condition)
        for case in cases
    ]


def _conclude(
    context: CheckContext,
    facts: ApiFacts,
    verdicts: list[tuple[str, Verdict]],
    evidence: list[Evidence],
    session: Session,
) -> Finding:
    """The finding on all verdicts; `session` is the last one, in which the first bad verdict came."""
    outcome = session.outcome
    bad = [(name, verdict) for name, verdict in verdicts if not verdict.passes]
    if not bad:
        if unused := gpu_unused(context, facts.worker, facts.gpu):
            return failed(ReasonCode.GPU_UNUSED, unused, *evidence, outcome=outcome)
        finding = passed(*evidence, *gpu_evidence(context, facts.worker), outcome=outcome)
        return with_remarks(finding, new_remarks(facts, verdicts))
    name, verdict = bad[0]
    reason = f"{name}: {verdict.reason}"
    if verdict.outcome is Outcome.ERROR:
        return errored(verdict.code or ReasonCode.UNKNOWN, reason, *evidence, outcome=outcome)
    text = "" if verdict.code in NOT_IN_THE_LOG else session.log.text
    trouble = excuse(text, reason, facts.worker.place)
    if trouble is not None:
        return errored(trouble.code, f"{reason}; {trouble.reason}", *evidence, outcome=outcome)
    locations = raised_at(facts.worker, session.log.text, reason)
    code = verdict.code or ReasonCode.UNKNOWN
    finding = failed(code, reason, *evidence, outcome=outcome, locations=locations)
    return finding.measured(rule=verdict.rule)


def gpu_unused(context: CheckContext, worker: BuiltWorker, gpu: GpuResult | None) -> str | None:
    """Why a worker that answered well fails all the same: it needs a GPU, and left no trace on the one that is here.

    An image without CUDA has nothing to use a GPU with; that it works is all that can be asked of it.
    """
    use = worker.gpu_use
    if not context.spec.gpu_required or use is None or (gpu is not None and gpu.cuda_detected is False):
        return None
    if use.was_used or use.may_be_missed:
        return None
    return f"a GPU is required, and the worker passed on the CPU: {use.described()}"


def gpu_evidence(context: CheckContext, worker: BuiltWorker) -> list[Evidence]:
    """What the GPUs did, where that was seen."""
    return [] if worker.gpu_use is None else [context.evidence.value("GPU use", worker.gpu_use.described())]
