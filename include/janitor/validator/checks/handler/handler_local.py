"""`handler_local`: the handler does its work on test_input.json in the SDK's local mode.

Passes only by what the run shows: exit code 0, the completed line, a whole result without generator, error or void.
"""

from __future__ import annotations

import uuid

from janitor.diagnosis.handler.api_judge import asked_of
from janitor.diagnosis.handler.log_judge import judge_local_run, printed_result
from janitor.diagnosis.handler.output_rules.author import Asked
from janitor.diagnosis.handler.python_repr import parse_repr
from janitor.diagnosis.handler.sdk_log import LOCAL_END
from janitor.diagnosis.handler.verdict import Outcome, Verdict, inconclusive
from janitor.diagnosis.host_conditions import excuse
from janitor.diagnosis.real_path.logged_errors import during_the_job, judged_with_log, logged_errors
from janitor.protocol.report import Evidence
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import Engine
from janitor.validator.checks.handler.handler_api import NOT_IN_THE_LOG, gpu_unused
from janitor.validator.checks.handler.handler_facts import (
    LOCAL_LOG,
    LocalFacts,
    LocalRun,
    nothing_to_test_with,
    raised_at,
    with_remarks,
)
from janitor.validator.checks.handler.log_limits import (
    ONLY_THERE,
    asks_for_the_platform,
    hides_output,
    numbers_are_unsure,
)
from janitor.validator.context import CheckContext
from janitor.validator.engine import BuiltWorker, EngineError, HandlerRun
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, errored, failed, passed, skipped


def check_handler_local(context: CheckContext, facts: LocalFacts) -> Finding | Produced[LocalRun]:
    """Run the worker on its test input."""
    source = facts.worker.facts
    if source.has_no_handler:
        return skipped(ReasonCode.LOAD_BALANCER, "a load-balanced worker has no handler to test", required=True)
    if source.test_input is None:
        if source.cases:
            return skipped(ReasonCode.NO_TEST_INPUT, "there is no test_input.json; tests.json is run through the API")
        return skipped(ReasonCode.NO_TEST_INPUT, nothing_to_test_with(source), required=True)
    if source.handler_kind.is_generator:
        return skipped(ReasonCode.GENERATOR_NEEDS_API, "the local mode never iterates a generator; the API does")
    job_id = _new_job_id(facts.worker)
    job = source.test_input if job_id is None else {**source.test_input, "id": job_id}
    try:
        handler_run = facts.worker.run_local(job, source.test_environment, facts.started)
    except EngineError as exc:
        return errored(ReasonCode.ENGINE_TROUBLE, str(exc))
    log = context.evidence.log(LOCAL_LOG, handler_run.outcome)
    asked = Asked(given=source.test_input.get("input"), success_when=context.spec.repository.condition)
    verdict = _verdict(facts.worker, handler_run, job_id, asked)
    finding = _conclude(context, facts, handler_run, verdict, log)
    return Produced(finding, LocalRun(handler_run.outcome.output, verdict, handler_run.outcome.seconds))


def _new_job_id(worker: BuiltWorker) -> str | None:
    """An id that nobody knew before, as on the platform: a log that names another tells of another job, or was not
    written by the SDK. An SDK of the repository's own is left alone, and so is a container, which has run already when
    this check begins."""
    names = {path.rsplit("/runpod", 1)[-1] for path in worker.facts.image_files}
    if worker.kind is not Engine.VENV or names & {".py", "/__init__.py"}:
        return None
    return str(uuid.uuid4())


def _verdict(worker: BuiltWorker, handler_run: HandlerRun, job_id: str | None, asked: Asked) -> Verdict | None:
    """What the run shows of the handler; None where it was ended before it could show anything."""
    outcome = handler_run.outcome
    text, source = outcome.output.text, worker.facts
    if handler_run.out_of_memory or (outcome.exit_code is None and LOCAL_END not in text):
        return None
    verdict = judge_local_run(text, outcome.exit_code or 0, job_id, asked)
    if outcome.exit_code is None and verdict.passes:
        verdict = inconclusive(ReasonCode.EXIT_HANGS, "the worker did its job and did not end: only the API can tell")
    if verdict.code == ReasonCode.SDK_NOT_STARTED and hides_output(source):
        verdict = inconclusive(ReasonCode.LOG_SILENT, "the program has its output go elsewhere: its log doesn't tell")
    elif verdict.code == ReasonCode.SDK_NOT_STARTED and asks_for_the_platform(source):
        verdict = Verdict(
            outcome=Outcome.ERROR, code=ReasonCode.PLATFORM_ONLY, reason=f"{verdict.reason}: {ONLY_THERE}"
        )
    verdict = _with_log(source, text, verdict, asked)
    if verdict.passes and numbers_are_unsure(source, text):
        verdict = inconclusive(
            ReasonCode.NUMBERS_UNSURE, "numbers of a numpy before 2 print like Python's, and JSON has none"
        )
    return verdict


def _with_log(source: WorkerFacts, text: str, verdict: Verdict, asked: Asked) -> Verdict:
    """The verdict on the result with what was logged while the job was done."""
    result = printed_result(text) or ""
    parsed = parse_repr(result.split("\n", 1)[0])
    errors = logged_errors(during_the_job(text), result)
    output = parsed.value.get("output", ...) if parsed.is_literal and isinstance(parsed.value, dict) else ...
    stated = (asked_of(case) for case in source.cases if case.input == asked.given)
    is_settled = asked.is_settled_by_author or any(each.is_settled_by_author for each in stated)
    return judged_with_log(verdict, errors, output, is_settled=is_settled)


def _conclude(
    context: CheckContext, facts: LocalFacts, handler_run: HandlerRun, verdict: Verdict | None, log: Evidence
) -> Finding:
    outcome, worker = handler_run.outcome, facts.worker
    if verdict is None:
        if handler_run.out_of_memory:
            return errored(
                ReasonCode.OUT_OF_MEMORY, "the kernel killed the worker for want of memory", log, outcome=outcome
            )
        return errored(ReasonCode.HANDLER_STOPPED, "the worker was stopped before it ended", log, outcome=outcome)
    if verdict.passes:
        # Cases of tests.json come later, and may be the ones that need the GPU.
        if not worker.facts.cases and (unused := gpu_unused(context, worker, facts.gpu)):
            return failed(ReasonCode.GPU_UNUSED, unused, log, outcome=outcome)
        left = f"processes that outlived the worker and were ended: {outcome.left_behind}"
        noted = [context.evidence.value("left behind", left)] if outcome.left_behind else []
        return with_remarks(passed(log, *noted, outcome=outcome), [("test_input", verdict)])
    code, reason = verdict.code or ReasonCode.UNKNOWN, verdict.reason or "unknown"
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return skipped(code, reason, log)
    if verdict.outcome is Outcome.ERROR:
        return errored(code, reason, log, outcome=outcome)
    text = "" if code in NOT_IN_THE_LOG else outcome.output.text
    if trouble := excuse(text, reason, worker.place):
        return errored(trouble.code, f"{reason}; {trouble.reason}", log, outcome=outcome)
    finding = failed(code, reason, log, outcome=outcome, locations=raised_at(worker, outcome.output.text, reason))
    return finding.measured(rule=verdict.rule)
