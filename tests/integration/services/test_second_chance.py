"""A report that storage refused at first isn't lost: while its instance lives it is asked for again, once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from janitor.cloud import commands as ssm
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.identity import report_key_for, second_chance_comment_for
from janitor.domain.states import ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.protocol.kept_report import KEPT_FOLDER
from janitor.services.result.record import finish_watched
from janitor.services.watch.second_chance import second_chance_script
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from tests.integration.services.test_instance_script import storage as server
from tests.integration.services.test_launching import launch
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

WITHIN = timedelta(seconds=300)
REPORTS = {"api": "PutObject", "path": "*/janitor-reports/*.json"}


@pytest.fixture
def faults(cloud: LocalCloudServer) -> Iterator[Callable[..., object]]:
    """Sets faults; they end with the test."""
    yield cloud.set_faults
    cloud.set_faults()


def to_the_end(settings: Settings, validation_id: UUID) -> Watch:
    """Watch as the task does, which asks again after a failure of the cloud."""
    watch = Watch(settings, validation_id)
    deadline = time.monotonic() + WITHIN.total_seconds()
    while True:
        try:
            outcome = watch.step()
        except CloudError:
            outcome = None
        if outcome is not None:
            assert outcome is WatchOutcome.COMMAND_FINISHED
            watch.keep()
            return watch
        assert time.monotonic() < deadline, "the watch did not end"
        time.sleep(0.1)


def asked_again(settings: Settings, validation_id: UUID, instance_id: str) -> list[ssm.CommandSeen]:
    comment = second_chance_comment_for(validation_id, 1)
    seen = ssm.list_invocations(CloudAccess.of(settings), {"InstanceId": instance_id})
    return [one for one in seen if one.comment == comment]


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("ExpiredToken", 400)])
def test_a_report_that_was_refused_is_recovered(
    settings: Settings, faults: Callable[..., object], code: str, status: int
) -> None:
    """As S3 answers when the address is over, and when the credentials are that signed it."""
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    faults({**REPORTS, "code": code, "http_status": status, "times": 1})
    instance_id = launch(settings, first)
    watch = to_the_end(settings, first)
    ended = finish_watched(settings, watch, WatchOutcome.COMMAND_FINISHED)
    assert ended.status is ValidationStatus.FAILED, ended.summary  # there is no such repository
    assert ended.report is not None
    assert ended.report.validation_id == str(first)
    assert storage.exists(CloudAccess.of(settings), settings.bucket, report_key_for(run_id, first, 1))
    assert [one.exit_code for one in asked_again(settings, first, instance_id)] == [0]


def test_what_storage_refuses_again_is_an_error_that_says_so(settings: Settings, faults: Callable[..., object]) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    faults({**REPORTS, "code": "AccessDenied"})
    instance_id = launch(settings, first)
    ended = finish_watched(settings, to_the_end(settings, first), WatchOutcome.COMMAND_FINISHED)
    assert (ended.status, ended.reason_code) == (ValidationStatus.ERROR, "report_undelivered")
    assert 'runbook "Report not in storage"' in ended.summary
    assert [one.exit_code for one in asked_again(settings, first, instance_id)] == [6]


def test_a_task_that_is_killed_meanwhile_sends_no_second_command(
    settings: Settings, faults: Callable[..., object]
) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    faults({**REPORTS, "code": "AccessDenied", "times": 1})
    instance_id = launch(settings, first)
    deadline = time.monotonic() + WITHIN.total_seconds()
    while not asked_again(settings, first, instance_id):
        assert time.monotonic() < deadline
        assert Watch(settings, first).step() is None  # each look is another process's
        time.sleep(0.1)
    ended = finish_watched(settings, to_the_end(settings, first), WatchOutcome.COMMAND_FINISHED)
    assert ended.report is not None
    assert len(asked_again(settings, first, instance_id)) == 1


def test_an_instance_that_is_gone_is_not_waited_for(settings: Settings, faults: Callable[..., object]) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    access = CloudAccess.of(settings)
    # It can't be asked again before it is ended.
    faults(
        {**REPORTS, "code": "AccessDenied"},
        {"api": "HeadObject", "path": "*/janitor-reports/*", "code": "AccessDenied"},
    )
    instance_id = launch(settings, first)
    watch = Watch(settings, first)
    deadline = time.monotonic() + WITHIN.total_seconds()
    while True:
        assert time.monotonic() < deadline
        seen = watch.watched.command_id and ssm.look(access, instance_id, watch.watched.command_id)
        if seen and seen.status.is_final:
            break
        with suppress(CloudError):
            watch.step()
        time.sleep(0.1)
    access.client("ec2").terminate_instances(InstanceIds=[instance_id])
    faults()
    ended = finish_watched(settings, to_the_end(settings, first), WatchOutcome.COMMAND_FINISHED)
    assert ended.reason_code == "report_undelivered"


def test_a_cloud_that_does_not_answer_holds_nothing_up_for_good(
    settings: Settings, faults: Callable[..., object]
) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    refused = {"api": "HeadObject", "path": "*/janitor-reports/*", "code": "AccessDenied"}
    faults({**REPORTS, "code": "AccessDenied"}, refused)
    instance_id = launch(settings, first)
    ended = finish_watched(settings, to_the_end(settings, first), WatchOutcome.COMMAND_FINISHED)
    assert ended.reason_code == "report_undelivered"
    assert asked_again(settings, first, instance_id) == []


def test_a_missing_key_that_may_not_be_listed_is_told_in_clear_words(
    settings: Settings, faults: Callable[..., object]
) -> None:
    access = CloudAccess.of(settings)
    for api, ask in (
        ("HeadObject", lambda: storage.exists(access, settings.bucket, "missing")),
        ("GetObject", lambda: storage.get(access, settings.bucket, "missing", at_most_bytes=1)),
    ):
        faults({"api": api, "code": "AccessDenied"})
        with pytest.raises(CloudError, match=rf"lacks s3:ListBucket on arn:aws:s3:::{settings.bucket}"):
            ask()


def test_the_script_finds_what_the_validator_has_left_and_shows_no_address(tmp_path: Path) -> None:
    validation_id = UUID("0e5a3f3c-5c1f-4d9e-9d1f-0c8f5f7f7c11")

    def run(url: str) -> subprocess.CompletedProcess[str]:
        script = second_chance_script(validation_id, f"{url}/report?X-Amz-Signature=secret")
        return subprocess.run(
            ["sh", "-c", script],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    with server(200) as url:
        assert run(url).returncode == 5
    kept = tmp_path / KEPT_FOLDER / f"{validation_id}.json"
    kept.parent.mkdir()
    kept.write_bytes(b"a report")
    with server(200, put=[403]) as url:
        refused = run(url)
    assert (refused.returncode, kept.exists()) == (6, True)
    assert "HTTP 403" in refused.stderr
    seen: list[str] = []
    with server(200, put=[503, 200], seen=seen) as url:
        done = run(url)
    assert (done.returncode, kept.exists()) == (0, False)
    assert seen == ["PUT /report 503", "PUT /report 200"]
    assert "secret" not in refused.stderr + done.stderr + done.stdout
