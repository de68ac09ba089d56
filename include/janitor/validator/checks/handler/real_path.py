"""What is shown of a worker beyond its answers: that one process serves more than one job, what it does where the
platform's variables are set, and that the functions work which the SDK calls on the platform alone.

Each is asked once all cases were answered well, within the time that is left. A fault fails the check; what couldn't be
asked is left unproven, and never costs a verdict.
"""

from __future__ import annotations

from janitor.inspection.python.sdk_use import Refresh
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.checks.handler.api_session import Session
from janitor.validator.checks.handler.callbacks import with_callbacks
from janitor.validator.checks.handler.handler_facts import ApiFacts, turned, with_remarks
from janitor.validator.checks.handler.platform_branch import with_platform_branch
from janitor.validator.checks.handler.session_judge import judge_again
from janitor.validator.context import CheckContext
from janitor.validator.facts import SourceFacts
from janitor.validator.findings import Finding


def may_be_asked_again(source: SourceFacts) -> bool:
    """Whether a process owes a second job: not where the platform is asked to replace it after each."""
    return source.sdk.refresh is not Refresh.YES


def prove_further(context: CheckContext, facts: ApiFacts, session: Session, finding: Finding) -> Finding:
    """The finding on cases that were answered well, with what else is shown; any other finding as it is.

    Args:
        context: The validation.
        facts: The worker.
        session: The last life of its API.
        finding: On the cases.
    """
    for further in (with_second_job, with_stream_as_output, with_platform_branch, with_callbacks):
        if finding.status is not CheckStatus.PASS:
            break
        finding = further(context, facts, session, finding)
    return finding


def with_second_job(_context: CheckContext, facts: ApiFacts, session: Session, finding: Finding) -> Finding:
    """The same with what became of the input that was sent twice."""
    again = session.again
    if again is None:
        return finding
    if again.unproven is not None:
        if len(session.tried) > 1:
            return finding  # the process has served several jobs
        text = f"whether one process serves a second job: {again.unproven}"
        return finding.left_unproven(UnprovenKind.NOT_ASKED, text)
    verdict = judge_again(session, facts.worker.place, facts.worker.facts.sdk)
    if verdict is None:
        return finding
    if verdict.passes:
        return with_remarks(finding, [(again.first.case.name, verdict)])
    return turned(finding, verdict.code or ReasonCode.UNKNOWN, verdict.reason or "unknown")


def with_stream_as_output(_context: CheckContext, facts: ApiFacts, _session: Session, finding: Finding) -> Finding:
    """The same with a note where the tests expect of a generator what the API here gives and the platform doesn't.

    Source: runpod-python, rp_job.py, handle_job: parts are the job's output only with `return_aggregate_stream`.
    """
    source = facts.worker.facts
    expected = [case.name for case in source.cases if case.has_expected or case.success_when is not None]
    if not source.handler_kind.is_generator or not expected or source.sdk.may_aggregate:
        return finding
    text = f"{expected[0]} states what comes back, which a generator gives as a stream alone on the platform"
    return finding.noted(ReasonCode.STREAM_NOT_AGGREGATED, f"{text}: return_aggregate_stream isn't set")
