"""A debug lease: every killer hears of it, it costs what it says, and it ends."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from janitor.cloud import commands as ssm
from janitor.cloud import schedules
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import external_timer_at, guest_timer_at
from janitor.domain.errors import BudgetRefusedError, CloudError, ConflictError, NotFoundError
from janitor.domain.identity import TAG_KEEP_UNTIL, external_timer_name_for
from janitor.domain.reap.reaping import LONGEST_LEASE, instant_of
from janitor.domain.states import TerminationReason
from janitor.services.ending import terminate as terminating
from janitor.services.reap.keep import GuestTimer, end_lease, keep, kept_instances
from janitor.services.reap.passes import reap_once
from janitor.services.result.record import record_validation
from janitor.settings import Settings
from janitor.stack.provision.killers import ensure_killers
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, latest, launch
from tests.support.instances import instances_of
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

HOUR = timedelta(hours=1)
ENDS_WITHIN = timedelta(seconds=300)


@pytest.fixture
def quick(settings: Settings) -> Settings:
    ensure_killers(settings.model_copy(update={"reaper_function": None}))
    return settings.model_copy(update={"consistency": timedelta(milliseconds=1), "airflow_url": None})


@pytest.fixture
def alive(quick: Settings) -> tuple[UUID, UUID, str]:
    """Run, validation and instance of `acme/worker-a`, with its agent online."""
    run_id, (first, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    instance_id = launch(quick, first)
    eventually(lambda: ssm.agent_online(CloudAccess.of(quick), instance_id))
    return run_id, first, instance_id


def timer_of(settings: Settings, instance_id: str) -> datetime | None:
    assert settings.schedule_group is not None
    return schedules.armed_at(
        CloudAccess.of(settings),
        group=settings.schedule_group,
        name=external_timer_name_for(settings.deployment, instance_id),
    )


def output_of(settings: Settings, instance_id: str, script: str) -> str:
    access = CloudAccess.of(settings)
    client = access.client("ssm")
    sent = client.send_command(
        InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": [script]}
    )
    command_id = sent["Command"]["CommandId"]
    deadline = time.monotonic() + 300
    while True:
        answer = client.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
        if answer["Status"] not in ("Pending", "InProgress", "Delayed"):
            return str(answer["StandardOutputContent"])
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_every_killer_hears_of_a_lease(quick: Settings, alive: tuple[UUID, UUID, str]) -> None:
    run_id, first, instance_id = alive
    lease = keep(quick, "worker-a", 2 * HOUR, requested_by="somebody")
    assert (lease.instance_id, lease.run_id, lease.repository) == (instance_id, run_id, "acme/worker-a")
    assert abs(lease.keep_until - datetime.now(timezone.utc) - 2 * HOUR) < timedelta(seconds=30)
    assert (lease.guest_timer, lease.external_timer_moved, lease.is_extension) == (GuestTimer.MOVED, True, False)
    assert latest(quick, first).keep_until == lease.keep_until
    (seen,) = instances_of(quick, first)
    tagged = instant_of(seen.tags, TAG_KEEP_UNTIL)
    assert tagged is not None
    assert abs(tagged - lease.keep_until) < timedelta(seconds=1)
    at = timer_of(quick, instance_id)
    assert at is not None
    assert abs(at - external_timer_at(lease.keep_until, quick.reap_interval)) < timedelta(seconds=2)
    # In the guest, the later instant.
    power_off_at = float(output_of(quick, instance_id, "cat ${HOME:-/root}/.janitor-power-off-at"))
    assert abs(power_off_at - guest_timer_at(lease.keep_until, quick.reap_interval).timestamp()) < 2
    (kept,) = kept_instances(quick)
    assert (kept.instance_id, kept.repository, kept.keep_until) == (instance_id, "worker-a", lease.keep_until)


def test_a_lease_is_budgeted(quick: Settings, alive: tuple[UUID, UUID, str]) -> None:
    run_id, _, _ = alive
    with transaction(quick.writer_url) as connection:
        connection.execute("update validation_runs set daily_budget_usd = 2 where run_id = %s", (run_id,))
    lease = keep(quick, "acme/worker-a", HOUR, requested_by="somebody")
    assert lease.price_usd_hour is not None
    # A part of the hour is paid for as its validation's own time.
    assert Decimal(0) < lease.reserved_usd < lease.price_usd_hour
    with pytest.raises(BudgetRefusedError):
        keep(quick, "worker-a", 5 * HOUR, requested_by="somebody")
    (kept,) = kept_instances(quick)
    assert kept.keep_until == lease.keep_until


def test_a_repeated_lease_extends_and_never_shortens(quick: Settings, alive: tuple[UUID, UUID, str]) -> None:
    first = keep(quick, "worker-a", HOUR, requested_by="somebody")
    longer = keep(quick, "worker-a", 2 * HOUR, requested_by="somebody")
    assert longer.keep_until > first.keep_until
    assert longer.is_extension
    assert longer.reserved_usd > first.reserved_usd
    shorter = keep(quick, "worker-a", HOUR, requested_by="somebody")
    assert (shorter.keep_until, shorter.reserved_usd) == (longer.keep_until, longer.reserved_usd)


def test_at_most_eight_hours(quick: Settings, alive: tuple[UUID, UUID, str]) -> None:
    with pytest.raises(ConflictError, match="8 hours after its own time"):
        keep(quick, "worker-a", LONGEST_LEASE + HOUR, requested_by="somebody")
    assert kept_instances(quick) == []


def test_teardown_and_reaper_leave_a_kept_instance_until_its_lease_ends(
    quick: Settings, alive: tuple[UUID, UUID, str]
) -> None:
    run_id, first, instance_id = alive
    keep(quick, "worker-a", HOUR, requested_by="somebody")
    record_validation(quick, first)
    scope = terminating.scope_of_run(run_id)
    ending = terminating.end_scope(quick, scope, TerminationReason.RUN_TEARDOWN, timeout=ENDS_WITHIN)
    assert (ending.terminated, ending.left, ending.kept) == ((), (), (instance_id,))
    report = reap_once(quick, recheck_pause=timedelta(0))
    assert (report.looked_at, report.marked, report.terminated) == (1, (), ())
    ended = end_lease(quick, "worker-a")
    assert ended.instance_id == instance_id
    assert kept_instances(quick) == []
    assert reap_once(quick, recheck_pause=timedelta(0)).terminated == (instance_id,)
    assert latest(quick, first).termination_reason is TerminationReason.LEASE_EXPIRED
    with pytest.raises(NotFoundError, match="nothing is kept"):
        end_lease(quick, "worker-b")


def test_a_lease_that_ends_while_the_validation_goes_on_ends_nothing(
    quick: Settings, alive: tuple[UUID, UUID, str]
) -> None:
    keep(quick, "worker-a", HOUR, requested_by="somebody")
    end_lease(quick, "worker-a")
    assert reap_once(quick, recheck_pause=timedelta(0)).terminated == ()


def test_nothing_alive_says_how_to_get_something(quick: Settings) -> None:
    insert_run(quick.writer_url, deployment=quick.deployment)
    with pytest.raises(NotFoundError, match="validate-all-workers REPO=worker-a"):
        keep(quick, "worker-a", HOUR, requested_by="somebody")


def test_one_that_is_ending_cannot_be_kept(quick: Settings, alive: tuple[UUID, UUID, str]) -> None:
    _, first, _ = alive
    with transaction(quick.writer_url) as connection:
        ledger.intend_termination(connection, latest(quick, first).ledger_id, TerminationReason.FINISHED)
    with pytest.raises(ConflictError, match="being ended"):
        keep(quick, "worker-a", HOUR, requested_by="somebody")
    assert kept_instances(quick) == []


def test_of_several_one_must_be_chosen(quick: Settings, alive: tuple[UUID, UUID, str]) -> None:
    other, (again, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    instance_id = launch(quick, again)
    with pytest.raises(ConflictError, match="--run-id"):
        keep(quick, "worker-a", HOUR, requested_by="somebody")
    lease = keep(quick, "worker-a", HOUR, requested_by="somebody", run_id=str(other)[:8])
    assert lease.instance_id == instance_id


def test_an_agent_that_does_not_answer_is_said(
    quick: Settings, cloud: LocalCloudServer, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(cloud.set_faults)
    cloud.set_faults({"box": "no-agent"})
    _, (first, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    launch(quick, first)
    lease = keep(quick, "worker-a", HOUR, requested_by="somebody")
    assert lease.guest_timer is GuestTimer.AGENT_OFFLINE
    assert lease.guest_ends_at == guest_timer_at(latest(quick, first).expires_at, quick.reap_interval)


def test_an_outage_in_the_middle_is_mended_by_the_same_command(
    quick: Settings, cloud: LocalCloudServer, alive: tuple[UUID, UUID, str], request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(cloud.set_faults)
    cloud.set_faults({"api": "CreateTags", "code": "AccessDenied"})
    with pytest.raises(CloudError, match="Run the same command again"):
        keep(quick, "worker-a", HOUR, requested_by="somebody")
    cloud.set_faults()
    lease = keep(quick, "worker-a", HOUR, requested_by="somebody")
    (seen,) = instances_of(quick, alive[1])
    assert instant_of(seen.tags, TAG_KEEP_UNTIL) == lease.keep_until.replace(microsecond=0)
