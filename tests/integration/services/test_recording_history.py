"""What recording a real validator's report means for its repository's history."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.identity import report_key_for
from janitor.domain.result.report_diff import Change, Outcome
from janitor.domain.states import ValidationStatus
from janitor.domain.views import ValidationView
from janitor.protocol.report import REPORT_MAX_BYTES, Report
from janitor.services.report.failures import failure_report
from janitor.services.report.reports import repository_history
from janitor.services.result.record import record_validation
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from tests.integration.services.test_launching import launch
from tests.support.rows import insert_run

ENDS_WITHIN = timedelta(seconds=300)


def validate(settings: Settings, validation_id: UUID) -> None:
    """The repository doesn't exist, so that the real validator ends at once with an honest failure."""
    launch(settings, validation_id)
    watch = Watch(settings, validation_id)
    deadline = time.monotonic() + ENDS_WITHIN.total_seconds()
    while watch.step() is None:
        assert time.monotonic() < deadline, "the watch did not end"
        time.sleep(0.1)
    watch.keep()
    record_validation(settings, validation_id)


def latest(settings: Settings, repository: str) -> ValidationView:
    return repository_history(settings, repository, 1)[0]


def test_the_history_of_two_runs(settings: Settings) -> None:
    first_run, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    validate(settings, first)
    broken = latest(settings, "acme/worker-a")
    content = storage.get(
        CloudAccess.of(settings), settings.bucket, report_key_for(first_run, first, 1), at_most_bytes=REPORT_MAX_BYTES
    )
    assert content is not None
    report = Report.from_json(content)
    assert report.signature is not None
    assert broken.signature == report.signature.id  # the validator's own
    assert broken.difference is not None
    assert (broken.status, broken.difference.change) == (ValidationStatus.FAILED, Change.NEW)
    assert {phase.name for phase in broken.phases} == set(report.phases)

    # A run that came to nothing moves nothing; recording twice neither.
    second_run, (second, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    record_validation(settings, second)
    record_validation(settings, second)
    unknown = latest(settings, "acme/worker-a")
    assert unknown.difference is not None
    assert (unknown.reason_code, unknown.difference.change) == ("not_launched", Change.INCONCLUSIVE)
    assert (unknown.difference.outcome, unknown.difference.since_run_id) == (Outcome.FAILED, first_run)

    _, (third, other) = insert_run(settings.writer_url, deployment=settings.deployment)
    validate(settings, third)
    validate(settings, other)
    still = latest(settings, "acme/worker-a")
    assert still.difference is not None
    assert (still.difference.change, still.difference.since_run_id) == (Change.STILL_FAILING, first_run)
    assert not still.difference.cause_changed

    failures = failure_report(settings, 10)
    assert failures.runs == 3
    own, trouble = failures.clusters
    assert own.signature == report.signature.id
    assert [(each.repository, each.times) for each in own.occurrences] == [("acme/worker-a", 2), ("acme/worker-b", 1)]
    assert [(each.repository, each.run_id) for each in trouble.occurrences] == [("acme/worker-a", second_run)]
