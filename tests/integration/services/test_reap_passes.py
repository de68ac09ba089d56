"""The reaper on real instances: orphans of every kind end, and what is being worked on lives."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from janitor.cloud import schedules
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import WrongPlaceError
from janitor.domain.identity import (
    TAG_DEPLOYMENT,
    TAG_EXPIRES,
    TAG_KEEP_UNTIL,
    TAG_VALIDATION,
    external_timer_name_for,
    notice_key_for,
)
from janitor.domain.snapshot.snapshot import ReaperPass
from janitor.domain.states import (
    InstanceOrigin,
    InstanceState,
    NoticeKind,
    ReaperAction,
    ReapEvidence,
    TerminationReason,
)
from janitor.services.provider import provider_of
from janitor.services.reap.passes import ReapError, ReapReport, reap_once
from janitor.services.result.record import record_validation
from janitor.settings import Settings
from janitor.stack.provision.killers import ensure_killers
from janitor.stores import ledger
from janitor.stores import reaping as store
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries
from janitor.stores.records import InstanceRecord
from janitor.stores.standing.snapshot import last_pass
from tests.integration.services.test_launching import eventually, latest, launch
from tests.support.instances import instances_of
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

INTERVAL = timedelta(minutes=5)
NO_PAUSE = timedelta(milliseconds=10)


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """A reaper that takes what EC2 shows as true at once."""
    # The group of the external timers.
    ensure_killers(settings.model_copy(update={"reaper_function": None}))
    return settings.model_copy(
        update={"reap_interval": INTERVAL, "consistency": timedelta(milliseconds=1), "airflow_url": None}
    )


@pytest.fixture
def faults(cloud: LocalCloudServer) -> Iterator[Callable[..., Any]]:
    yield cloud.set_faults
    cloud.set_faults()


def reap(settings: Settings, **options: Any) -> ReapReport:
    return reap_once(settings, recheck_pause=NO_PAUSE, **options)


def second_pass(settings: Settings) -> ReapReport:
    """The next pass, as long after the first as a second strike needs: the marks are made older."""
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update reap_marks set first_seen_at = first_seen_at - %s where deployment = %s",
            (settings.reap_interval / 2, settings.deployment),
        )
    return reap(settings)


def client(settings: Settings) -> Any:
    return CloudAccess.of(settings).client("ec2")


def start_stranger(settings: Settings, **tags: str) -> str:
    """An instance with the deployment's tag that the product didn't launch."""
    named = {TAG_DEPLOYMENT: settings.deployment, **{f"janitor:{name}": value for name, value in tags.items()}}
    answer = client(settings).run_instances(
        ImageId="ami-0123456789abcdef0",
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in named.items()]}
        ],
    )
    instance_id: str = answer["Instances"][0]["InstanceId"]
    # EC2's launch time is in whole seconds, so that it is past for sure.
    eventually(lambda: provider_of(settings).describe(instance_id).state is InstanceState.RUNNING)  # type: ignore[union-attr]  # it is there
    return instance_id


def launched(settings: Settings) -> tuple[UUID, str]:
    """An instance of the product that works for an open validation."""
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    return first, launch(settings, first)


def let_expire(settings: Settings, validation_id: UUID, at: datetime | None = None) -> None:
    """Make an instance's time be over, by its row and by its tags."""
    record = latest(settings, validation_id)
    at = at or datetime.now(timezone.utc) - timedelta(seconds=1)
    assert record.instance_id is not None
    with transaction(settings.writer_url) as connection:
        connection.execute("update instances set expires_at = %s where ledger_id = %s", (at, record.ledger_id))
    provider_of(settings).add_tags(record.instance_id, {TAG_EXPIRES: at.isoformat()})


def gone(settings: Settings, instance_id: str) -> bool:
    seen = provider_of(settings).describe(instance_id)
    return seen is None or seen.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)


def row_of(settings: Settings, instance_id: str) -> InstanceRecord:
    with transaction(settings.writer_url) as connection:
        (fact,) = [
            fact
            for fact in store.facts_of(connection, settings.deployment, [instance_id])
            if fact.record.instance_id == instance_id
        ]
    return fact.record


def events(settings: Settings) -> list[tuple[ReaperAction, str | None]]:
    """What the reaper kept that it did, oldest first."""
    with transaction(settings.writer_url) as connection:
        rows = list(named_queries().reaper_events(connection, deployment=settings.deployment, count=100))
    return [(ReaperAction(row["action"]), row["instance_id"]) for row in reversed(rows)]


def word_of_last_pass(settings: Settings) -> ReaperPass | None:
    """What the last pass left for the faces."""
    with transaction(settings.reader_url) as connection:
        return last_pass(connection, settings.deployment)


def test_each_pass_leaves_word_of_what_it_saw(quick: Settings, faults: Callable[..., Any]) -> None:
    first, _ = launched(quick)
    reap(quick, dry_run=True)
    assert word_of_last_pass(quick) is None, "a dry run is no pass"
    reap(quick)
    word = word_of_last_pass(quick)
    assert word is not None
    assert (word.in_ec2, word.agrees) == (1, True)
    faults({"api": "DescribeInstances", "code": "AccessDenied"})
    with pytest.raises(ReapError):
        reap(quick)
    faults()
    blind = word_of_last_pass(quick)
    assert blind is not None
    assert (blind.in_ec2, blind.agrees) == (None, False)
    assert blind.at > word.at
    let_expire(quick, first)
    reap(quick)
    after = word_of_last_pass(quick)
    assert after is not None
    assert (after.in_ec2, after.agrees) == (0, True), "what it ended itself is no difference"


def test_what_is_being_worked_on_lives(quick: Settings) -> None:
    _, instance_id = launched(quick)
    for report in (reap(quick), second_pass(quick)):
        assert (report.looked_at, report.marked, report.terminated, report.problems) == (1, (), (), ())
    assert not gone(quick, instance_id)


def test_an_overdue_one_ends_in_the_same_pass(quick: Settings) -> None:
    first, instance_id = launched(quick)
    let_expire(quick, first)
    report = reap(quick)
    assert (report.terminated, report.marked, report.still_alive) == ((instance_id,), (), ())
    assert report.evidence == {instance_id: ReapEvidence.OVERDUE}
    eventually(lambda: reap(quick).looked_at == 0)
    eventually(lambda: latest(quick, first).state is InstanceState.TERMINATED)
    assert latest(quick, first).termination_reason is TerminationReason.OVERDUE


def test_an_instance_whose_tags_alone_say_more_time_lives(quick: Settings) -> None:
    first, instance_id = launched(quick)
    let_expire(quick, first)
    later = datetime.now(timezone.utc) + timedelta(minutes=5)
    provider_of(quick).add_tags(instance_id, {TAG_EXPIRES: later.isoformat()})
    assert reap(quick).terminated == ()


def test_a_final_validation_s_instance_ends_at_the_second_strike(quick: Settings) -> None:
    first, instance_id = launched(quick)
    record_validation(quick, first)
    report = reap(quick)
    assert (report.marked, report.terminated) == ((instance_id,), ())
    # Too soon: nothing is concluded from two looks in a row.
    assert reap(quick).terminated == ()
    report = second_pass(quick)
    assert report.terminated == (instance_id,)
    assert latest(quick, first).termination_reason is TerminationReason.ORPHAN
    assert [action for action, _ in events(quick)] == [ReaperAction.MARKED, ReaperAction.TERMINATED]


def test_a_stranger_is_adopted_and_ends_at_the_second_strike(quick: Settings) -> None:
    expires = datetime.now(timezone.utc) + timedelta(hours=1)
    instance_id = start_stranger(quick, expires=expires.isoformat(), repository="worker-x")
    report = reap(quick)
    assert (report.adopted, report.marked) == ((instance_id,), (instance_id,))
    row = row_of(quick, instance_id)
    assert (row.origin, row.owner, row.client_token) == (
        InstanceOrigin.ADOPTED,
        None,
        f"adopted-{instance_id}",
    )
    assert (row.instance_type, row.expires_at) == ("g4dn.xlarge", expires)
    with transaction(quick.writer_url) as connection:
        priced = connection.execute(
            "select price_usd_hour, volume_gib from instances where instance_id = %s", (instance_id,)
        ).fetchone()
    assert priced is not None
    assert (float(priced["price_usd_hour"]), priced["volume_gib"]) == (0.526, quick.volume_gib)
    report = second_pass(quick)
    assert (report.adopted, report.terminated) == ((), (instance_id,))

    def ended() -> bool:
        reap(quick)
        return row_of(quick, instance_id).state is InstanceState.TERMINATED

    eventually(ended)
    assert row_of(quick, instance_id).termination_reason is TerminationReason.ORPHAN


def test_an_instance_whose_row_is_lost_ends_though_its_validation_is_open(quick: Settings) -> None:
    first, instance_id = launched(quick)
    # The same tags on an instance that the ledger has no row of: nobody can watch it.
    stranger = start_stranger(quick, validation=str(first))
    assert instances_of(quick, first)[0].tags[TAG_VALIDATION] == str(first)
    assert reap(quick).marked == (stranger,)
    assert second_pass(quick).terminated == (stranger,)
    assert not gone(quick, instance_id)


def test_a_stranger_past_its_time_ends_at_once(quick: Settings) -> None:
    past = datetime.now(timezone.utc) - timedelta(seconds=1)
    instance_id = start_stranger(quick, expires=past.isoformat())
    report = reap(quick)
    assert (report.adopted, report.terminated) == ((instance_id,), (instance_id,))


def test_a_stopped_instance_ends_at_the_second_strike(quick: Settings) -> None:
    _, instance_id = launched(quick)
    client(quick).stop_instances(InstanceIds=[instance_id])
    report = reap(quick)
    assert report.evidence == {instance_id: ReapEvidence.STOPPED}
    report = second_pass(quick)
    assert report.terminated + reap(quick).terminated == (instance_id,)


def test_a_mark_is_cleared_when_its_evidence_is_gone(quick: Settings) -> None:
    first, instance_id = launched(quick)
    record_validation(quick, first)
    assert reap(quick).marked == (instance_id,)
    keep_until = datetime.now(timezone.utc) + timedelta(hours=1)
    provider_of(quick).add_tags(instance_id, {TAG_KEEP_UNTIL: keep_until.isoformat()})
    assert second_pass(quick).cleared == (instance_id,)
    with transaction(quick.writer_url) as connection:
        assert store.marks_of(connection, quick.deployment) == {}


def test_one_that_was_just_launched_is_left_alone(settings: Settings) -> None:
    patient = settings.model_copy(update={"consistency": timedelta(minutes=5), "airflow_url": None})
    start_stranger(patient)
    report = reap(patient)
    assert (report.looked_at, report.adopted, report.marked) == (1, (), ())


def test_a_dry_run_says_it_and_changes_nothing(quick: Settings) -> None:
    first, instance_id = launched(quick)
    let_expire(quick, first)
    stranger = start_stranger(quick)
    report = reap(quick, dry_run=True)
    assert (report.would_terminate, report.terminated) == ((instance_id,), ())
    assert (report.adopted, report.marked) == ((stranger,), (stranger,))
    assert not gone(quick, instance_id)
    assert events(quick) == []
    with transaction(quick.writer_url) as connection:
        assert store.marks_of(connection, quick.deployment) == {}
        assert len(ledger.live_of_deployment(connection, quick.deployment)) == 1
    assert latest(quick, first).termination_reason is None


def test_one_refusal_does_not_save_the_others(quick: Settings, faults: Callable[..., Any]) -> None:
    first, one = launched(quick)
    second, other = launched(quick)
    let_expire(quick, first)
    let_expire(quick, second)
    client(quick).modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": True})
    report = reap(quick)
    assert report.terminated == (other,)
    assert len(report.problems) == 1
    assert one in report.problems[0]
    client(quick).modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": False})
    assert reap(quick).terminated == (one,)


def test_what_is_alive_past_its_bound_is_named(quick: Settings) -> None:
    first, instance_id = launched(quick)
    let_expire(quick, first, datetime.now(timezone.utc) - INTERVAL * 2)
    client(quick).modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": True})
    report = reap(quick)
    assert report.still_alive == (instance_id,)
    client(quick).modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
    assert reap(quick).still_alive == ()


def test_an_outage_is_said_and_the_next_pass_goes_on(quick: Settings, faults: Callable[..., Any]) -> None:
    first, instance_id = launched(quick)
    let_expire(quick, first)
    faults({"api": "DescribeInstances", "code": "AccessDenied"})
    with pytest.raises(ReapError, match="AccessDenied") as raised:
        reap(quick)
    assert raised.value.report.terminated == ()
    assert raised.value.report.problems
    faults()
    assert reap(quick).terminated == (instance_id,)


@contextmanager
def another_pass(quick: Settings) -> Iterator[None]:
    """One is under way for as long as the block lasts."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store.pass_lock(quick.writer_url, quick.deployment) as free:
            assert free
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(120)
        yield
    finally:
        release.set()
        holder.join()


def test_of_two_passes_at_once_one_returns(quick: Settings) -> None:
    _, instance_id = launched(quick)
    with another_pass(quick):
        assert reap(quick).busy
    report = reap(quick)
    assert (report.busy, report.looked_at) == (False, 1)
    assert not gone(quick, instance_id)


def test_who_looks_elsewhere_is_told_so_during_another_pass(quick: Settings) -> None:
    _, instance_id = launched(quick)
    with another_pass(quick), pytest.raises(WrongPlaceError, match="nothing was changed"):
        reap(quick.model_copy(update={"region": "eu-west-1"}))
    assert not gone(quick, instance_id)


def test_a_missing_timer_is_armed(quick: Settings) -> None:
    _, instance_id = launched(quick)
    access, group = CloudAccess.of(quick), quick.schedule_group
    assert group is not None
    schedules.disarm(access, group=group, name=external_timer_name_for(quick.deployment, instance_id))
    assert reap(quick).timers_armed == (instance_id,)
    prefix = external_timer_name_for(quick.deployment, "")
    assert schedules.armed_names(access, group=group, prefix=prefix) == {f"{prefix}{instance_id}"}
    assert reap(quick).timers_armed == ()


def put_notice(settings: Settings, kind: NoticeKind, instance_id: str) -> str:
    key = notice_key_for(settings.deployment, kind, instance_id)
    body = {
        "kind": kind.value,
        "deployment": settings.deployment,
        "instance_id": instance_id,
        "noticed_at": datetime.now(timezone.utc).isoformat(),
        "reason": "overdue",
        "expires_at": None,
        "validation_id": None,
        "run_id": None,
        "killer": "test",
    }
    CloudAccess.of(settings).client("s3").put_object(Bucket=settings.bucket, Key=key, Body=json.dumps(body).encode())
    return key


def objects(settings: Settings) -> list[str]:
    prefix = f"janitor-notices/{settings.deployment}/"
    answer = CloudAccess.of(settings).client("s3").list_objects_v2(Bucket=settings.bucket, Prefix=prefix)
    return [entry["Key"] for entry in answer.get("Contents", [])]


def test_what_cannot_be_taken_is_in_the_word_of_the_pass(quick: Settings, faults: Callable[..., Any]) -> None:
    def untaken() -> int | None:
        reap(quick)
        word = word_of_last_pass(quick)
        assert word is not None
        return word.untaken_notices

    put_notice(quick, NoticeKind.TERMINATED, "i-00000000000000002")
    assert untaken() == 0
    s3, key = CloudAccess.of(quick).client("s3"), f"janitor-notices/{quick.deployment}/terminated/nobody.json"
    s3.put_object(Bucket=quick.bucket, Key=key, Body=b"{}")
    assert untaken() == 1
    faults({"api": "ListObjectsV2", "code": "AccessDenied", "http_status": 403})
    with pytest.raises(ReapError):
        reap(quick)
    faults()
    blind = word_of_last_pass(quick)
    assert blind is not None
    assert blind.untaken_notices is None
    s3.delete_object(Bucket=quick.bucket, Key=key)
    assert untaken() == 0


def test_notices_are_taken_once(quick: Settings) -> None:
    first, instance_id = launched(quick)
    terminated = put_notice(quick, NoticeKind.TERMINATED, instance_id)
    warning = put_notice(quick, NoticeKind.SPOT_WARNING, instance_id)
    assert sorted(reap(quick).notices_taken) == sorted([terminated, warning])
    # Whoever waits for the instance still finds the warning.
    assert objects(quick) == [warning]
    # As the reaper's function does it: past its time.
    client(quick).terminate_instances(InstanceIds=[instance_id])
    eventually(lambda: gone(quick, instance_id))
    with transaction(quick.writer_url) as connection:
        connection.execute("update instances set expires_at = now() where instance_id = %s", (instance_id,))

    def forgotten() -> bool:
        assert reap(quick).notices_taken == ()
        return objects(quick) == [] and latest(quick, first).state is InstanceState.TERMINATED

    eventually(forgotten)
    assert latest(quick, first).termination_reason is TerminationReason.EXTERNAL_REAPER
