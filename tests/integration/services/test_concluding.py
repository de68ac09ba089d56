"""A validation's end is concluded once: the report is fetched once, and what was concluded stands."""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import FETCH_LIFETIME
from janitor.domain.identity import report_key_for, spec_key_for
from janitor.domain.launch.owner import Owner
from janitor.domain.result.report_diff import Change
from janitor.domain.states import ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.protocol.report import REPORT_MAX_BYTES
from janitor.protocol.terms.proof import is_proven, new_key, sealed
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.launch.replace import begin_replacement, is_replaceable
from janitor.services.report.reports import repository_history
from janitor.services.result.record import finish_watched, record_validation
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger, report_terms
from janitor.stores import validations as store
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, launch
from tests.integration.services.test_replacing import lose
from tests.integration.services.test_replacing import replace as launch_successor
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase
from tests.support.reports import COMMIT, answering, check_of, every_check, report_of
from tests.support.rows import insert_run
from tests.support.workers import make_worker

ENDS_WITHIN = timedelta(seconds=300)


def fetched(cloud: LocalCloudServer) -> int:
    counts: dict[str, int] = cloud.health()["calls_by_action"]
    return counts.get("s3:GetObject", 0)


def watch_to_the_end(settings: Settings, validation_id: UUID) -> Watch:
    """The repository doesn't exist, so that the real validator ends at once with an honest failure."""
    launch(settings, validation_id)
    watch = Watch(settings, validation_id)
    eventually(lambda: watch.step() is WatchOutcome.COMMAND_FINISHED, within=ENDS_WITHIN)
    return watch


def standing(settings: Settings, validation_id: UUID) -> tuple[ValidationStatus, int]:
    """The status that is written, and how many reports are."""
    with transaction(settings.writer_url) as connection:
        row = connection.execute(
            "select count(*) as reports from validation_reports where validation_id = %s", (validation_id,)
        ).fetchone()
        assert row is not None
        return store.get_validation(connection, validation_id).status, row["reports"]


def put_report(
    settings: Settings,
    run_id: UUID,
    validation_id: UUID,
    generation: int,
    status: CheckStatus,
    *,
    commit: str | None = COMMIT,
    exit_code: int | None = None,
    proof: bytes | None = None,
    **changes: str,
) -> None:
    """What the instance, which still holds its address and its key, hands in late.

    Args:
        proof: The key that it is sealed with instead of the instance's own; an empty one leaves it unsealed.
        changes: Fields of the report that another validation would have.
    """
    with transaction(settings.writer_url) as connection:
        validation = store.get_validation(connection, validation_id)
        instance = ledger.latest_of(connection, Owner.validation(validation_id))
        assert instance is not None
        terms = report_terms.told(connection, instance.ledger_id)
    assert terms is not None
    checks = every_check(
        replace(check_of("handler_local", status), exit_code=exit_code),
        image="engine_venv",
        container_start="engine_venv",
    )
    report = answering(report_of(validation_id, run_id, *checks[1:]), validation)
    report = replace(report, repository=replace(report.repository, commit_sha=commit), **changes)
    content = report.to_json()
    if proof != b"":
        content = sealed(content, proof or terms.proof_key)
    storage.put(CloudAccess.of(settings), settings.bucket, report_key_for(run_id, validation_id, generation), content)


def test_a_finished_validation_s_report_is_fetched_once(settings: Settings, cloud: LocalCloudServer) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch = watch_to_the_end(settings, first)
    before = fetched(cloud)
    assert not is_replaceable(settings, watch, WatchOutcome.COMMAND_FINISHED)
    watch.keep()
    concluded = finish_watched(settings, watch, WatchOutcome.COMMAND_FINISHED)
    recorded = record_validation(settings, first)
    assert fetched(cloud) == before + 1
    assert concluded.status is recorded.status is ValidationStatus.FAILED
    assert (recorded.summary, recorded.failing_check) == (concluded.summary, concluded.failing_check)
    assert standing(settings, first) == (ValidationStatus.FAILED, 1)


@pytest.mark.parametrize("later", [CheckStatus.PASS, CheckStatus.ERROR])
def test_a_report_that_is_exchanged_afterwards_changes_nothing(settings: Settings, later: CheckStatus) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch = watch_to_the_end(settings, first)
    watch.keep()
    concluded = finish_watched(settings, watch, WatchOutcome.COMMAND_FINISHED)
    put_report(settings, run_id, first, 1, later)
    assert record_validation(settings, first).status is concluded.status
    # A `validate` that is cleared and run again says the same.
    again = Watch(settings, first)
    assert again.step() is WatchOutcome.COMMAND_FINISHED
    assert finish_watched(settings, again, WatchOutcome.COMMAND_FINISHED).summary == concluded.summary
    assert standing(settings, first) == (ValidationStatus.FAILED, 1)


def test_killed_before_it_was_written_the_next_try_concludes(settings: Settings) -> None:
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch_to_the_end(settings, first).keep()
    retried = Watch(settings, first)
    assert retried.step() is WatchOutcome.COMMAND_FINISHED
    assert not is_replaceable(settings, retried, WatchOutcome.COMMAND_FINISHED)
    assert finish_watched(settings, retried, WatchOutcome.COMMAND_FINISHED).report is not None
    assert standing(settings, first) == (ValidationStatus.FAILED, 1)
    # And where `validate` never runs again, `record` does.
    watch_to_the_end(settings, second).keep()
    assert record_validation(settings, second).report is not None
    assert standing(settings, second) == (ValidationStatus.FAILED, 1)


def test_a_database_that_cannot_be_written_holds_nothing_up(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch = watch_to_the_end(settings, first)
    watch.keep()
    concluded = watch.conclude().conclusion
    nowhere = settings.model_copy(update={"database_url": SecretStr("postgresql://nobody:x@127.0.0.1:9/none")})
    assert finish_watched(nowhere, watch, WatchOutcome.COMMAND_FINISHED) == concluded
    assert not standing(settings, first)[0].is_final
    record_validation(settings, first)
    assert standing(settings, first) == (ValidationStatus.FAILED, 1)


def test_what_a_lost_instance_hands_in_late_is_recorded(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "hang", "times": 2})
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    begin_replacement(settings, first, lose(settings, first)[1])
    launch_successor(settings, first)
    watch, outcome = lose(settings, first)
    watch.keep()
    assert finish_watched(settings, watch, outcome).reason_code == "instance_lost"
    assert not standing(settings, first)[0].is_final
    put_report(settings, run_id, first, 2, CheckStatus.FAIL)
    assert record_validation(settings, first).failing_check == "handler_local"


def test_a_success_of_no_commit_is_none(settings: Settings) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch_to_the_end(settings, first).keep()
    with transaction(settings.writer_url) as connection:
        # As a hostile repository would have it: a validator that ends well, and a report of nothing.
        connection.execute(
            "update repository_validations set command_status = 'Success', command_exit_code = 0"
            " where validation_id = %s",
            (first,),
        )
    put_report(settings, run_id, first, 1, CheckStatus.PASS, commit=None)
    assert record_validation(settings, first).reason_code == "report_unconfirmed"
    assert standing(settings, first) == (ValidationStatus.ERROR, 1)


def test_a_report_that_postgres_cannot_hold_ends_its_validation_all_the_same(settings: Settings) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch_to_the_end(settings, first).keep()
    put_report(settings, run_id, first, 1, CheckStatus.FAIL, exit_code=2**32)
    ended = record_validation(settings, first)
    assert (ended.status, ended.reason_code) == (ValidationStatus.ERROR, "report_unreadable")
    assert "out of range" in ended.summary
    assert standing(settings, first) == (ValidationStatus.ERROR, 0)
    assert record_validation(settings, first).summary == ended.summary


@pytest.mark.parametrize("proof", [b"", new_key()], ids=["none", "of another key"])
def test_a_report_that_another_wrote_is_refused(settings: Settings, proof: bytes) -> None:
    """Who has the report's address, but not the key, overwrites the honest failure while it can still be uploaded."""
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch_to_the_end(settings, first).keep()
    put_report(settings, run_id, first, 1, CheckStatus.PASS, proof=proof)
    end_the_command(settings, first, "Success", 0)
    ended = record_validation(settings, first)
    assert (ended.status, ended.reason_code) == (ValidationStatus.ERROR, "report_unproven")
    assert standing(settings, first) == (ValidationStatus.ERROR, 0)


@pytest.mark.parametrize(("status", "exit_code"), [("Failed", 3), ("Failed", 1), ("TimedOut", None)])
def test_a_success_whose_upload_was_never_answered_is_one(
    settings: Settings, status: str, exit_code: int | None
) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch_to_the_end(settings, first).keep()
    put_report(settings, run_id, first, 1, CheckStatus.PASS)
    end_the_command(settings, first, status, exit_code)
    assert record_validation(settings, first).status is ValidationStatus.SUCCESS
    assert standing(settings, first) == (ValidationStatus.SUCCESS, 1)


def test_a_report_of_another_order_is_refused_whatever_its_proof(settings: Settings) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    watch_to_the_end(settings, first).keep()
    put_report(settings, run_id, first, 1, CheckStatus.PASS, prompt="say that all is well")
    ended = record_validation(settings, first)
    assert (ended.status, ended.reason_code) == (ValidationStatus.ERROR, "report_mismatch")
    assert "prompt" in ended.summary


def test_an_instance_that_was_told_no_key_is_judged_by_its_exit_code(
    settings: Settings, database: TestDatabase
) -> None:
    """As it was sent before there were keys: its report has no proof, and is of an older validator's checks."""
    run_id, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    for validation_id, exit_code, status in ((first, 0, ValidationStatus.SUCCESS), (second, 3, ValidationStatus.ERROR)):
        watch_to_the_end(settings, validation_id).keep()
        put_report(settings, run_id, validation_id, 1, CheckStatus.PASS, proof=b"")
        end_the_command(settings, validation_id, "Success", exit_code)
        with psycopg.connect(database.owner_url) as connection:
            connection.execute(
                "delete from janitor.report_terms where ledger_id in"
                " (select ledger_id from janitor.instances where validation_id = %s)",
                (validation_id,),
            )
        assert record_validation(settings, validation_id).status is status


def test_the_spec_lies_in_storage_only_as_long_as_it_is_needed(settings: Settings) -> None:
    run_id, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    access, seen = CloudAccess.of(settings), []
    launch(settings, first)
    watch, key = Watch(settings, first), spec_key_for(run_id, first, 1)

    def ended() -> bool:
        outcome = watch.step()
        seen.append(storage.exists(access, settings.bucket, key))
        return outcome is WatchOutcome.COMMAND_FINISHED

    eventually(ended, within=ENDS_WITHIN)
    assert seen[-1], "it has to be there when the command starts"
    watch.keep()
    assert not storage.exists(access, settings.bucket, key)
    # Where nobody lives to keep the end, recording it removes the spec.
    watch_to_the_end(settings, second)
    assert storage.exists(access, settings.bucket, spec_key_for(run_id, second, 1))
    record_validation(settings, second)
    assert not storage.exists(access, settings.bucket, spec_key_for(run_id, second, 1))


def test_the_command_holds_nothing_of_the_spec(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    watch = Watch(settings, first)
    eventually(lambda: watch.watched.command_id is not None or bool(watch.step()), within=ENDS_WITHIN)
    commands = CloudAccess.of(settings).client("ssm").list_commands(CommandId=watch.watched.command_id)["Commands"]
    [text] = commands[0]["Parameters"]["commands"]
    order = base64.b64decode(re.search('b64decode[(]"([^"]+)"', text).group(1)).decode()
    with transaction(settings.writer_url) as connection:
        terms = report_terms.told(connection, watch.ledger_id)
    assert terms is not None
    for secret in ("look at it", "does-not-exist", "/1.json?X-Amz-Signature", terms.proof_key.hex()):
        assert secret not in text + order
    told = json.loads(order)
    assert told.pop("cache_volume") is None, "no validation of its own has one"
    assert set(told) == {"validator", "spec", "sign_url", "words"}
    assert told["words"] == ["run", "--spec", "-"]
    addresses = [told["validator"]["url"], told["spec"]["url"], told["sign_url"]]
    assert [urlsplit(each).path.split("/")[2] for each in addresses[1:]] == ["janitor-specs", "janitor-reports"]
    assert urlsplit(told["sign_url"]).path.endswith("/1.sign")
    for address in addresses:
        seconds = int(parse_qs(urlsplit(address).query).get("X-Amz-Expires", ["0"])[0])
        assert 0 < seconds <= FETCH_LIFETIME.total_seconds()


def test_a_worker_on_a_box_ends_as_a_proven_success(settings: Settings, tmp_path: Path) -> None:
    """The whole way: the fetched spec, the sealed validator, a worker, and the report that proves itself."""
    worker = make_worker(tmp_path, "worker", body="return {'uid': os.getuid()}", requirements="runpod==1.12.0\n")
    config = json.dumps({"repositories": [worker.entry()]})  # JSON is YAML
    run_id, [only] = insert_run(settings.writer_url, deployment=settings.deployment, config=config)
    launch(settings, only)
    watch = Watch(settings, only)
    eventually(lambda: watch.step() is WatchOutcome.COMMAND_FINISHED, within=timedelta(minutes=4))
    watch.keep()
    ended = finish_watched(settings, watch, WatchOutcome.COMMAND_FINISHED)
    assert ended.status is ValidationStatus.SUCCESS, ended.summary
    assert ended.report is not None
    content = storage.get(
        CloudAccess.of(settings), settings.bucket, report_key_for(run_id, only, 1), at_most_bytes=REPORT_MAX_BYTES
    )
    with transaction(settings.writer_url) as connection:
        terms = report_terms.told(connection, watch.ledger_id)
    assert terms is not None
    assert content is not None
    assert is_proven(content, terms.proof_key)
    if os.geteuid() == 0:
        host = next(check for check in ended.report.checks if check.name == "host")
        [told] = [item.tail for item in host.evidence if item.name == "processes of the repository"]
        assert told.startswith("as a user of their own"), told


def end_the_command(settings: Settings, validation_id: UUID, status: str, exit_code: int | None) -> None:
    """As SSM would have told it."""
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update repository_validations set command_status = %s, command_exit_code = %s where validation_id = %s",
            (status, exit_code, validation_id),
        )


def test_a_success_below_what_the_plan_requires_is_incomplete(settings: Settings) -> None:
    """The instance isn't told: the same report is a success of the repository that asks for less."""
    config = (
        "default_required_proof: image\n"
        "repositories:\n"
        "  - {name: a, organization: acme, prompt: look at it, url: 'file:///does-not-exist/a', gpu_required: false}\n"
        "  - {name: b, organization: acme, prompt: look at it, url: 'file:///does-not-exist/b', gpu_required: false,"
        " required_proof: environment}\n"
    )
    run_id, validations = insert_run(settings.writer_url, deployment=settings.deployment, config=config)
    concluded = []
    for validation_id in validations:
        watch_to_the_end(settings, validation_id).keep()
        put_report(settings, run_id, validation_id, 1, CheckStatus.PASS)
        concluded.append(record_validation(settings, validation_id))
    assert [(each.status, each.reason_code) for each in concluded] == [
        (ValidationStatus.INCOMPLETE, "proof_too_low"),
        (ValidationStatus.SUCCESS, None),
    ]
    views = [repository_history(settings, name, 1)[0] for name in ("acme/a", "acme/b")]
    assert [each.proof_level for each in views] == [ProofLevel.ENVIRONMENT] * 2
    assert [each.required_proof for each in views] == [ProofLevel.IMAGE, ProofLevel.ENVIRONMENT]
    assert views[0].difference is not None
    assert views[0].difference.change is Change.INCONCLUSIVE
