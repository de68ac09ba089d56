"""Reports as a validator would write them, and validations that end with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from janitor.domain.result.outcome import Conclusion
from janitor.domain.states import ValidationStatus
from janitor.domain.views import ValidationView
from janitor.protocol.report import Check, Host, Report, RepositoryIdentity
from janitor.protocol.report_signature import signed
from janitor.protocol.terms.provenance import Provenance
from janitor.protocol.terms.rollup import proof_level_of, roll_up
from janitor.protocol.terms.statuses import CheckName, CheckStatus, Engine
from janitor.services.report.history import keep_history
from janitor.services.report.reports import repository_history
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.records import ValidationRecord
from tests.support.rows import insert_run

BEGIN = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def check_of(
    name: str, status: CheckStatus = CheckStatus.PASS, *, code: str | None = None, reason: str | None = None
) -> Check:
    """One check of ten seconds."""
    bad = status is not CheckStatus.PASS
    return Check(
        name=name,
        status=status,
        required=True,
        reason_code=code or (f"{name}_{status.value}" if bad else None),
        reason=reason or (f"{name} says {status.value}" if bad else None),
        started_at=BEGIN,
        duration_seconds=10,
    )


def report_of(
    validation_id: UUID,
    run_id: UUID,
    *checks: Check,
    repository: str = "acme/worker-a",
    commit: str = COMMIT,
    with_signature: bool = True,
    phase_usd: dict[str, float] | None = None,
    provenance: Provenance | None = None,
) -> Report:
    """A report of these checks, after a passed checkout; a success needs `handler_local` among them."""
    organization, name = repository.split("/")
    every = (check_of("checkout"), *checks)
    rolled = roll_up(every)
    decisive = next((check for check in every if check.name == rolled.failing_check), None)
    report = Report(
        validator_version="0.1.0",
        validation_id=str(validation_id),
        run_id=str(run_id),
        repository=RepositoryIdentity(
            name=name, organization=organization, url="https://example.com/x", ref=None, commit_sha=commit
        ),
        prompt="look at it",
        engine=Engine.VENV,
        status=rolled.status,
        reason_code=rolled.reason_code,
        summary=f"{repository}: {decisive.reason if decisive else rolled.status.value}",
        failing_check=rolled.failing_check,
        partial=False,
        started_at=BEGIN,
        finished_at=BEGIN + timedelta(minutes=2),
        duration_seconds=120,
        build_succeeded=True,
        container_succeeded=None,
        gpu_available=None,
        cuda_detected=None,
        host=Host(python="3.11", cpus=4, memory_bytes=2**34, disk_free_bytes=2**36),
        phases={"checkout": 0.5, "static": 0.25, "build": 60.0, "test": 30.0},
        checks=every,
        phase_usd=phase_usd or {},
        provenance=provenance,
    )
    return signed(report) if with_signature else report


def every_check(*checks: Check, **skipped: str) -> tuple[Check, ...]:
    """All the checks that a validator's report has, in its order: these, the rest passed or skipped for a reason."""
    known = {check.name: check for check in checks}
    return tuple(
        known.get(name.value)
        or (
            replace(check_of(name.value, CheckStatus.SKIP, code=skipped[name.value]), required=False)
            if name.value in skipped
            else check_of(name.value)
        )
        for name in CheckName
    )


def answering(report: Report, validation: ValidationRecord) -> Report:
    """The report as one that answers what a validation asks."""
    return replace(
        report,
        validation_id=str(validation.validation_id),
        run_id=str(validation.run_id),
        repository=replace(
            report.repository,
            name=validation.repository_name,
            organization=validation.organization,
            url=validation.url,
            ref=validation.ref,
        ),
        prompt=validation.prompt,
        gpu_available=validation.gpu_required,
    )


def conclusion_of(report: Report) -> Conclusion:
    """The end that a report makes when its validator's exit code agrees."""
    return Conclusion(
        status=ValidationStatus(report.status.value),
        reason_code=report.reason_code,
        summary=report.summary,
        failing_check=report.failing_check,
        timeout_enforced=False,
        report=report,
        proof_level=proof_level_of(report.engine, report.checks),
        note_count=len(report.notes),
    )


def trouble(code: str, summary: str, status: ValidationStatus = ValidationStatus.ERROR) -> Conclusion:
    """An end without a report."""
    return Conclusion(
        status=status, reason_code=code, summary=summary, failing_check=None, timeout_enforced=False, report=None
    )


def end_validation(
    writer_url: str,
    validation_id: UUID,
    conclusion: Conclusion,
    *,
    ledger_id: int | None = None,
    keep: bool = True,
) -> None:
    """Write the end of a validation; without `keep` as it was written before histories were kept."""
    with transaction(writer_url) as connection:
        validation = store.get_validation(connection, validation_id)
        if not keep:
            conclusion = replace(conclusion, proof_level=None, note_count=None)
        assert store.finish_validation(connection, validation_id, conclusion)
        if conclusion.report is not None:
            store.insert_report(
                connection, validation_id, conclusion.report, ledger_id=ledger_id, storage_key="k", sha256="s"
            )
        if keep:
            keep_history(connection, validation, conclusion)


def reporting(*checks: Any, **fields: Any) -> Callable[[UUID, UUID], Conclusion]:
    """An end with a report of these checks."""
    return lambda validation_id, run_id: conclusion_of(report_of(validation_id, run_id, *checks, **fields))


class History:
    """The validations of acme/worker-a, one run after another; each run validates acme/worker-b too."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.runs: list[UUID] = []

    def run(
        self,
        end: Callable[[UUID, UUID], Conclusion],
        *,
        other: Callable[[UUID, UUID], Conclusion] | None = None,
        keep: bool = True,
    ) -> UUID:
        """A run whose validations end so; returns the first one's id."""
        url = self.settings.writer_url
        run_id, (first, second) = insert_run(url, deployment=self.settings.deployment)
        self.runs.append(run_id)
        end_validation(url, first, end(first, run_id), keep=keep)
        if other is not None:
            end_validation(url, second, other(second, run_id), keep=keep)
        return first

    def latest(self) -> ValidationView:
        """The last validation of acme/worker-a."""
        return repository_history(self.settings, "acme/worker-a", 1)[0]
