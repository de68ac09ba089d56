"""What running validations are at: one search of the log group for all of them, and the last time of each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from janitor.cloud.session import CloudAccess
from janitor.domain.views import ProgressView, RunView
from janitor.protocol.progress import CheckProgress
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.report.progress import ProgressReader
from janitor.services.report.reports import running_runs
from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

BUILD = CheckProgress(check="build", phase="build")
API = CheckProgress(check="handler_api", phase="test", status=CheckStatus.PASS)


@pytest.fixture(autouse=True)
def _no_faults_afterwards(cloud: LocalCloudServer) -> Iterator[None]:
    yield
    cloud.set_faults()


@pytest.fixture
def running(settings: Settings) -> tuple[UUID, Sequence[UUID], Sequence[str]]:
    """A run of two validations that run, and the streams of their logs; the second has no log yet."""
    run_id, ids = insert_run(settings.writer_url, deployment=settings.deployment)
    streams = [f"{uuid4()}/i-{index}/aws-runShellScript/stdout" for index in range(2)]
    with transaction(settings.writer_url) as connection:
        for validation_id, stream in zip(ids, streams, strict=True):
            connection.execute(
                "update repository_validations set status = 'launching', launched_at = now() - interval '10 seconds'"
                " where validation_id = %s",
                (validation_id,),
            )
            connection.execute(
                "update repository_validations set status = 'running', log_stream = %s where validation_id = %s",
                (stream, validation_id),
            )
    logs = CloudAccess.of(settings).client("logs")
    logs.create_log_stream(logGroupName=settings.log_group, logStreamName=streams[0])
    return run_id, ids, streams


def say(settings: Settings, stream: str, *lines: str) -> None:
    events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
    CloudAccess.of(settings).client("logs").put_log_events(
        logGroupName=settings.log_group, logStreamName=stream, logEvents=events
    )


def look(reader: ProgressReader) -> RunView:
    (run,) = reader.added_to(running_runs(reader.settings))
    return run


def at(progress: ProgressView | None) -> CheckProgress | None:
    return (
        None if progress is None else CheckProgress(check=progress.check, phase=progress.phase, status=progress.status)
    )


def test_each_is_at_the_last_check_of_its_own_log(
    settings: Settings, running: tuple[UUID, Sequence[UUID], Sequence[str]]
) -> None:
    _, _, (first, _) = running
    clock = [0.0]
    reader = ProgressReader(settings, monotonic=lambda: clock[0])
    assert [at(each.progress) for each in look(reader).validations] == [None, None]
    say(settings, first, "12:00:00 validating o/n", f"12:00:01 {BUILD}", f"12:00:02   | {API}")
    clock[0] += 10
    # What the repository prints is none of it, and a log that isn't there yet hides no other's.
    assert [at(each.progress) for each in look(reader).validations] == [BUILD, None]
    say(settings, first, f"12:00:03 {API} (0.2 s)")
    assert at(look(reader).validations[0].progress) == BUILD  # too soon for another search
    clock[0] += 10
    assert at(look(reader).validations[0].progress) == API


def test_all_are_found_by_one_call(
    settings: Settings, cloud: LocalCloudServer, running: tuple[UUID, Sequence[UUID], Sequence[str]]
) -> None:
    _, _, streams = running
    CloudAccess.of(settings).client("logs").create_log_stream(logGroupName=settings.log_group, logStreamName=streams[1])
    for stream in streams:
        say(settings, stream, f"12:00:01 {BUILD}")
    before = cloud.health()["calls_by_action"]
    assert [at(each.progress) for each in look(ProgressReader(settings)).validations] == [BUILD, BUILD]
    after = cloud.health()["calls_by_action"]
    assert after.get("logs:FilterLogEvents", 0) - before.get("logs:FilterLogEvents", 0) == 1
    assert after.get("logs:GetLogEvents", 0) == before.get("logs:GetLogEvents", 0)


def test_logs_that_cannot_be_read_cost_nothing_but_a_word(
    settings: Settings, cloud: LocalCloudServer, running: tuple[UUID, Sequence[UUID], Sequence[str]]
) -> None:
    _, _, (first, _) = running
    say(settings, first, f"12:00:01 {BUILD}")
    clock = [0.0]
    told: list[str] = []
    reader = ProgressReader(settings, notice=told.append, monotonic=lambda: clock[0])
    assert at(look(reader).validations[0].progress) == BUILD
    cloud.set_faults({"api": "FilterLogEvents", "code": "AccessDeniedException"})
    for _ in range(3):
        clock[0] += 10
        assert at(look(reader).validations[0].progress) == BUILD
    assert len(told) == 1
    assert "FilterLogEvents" in told[0]


def _finish(settings: Settings, status: str, seconds: int, ago: int) -> None:
    """A run whose first repository ended so many seconds ago, after so many."""
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    with transaction(settings.writer_url) as connection:
        for update in (
            "status = 'launching', launched_at = now() - make_interval(secs => %(began)s)",
            "status = 'running'",
            "status = %(status)s, commit_sha = repeat('a', 40), finished_at = now() - make_interval(secs => %(ago)s)",
        ):
            connection.execute(
                f"update repository_validations set {update} where validation_id = %(id)s",
                {"id": first, "status": status, "began": ago + seconds, "ago": ago},
            )
        connection.execute(
            "update validation_runs set status = 'failed', completed_at = now() where run_id = %s", (run_id,)
        )


def test_the_last_time_of_a_repository_is_that_of_its_last_verdict(settings: Settings) -> None:
    _finish(settings, "success", 60, ago=300)
    _finish(settings, "failed", 42, ago=200)
    _finish(settings, "error", 7, ago=100)  # no verdict
    insert_run(settings.writer_url, deployment=settings.deployment)
    first, second = look(ProgressReader(settings)).validations
    assert first.usual_time == timedelta(seconds=42)
    assert second.usual_time is None
