"""Failures, proposals and a laboratory whose experiments end as a test says."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from janitor.domain.config.fields import Market
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.experiment.experiment import Experiment, Observation, Observed, Repeated
from janitor.domain.repair.proposal import Failure, Proposal, ProposedBy
from janitor.domain.repair.writing import Edit, diff_of
from janitor.domain.result.provenance_changes import ProvenanceChanges, changes_between
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Check, Evidence, Report
from janitor.protocol.terms.provenance import Machine, Packages, Provenance
from janitor.protocol.terms.statuses import CheckName, CheckStatus, EvidenceKind
from tests.support.reports import COMMIT, check_of, report_of

SIGNATURE = "0123456789abcdef"
VALIDATOR = "1" * 64


def plan_of(url: str = "https://example.com/acme/worker", *, organization: str = "acme") -> RepositoryPlan:
    """What a run does with one repository."""
    return RepositoryPlan(
        name="worker",
        organization=organization,
        url=url,
        prompt="look at it",
        gpu_required=False,
        timeout=timedelta(minutes=10),
        instance_types=("g5.xlarge",),
        market=Market.ON_DEMAND,
    )


def evidence_of(name: str, text: str) -> Evidence:
    """An artefact of which all is shown."""
    return Evidence(kind=EvidenceKind.VALUE, name=name, sha256="0" * 64, size_bytes=len(text), tail=text)


def api_check(cases: int, status: CheckStatus = CheckStatus.PASS, *, with_test_input: bool = False) -> Check:
    """What asked the worker's API so many cases."""
    lines = [*(["test_input: pass"] if with_test_input else []), "case_1: pass", f"{cases} cases in all"]
    check = check_of(CheckName.HANDLER_API.value, status)
    return replace(check, evidence=(evidence_of("cases", "\n".join(lines)),))


def made_of(
    packages: Mapping[str, str] | None = None, *, validator: str | None = VALIDATOR, instance_type: str | None = None
) -> Provenance:
    """What a report is about."""
    return Provenance(
        packages=None if packages is None else Packages(python="3.11.7", versions=packages),
        validator_sha256=validator,
        machine=None if instance_type is None else Machine(instance_type=instance_type),
    )


def judged(
    *checks: Check,
    patch: str | None = None,
    commit: str = COMMIT,
    provenance: Provenance | None = None,
) -> Report:
    """A report of these checks."""
    report = report_of(
        uuid.uuid4(), uuid.uuid4(), *checks, commit=commit, provenance=provenance or made_of(), with_signature=False
    )
    return replace(report, patch_sha256=patch)


GREEN_CHECKS = (check_of("deps_resolve"), check_of(CheckName.HANDLER_LOCAL.value), api_check(2))
RED_CHECKS = (
    check_of("deps_resolve"),
    check_of(CheckName.HANDLER_LOCAL.value, CheckStatus.FAIL, code="handler_raised", reason="it raised"),
    replace(check_of(CheckName.HANDLER_API.value, CheckStatus.SKIP, code="prerequisite_failed"), required=False),
)


def failure_of(
    red: Report | None = None,
    *,
    last_good: Report | None = None,
    changes: ProvenanceChanges | None = None,
    plan: RepositoryPlan | None = None,
    instance_type: str | None = None,
) -> Failure:
    """A failure that is to be repaired."""
    report = red or judged(*RED_CHECKS)
    repeated = Repeated(
        validation_id=uuid.UUID(report.validation_id),
        plan=plan or plan_of(),
        commit_sha=report.repository.commit_sha or COMMIT,
        signature=report.signature.id if report.signature else SIGNATURE,
        instance_type=instance_type,
        report=report,
    )
    if changes is None and last_good is not None:
        changes = changes_between(last_good, report)
    return Failure(
        repeated=repeated,
        last_good=last_good,
        last_good_at=None if last_good is None else last_good.finished_at,
        changes=changes,
    )


def proposal_of(path: str = "handler.py", before: str = "a\n", after: str = "b\n") -> Proposal:
    """A change of one line."""
    return Proposal(
        by=ProposedBy.RECIPE,
        name="test",
        patch=Patch.of(diff_of({path: Edit(before=before, after=after)})),
        summary="Change a line",
        root_cause="The line was wrong.",
        evidence=("it raised",),
    )


def observation(
    observed: Observed,
    report: Report | None,
    *,
    signature: str | None = None,
    cost: Decimal | None = Decimal("0.10"),
    reason: str = "as it is",
) -> Observation:
    """What came of an experiment."""
    return Observation(
        observed=observed, reason=reason, signature=signature, report=report, validation_id=None, cost_usd=cost
    )


def green(patch: str | None, *checks: Check, **fields: object) -> Observation:
    """A success."""
    cost = fields.pop("cost", Decimal("0.10"))
    return observation(
        Observed.GREEN,
        judged(*(checks or GREEN_CHECKS), patch=patch, **fields),  # type: ignore[arg-type]  # as the test says
        cost=cost,  # type: ignore[arg-type]  # as above
    )


def red(patch: str | None = None, *checks: Check, signature: str = SIGNATURE, **fields: object) -> Observation:
    """A failure."""
    cost = fields.pop("cost", Decimal("0.10"))
    return observation(
        Observed.RED,
        judged(*(checks or RED_CHECKS), patch=patch, **fields),  # type: ignore[arg-type]  # as the test says
        signature=signature,
        cost=cost,  # type: ignore[arg-type]  # as above
    )


@dataclass
class Scripted:
    """A laboratory whose experiments end in turn as they are told to."""

    answers: list[Observation | Callable[[], Observation]]
    asked: list[Experiment] = field(default_factory=list)

    def observe(self, experiment: Experiment) -> Observation:
        """The next one."""
        self.asked.append(experiment)
        answer = self.answers[len(self.asked) - 1]
        return answer if isinstance(answer, Observation) else answer()
