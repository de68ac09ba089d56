"""`handler_api`: the handler answers every test case through the SDK's API, judged by the body of each answer.

The only test that counts for a generator, and the one that tests.json asks for. Getting ready has a clock of its own,
so that a cold start isn't charged to the first case.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from janitor.diagnosis.handler.api_judge import generator_was_iterated, judge_answer
from janitor.diagnosis.handler.raw_outputs import judge_raw_outputs, shows_returns
from janitor.diagnosis.handler.sdk_log import read_sdk_log
from janitor.diagnosis.handler.verdict import PASSED, Outcome, Verdict, failing
from janitor.diagnosis.host_conditions import denied_here, host_condition
from janitor.inspection.documents.tests_file import TestCase
from janitor.protocol.reason_codes import ReasonCode
from janitor.protocol.report import Evidence
from janitor.protocol.success_when import Condition
from janitor.validator.checks.handler.api_session import Asking, Session, run_session
from janitor.validator.checks.handler.handler_facts import API_LOG, ApiFacts, ApiRun, nothing_to_test_with, with_remarks
from janitor.validator.context import CheckContext
from janitor.validator.engine import BuiltWorker, EngineError, GpuResult
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, errored, failed, passed, skipped

_MOST_BODIES = 10
_EXCUSE_CHARACTERS = 12_000
NOT_IN_THE_LOG = frozenset({ReasonCode.OUTPUT_MISMATCH, ReasonCode.OUTPUT_NOT_JSON})
"""Failures of which no other line of the log can be the cause."""


def check_handler_api(context: CheckContext, facts: ApiFacts) -> Finding | Produced[ApiRun]:
    """Run the test cases through the API, if the local mode doesn't suffice."""
    source = facts.worker.facts
    if source.has_no_handler:
        return skipped(ReasonCode.LOAD_BALANCER, "a load-balanced worker has no handler to test", required=True)
    cases = _cases(source, context.spec.repository.condition, local_has_passed=facts.local_has_passed)
    if not cases:
        if facts.local_has_passed:
            return skipped(ReasonCode.NOT_NEEDED, "a plain handler without tests.json is tested by its local mode")
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
            session = run_session(context, facts, command, group, asking, with_bad_input=number == len(groups))
        except EngineError as exc:
            return errored(ReasonCode.ENGINE_TROUBLE, str(exc), *evidence)
        sessions.append(session)
        evidence.append(context.evidence.log(API_LOG, session.outcome))
        bodies = [(tried.case.name, tried.answer) for tried in session.tried if tried.answer is not None]
        evidence += [context.evidence.http(name, answer.body) for name, answer in bodies[:_MOST_BODIES]]
        if session.out_of_memory:
            reason = "the kernel killed the worker for want of memory"
            return errored(ReasonCode.OUT_OF_MEMORY, reason, *evidence[:30], outcome=session.outcome)
        found = _judge(facts, session)
        verdicts += found
        if not all(verdict.passes for _, verdict in found):
            break
    lines = [
        f"{name}: {'pass' if verdict.passes else f'{verdict.code}: {verdict.reason}'}" for name, verdict in verdicts
    ]
    summary = context.evidence.value("cases", "\n".join([*lines, f"{len(cases)} cases in all"]))
    return _conclude(context, facts, verdicts, [summary, *evidence[:30]], sessions[-1])


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


def _judge(facts: ApiFacts, session: Session) -> list[tuple[str, Verdict]]:
    if session.not_ready is not None:
        return [("start", session.not_ready)]
    verdicts = []
    for tried in session.tried:
        verdict = tried.problem
        if verdict is None and tried.answer is not None:
            verdict = judge_answer(tried.case, tried.answer.status, tried.answer.body, tried.log)
        verdicts.append((tried.case.name, verdict or PASSED))
    if all(verdict.passes for _, verdict in verdicts):
        said = read_sdk_log(session.log.text)
        raw = judge_raw_outputs(said, [tried.answer.body for tried in session.tried if tried.answer is not None])
        if not raw.passes:
            verdicts.append(("output", raw))
        elif _is_generator_unseen(facts, session.log.text) and not shows_returns(said) and not said.is_silent:
            reason = "the handler returns a generator without being one, which the platform never iterates"
            verdicts.append(("generator", failing(ReasonCode.GENERATOR_RETURNED, reason)))
    return verdicts


def _is_generator_unseen(facts: ApiFacts, log: str) -> bool:
    """Whether the handler should be a generator, and the SDK didn't take it for one."""
    is_told = facts.local is not None and facts.local.code == ReasonCode.GENERATOR_NOT_ITERATED
    expected = facts.worker.facts.handler_kind.is_generator or is_told
    return expected and not generator_was_iterated(log)


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
        return with_remarks(finding, verdicts)
    name, verdict = bad[0]
    reason = f"{name}: {verdict.reason}"
    if verdict.outcome is Outcome.ERROR:
        return errored(verdict.code or ReasonCode.UNKNOWN, reason, *evidence, outcome=outcome)
    text = "" if verdict.code in NOT_IN_THE_LOG else session.log.text[-_EXCUSE_CHARACTERS:]
    place = facts.worker.place
    trouble = host_condition(text, place) or denied_here(reason, place)
    if trouble is not None:
        return errored(trouble.code, f"{reason}; {trouble.reason}", *evidence, outcome=outcome)
    return failed(verdict.code or ReasonCode.UNKNOWN, reason, *evidence, outcome=outcome)


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
