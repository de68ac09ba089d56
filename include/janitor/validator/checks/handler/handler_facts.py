"""What the checks that run the handler are given, and what they hand on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from janitor.diagnosis.handler.bad_input import BadAnswer
from janitor.diagnosis.handler.raised_place import raised_place
from janitor.diagnosis.handler.verdict import Verdict
from janitor.guest.processes.capture import Captured
from janitor.inspection.location import Location
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.engine import BuiltWorker, GpuResult, StartResult
from janitor.validator.facts import SourceFacts
from janitor.validator.findings import Finding, failed

LOCAL_LOG, API_LOG = "handler, local mode", "handler, API"
"""Names of the logs in the report."""


@dataclass(frozen=True)
class LocalRun:
    """`handler_local`: the handler ran in the SDK's local mode."""

    log: Captured
    verdict: Verdict | None
    """None where the run shows nothing of the handler."""
    seconds: float = 0.0
    """How long it took, its start included."""

    @property
    def has_passed(self) -> bool:
        """Whether the handler did its job."""
        return self.verdict is not None and self.verdict.passes

    @property
    def code(self) -> str | None:
        """What is wrong, or unclear."""
        return self.verdict.code if self.verdict is not None else None


@dataclass(frozen=True)
class ApiRun:
    """`handler_api`: the handler ran behind the SDK's API."""

    logs: tuple[Captured, ...]
    """Of each session."""
    bad_answer: BadAnswer | None
    """What came of bad input at the end of the last one; None where it wasn't asked."""
    not_ready: str | None = None
    """Why the API could not be asked; None where it could."""


@dataclass(frozen=True)
class LocalFacts:
    """For `handler_local`."""

    worker: BuiltWorker
    gpu: GpuResult | None
    started: StartResult | None


@dataclass(frozen=True)
class ApiFacts:
    """For `handler_api`, and for each session with the API."""

    worker: BuiltWorker
    gpu: GpuResult | None
    local: LocalRun | None

    @property
    def local_has_passed(self) -> bool:
        """Whether the local mode has shown that the handler works."""
        return self.local is not None and self.local.has_passed


@dataclass(frozen=True)
class AnsweredFacts:
    """For `negative_input`."""

    worker: BuiltWorker
    local: LocalRun | None
    api: ApiRun | None
    api_status: CheckStatus


@dataclass(frozen=True)
class HandlerLogs:
    """For `log_scan`."""

    local: LocalRun | None
    api: ApiRun | None


def with_remarks(finding: Finding, verdicts: Iterable[tuple[str, Verdict]]) -> Finding:
    """The finding with what was remarked on each case, by its name."""
    for name, verdict in verdicts:
        for remark in verdict.remarks:
            finding = finding.noted(remark.code, f"{name}: {remark.text}")
    return finding


def raised_at(worker: BuiltWorker, log: str, reason: str) -> list[Location]:
    """The line of the repository at which the exception was raised that the reason names, where the log tells."""
    files = {str(entry.path) for entry in worker.facts.tree.entries}
    place = raised_place(log, reason, files)
    return [] if place is None else [Location(path=place[0], line=place[1], message=reason)]


def nothing_to_test_with(source: SourceFacts) -> str:
    """Why a worker has no test: what isn't there, and what is there and can't be used, are two things."""
    layout = source.layout
    tests = layout.tests or layout.github_tests
    unusable = [str(layout.test_input)] if layout.test_input is not None else []
    unusable += [str(tests)] if tests is not None else []
    absent = ["test_input.json"] if layout.test_input is None else []
    absent += ["tests.json"] if tests is None else []
    if not unusable:
        return "there is neither test_input.json nor tests.json to test with"
    missing = f", and there is no {absent[0]}" if absent else ""
    return f"{' and '.join(unusable)} can't be tested with: tests_schema and test_input say why{missing}"


def turned(finding: Finding, code: ReasonCode, reason: str) -> Finding:
    """A finding that passed or was skipped, as a fail with its evidence and what was remarked."""
    fail = failed(code, reason)
    return replace(finding, status=fail.status, reason_code=fail.reason_code, reason=fail.reason, required=True)


def new_remarks(facts: ApiFacts, verdicts: Iterable[tuple[str, Verdict]]) -> list[tuple[str, Verdict]]:
    """The verdicts without what was remarked on the local mode's run already."""
    local = facts.local.verdict if facts.local is not None else None
    known = local.remarks if local is not None else ()
    return [
        (name, replace(verdict, remarks=tuple(remark for remark in verdict.remarks if remark not in known)))
        for name, verdict in verdicts
    ]
