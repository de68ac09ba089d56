"""An instance that belongs to a worker or to a run goes the same way as a validation's: launched, placed, budgeted,
reaped and paid for by the same code. There is no pool yet: the worker here is an id, and a list of what it was told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from janitor.cli.render.instances.instances import instances_text
from janitor.domain.config.fields import Market
from janitor.domain.errors import BudgetRefusedError, LaunchRefusedError
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_EXPIRES, TAG_REPOSITORY, TAG_RUN, TAG_VALIDATION
from janitor.domain.launch.breaker import EVERYTHING
from janitor.domain.launch.order import LaunchOrder
from janitor.domain.launch.owner import Owner
from janitor.domain.money.budget import BudgetLimits
from janitor.domain.states import (
    InstanceState,
    OwnerKind,
    PlacementResult,
    ReapEvidence,
    RunStatus,
    TerminationReason,
)
from janitor.domain.watch.sequential import works_for
from janitor.services.completing import Completion, Known, completions
from janitor.services.deployment import live_instances
from janitor.services.ending.terminate import end_scope, remaining, scope_of, scope_of_run
from janitor.services.launch import breaker as launch_breaker
from janitor.services.launch.advance import Launched, NoPlace, NotYet, advance_launch
from janitor.services.ledger.reconcile import observe_deployment
from janitor.services.money.budget import reserve_order, settle_reservations
from janitor.services.money.estimate import estimate_order
from janitor.services.provider import find_owned, provider_of
from janitor.services.reap.by_hand import describe
from janitor.services.reap.kill import kill_all
from janitor.services.reap.passes import reap_once
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import placement as attempts
from janitor.stores import validations as store
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord
from janitor.stores.standing import snapshot as glances
from tests.integration.services.test_launching import eventually
from tests.integration.services.test_launching import launch as launch_validation
from tests.integration.services.test_reap_passes import gone, quick, reap, second_pass
from tests.support.instances import instances_of
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

__all__ = ["quick"]

VERIFY = timedelta(seconds=20)


@dataclass
class Worker:
    """An owner without a table of its own: its order stands, and what it is told is kept here."""

    ordered: LaunchOrder
    told: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def owner(self) -> Owner:
        return self.ordered.owner

    def order(self, connection: Connection) -> LaunchOrder:
        return self.ordered

    def keep_intent(self, connection: Connection, deadline_at: datetime) -> datetime:
        self.told.append(("intent",))
        return deadline_at

    def keep_launched(self, connection: Connection, instance_id: str) -> None:
        self.told.append(("launched", instance_id))

    def keep_failure(self, connection: Connection, reason_code: str, summary: str) -> None:
        self.told.append(("failed", reason_code))


def worker(**changes: Any) -> Worker:
    """A worker that wants an instance for twenty minutes."""
    order = LaunchOrder(
        owner=Owner(kind=OwnerKind.WORKER, id=uuid4()),
        run_id=None,
        name="pool-gpu",
        repository=None,
        instance_types=("g5.xlarge", "g6.xlarge"),
        market=Market.ON_DEMAND,
        timeout=timedelta(minutes=20),
        grace=timedelta(minutes=2),
        max_concurrent_instances=10,
    )
    return Worker(replace(order, **changes))


def launch(settings: Settings, ordering: Worker) -> str:
    give_up_at = time.monotonic() + VERIFY.total_seconds()
    while True:
        step = advance_launch(settings, ordering)
        if isinstance(step, Launched):
            return step.instance_id
        assert time.monotonic() < give_up_at, step
        time.sleep(0.05)


def latest(settings: Settings, owner: Owner) -> InstanceRecord:
    with transaction(settings.writer_url) as connection:
        record = ledger.latest_of(connection, owner)
    assert record is not None
    return record


def read(settings: Settings, statement: str, *values: object) -> list[dict[str, Any]]:
    """Rows, as the role sees them that only reads."""
    with transaction(settings.reader_url) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def reserve(settings: Settings, order: LaunchOrder, daily_usd: Decimal) -> None:
    with transaction(settings.writer_url) as connection:
        reserve_order(
            connection,
            deployment=settings.deployment,
            order=order,
            estimate=estimate_order(settings, order),
            limits=BudgetLimits(run_usd=None, daily_usd=daily_usd),
        )


def let_time_be_over(settings: Settings, owner: Owner) -> None:
    record = latest(settings, owner)
    at = datetime.now(timezone.utc) - timedelta(seconds=1)
    with transaction(settings.writer_url) as connection:
        connection.execute("update instances set expires_at = %s where ledger_id = %s", (at, record.ledger_id))
    assert record.instance_id is not None
    provider_of(settings).add_tags(record.instance_id, {TAG_EXPIRES: at.isoformat()})


@pytest.fixture
def faults(cloud: LocalCloudServer) -> Iterator[Callable[..., None]]:
    yield cloud.set_faults
    cloud.set_faults()


def test_a_workers_instance_lives_is_ended_when_overdue_and_is_paid_for(quick: Settings) -> None:
    ordering = worker()
    owner = ordering.owner
    reserve(quick, ordering.ordered, Decimal(10))
    assert settle_reservations(quick) == 0, "it has not been launched yet"

    instance_id = launch(quick, ordering)
    assert ordering.told == [("intent",), ("launched", instance_id)]
    record = latest(quick, owner)
    assert (record.owner, record.run_id, record.generation) == (owner, None, 1)
    assert record.expires_at - record.intent_at == timedelta(minutes=22)
    (seen,) = find_owned(quick, owner)
    assert (seen.instance_id, seen.owner) == (instance_id, owner)
    assert not {TAG_RUN, TAG_VALIDATION, TAG_REPOSITORY} & seen.tags.keys()
    assert seen.tags["Name"].startswith("janitor-pool-gpu-")
    (alive,) = read(quick, "select * from live_instances where deployment = %s", quick.deployment)
    assert (alive["owner_kind"], alive["owner_id"], alive["validation_id"]) == ("worker", owner.id, None)

    # In its time, nobody takes it for an orphan, however often the reaper comes.
    for report in (reap(quick), second_pass(quick), second_pass(quick)):
        assert (report.marked, report.terminated, report.problems) == ((), (), ())
    assert not gone(quick, instance_id)

    let_time_be_over(quick, owner)
    report = reap(quick)
    assert report.terminated == (instance_id,)
    assert report.evidence == {instance_id: ReapEvidence.OVERDUE}
    eventually(lambda: remaining(quick, scope_of(owner)) == [])
    ended = latest(quick, owner)
    assert (ended.state, ended.termination_reason) == (InstanceState.TERMINATED, TerminationReason.OVERDUE)

    (cost,) = read(quick, "select * from instance_costs where ledger_id = %s", ended.ledger_id)
    assert cost["total_usd"] > 0
    settle_reservations(quick)
    (reservation,) = read(quick, "select * from budget_reservations where owner_id = %s", owner.id)
    assert (reservation["owner_kind"], reservation["validation_id"]) == ("worker", None)
    assert 0 < reservation["spent_usd"] < reservation["reserved_usd"]
    assert reservation["spent_usd"] >= cost["total_usd"]
    (day,) = read(quick, "select * from budget_by_day where deployment = %s", quick.deployment)
    assert (day["spent_usd"], day["open_reservations"]) == (reservation["spent_usd"], 0)
    (spent,) = read(quick, "select * from cost_by_day_and_repository where deployment = %s", quick.deployment)
    assert (spent["instances"], spent["repository_name"]) == (1, None)


def test_a_budget_refuses_a_workers_instance_before_it_is_launched(settings: Settings) -> None:
    ordering = worker(timeout=timedelta(hours=20))
    with pytest.raises(BudgetRefusedError, match=r"pool-gpu is refused: it costs \$.* daily_budget_usd"):
        reserve(settings, ordering.ordered, Decimal(1))
    with pytest.raises(BudgetRefusedError, match=r"the price of x9\.large is not known"):
        reserve(settings, worker(instance_types=("x9.large",)).ordered, Decimal(100))
    assert read(settings, "select from budget_reservations where deployment = %s", settings.deployment) == []
    again = worker(timeout=timedelta(minutes=5))
    for _ in range(2):
        reserve(settings, again.ordered, Decimal(1))
    assert len(read(settings, "select from budget_reservations where deployment = %s", settings.deployment)) == 1


def test_a_launch_that_was_cut_off_is_adopted_by_its_worker(settings: Settings) -> None:
    ordering = worker()
    launched: list[str] = []

    def killed_after(parameters: Mapping[str, Any]) -> str:
        launched.append(provider_of(settings).launch(parameters))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advance_launch(settings, ordering, killed_after)
    assert latest(settings, ordering.owner).state is InstanceState.INTENT
    # Whoever looks at the deployment finds it as well, by its owner's tag and its name.
    observe_deployment(settings)
    assert latest(settings, ordering.owner).instance_id == launched[0]
    assert advance_launch(settings, ordering) == Launched(instance_id=launched[0], adopted=True)
    assert len(find_owned(settings, ordering.owner)) == 1


def test_workers_and_validations_share_the_deployments_places(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment, max_concurrent_instances=1)
    launch_validation(settings, first)
    ordering = worker(max_concurrent_instances=1)
    assert advance_launch(settings, ordering) == NoPlace(limit=1)
    end_scope(settings, scope_of(Owner.validation(first)), TerminationReason.FINISHED, timeout=VERIFY)
    launch(settings, ordering)


def test_a_workers_search_for_a_place_goes_on_where_it_stood(settings: Settings, faults: Callable[..., None]) -> None:
    ordering = worker()
    faults({"api": "RunInstances", "code": "InsufficientInstanceCapacity", "times": 1})
    assert isinstance(advance_launch(settings, ordering), NotYet)
    launch(settings, ordering)
    with transaction(settings.writer_url) as connection:
        tried = attempts.attempts_of(connection, ordering.owner)
    assert [(one.candidate.instance_type, one.result) for one in tried] == [
        ("g5.xlarge", PlacementResult.CAPACITY),
        ("g6.xlarge", PlacementResult.LAUNCHED),
    ]
    assert [word for word, *_ in ordering.told] == ["intent", "failed", "intent", "launched"]
    assert latest(settings, ordering.owner).generation == 2


def test_a_workers_refusals_count_for_the_deployment_and_for_no_repository(
    settings: Settings, faults: Callable[..., None]
) -> None:
    careful = settings.model_copy(update={"breaker_repository_failures": 1, "breaker_deployment_failures": 2})
    faults({"api": "RunInstances", "code": "VcpuLimitExceeded", "times": 2})
    codes = []
    for _ in range(3):
        with pytest.raises(LaunchRefusedError) as refused:
            advance_launch(careful, worker())
        codes.append(refused.value.reason_code)
    assert codes == ["quota", "quota", "launch_breaker"]
    assert {one.scope: one.failures_in_a_row for one in launch_breaker.state(careful)} == {EVERYTHING: 2}
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    with pytest.raises(LaunchRefusedError, match="of any repository"):
        launch_validation(careful, first)


def test_the_hard_limit_of_an_order_holds(settings: Settings) -> None:
    ordering = worker(deadline_at=datetime.now(timezone.utc) - timedelta(seconds=1))
    with pytest.raises(LaunchRefusedError, match="hard limit"):
        advance_launch(settings, ordering)
    assert ordering.told == []
    limit = (datetime.now(timezone.utc) + timedelta(minutes=3)).replace(microsecond=0)
    ordering = worker(deadline_at=limit)
    launch(settings, ordering)
    assert latest(settings, ordering.owner).deadline_at == limit


def test_an_emergency_stop_ends_a_workers_instance_and_says_whose_it_was(settings: Settings) -> None:
    ordering = worker()
    instance_id = launch(settings, ordering)
    report = kill_all(settings, progress=lambda _: None, verify_for=VERIFY)
    assert report.terminated == (instance_id,)
    assert report.was == {instance_id: f"worker {ordering.owner.id}"}
    assert latest(settings, ordering.owner).termination_reason is TerminationReason.OPERATOR_KILL


def a_runs_own(settings: Settings) -> tuple[UUID, UUID, Worker]:
    """A run, one of its validations, and the run's own order."""
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    return run_id, first, worker(owner=Owner(kind=OwnerKind.RUN, id=run_id), run_id=run_id, name="sequential")


def test_a_runs_own_instance_is_called_so_wherever_it_is_named(settings: Settings) -> None:
    run_id, _, ordering = a_runs_own(settings)
    instance_id, words = launch(settings, ordering), f"run {run_id} (sequential)"
    assert words in instances_text(live_instances(settings))
    seen = provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment)
    assert describe(settings, seen) == {instance_id: words}
    with transaction(settings.reader_url) as connection:
        (glance,) = glances.live_instances(connection, settings.deployment, settings.reap_interval)
    assert works_for(glance.repository_name, glance.run_id) == words
    named = completions(settings, Known.INSTANCE, limit=5, beginning=instance_id)
    assert named == [Completion(value=instance_id, help=words)]


def test_a_runs_own_instance_is_ended_with_the_run_and_not_before(quick: Settings) -> None:
    run_id, _, ordering = a_runs_own(quick)
    instance_id = launch(quick, ordering)
    for report in (reap(quick), second_pass(quick)):
        assert (report.marked, report.terminated) == ((), ())
    with transaction(quick.writer_url) as connection:
        store.finish_run(connection, run_id, RunStatus.SUCCESS, None)
    report = reap(quick)
    assert (report.marked, report.evidence) == ((instance_id,), {instance_id: ReapEvidence.OWNER_OVER})
    assert second_pass(quick).terminated == (instance_id,)
    record = latest(quick, ordering.owner)
    assert (record.termination_reason, record.run_id) == (TerminationReason.ORPHAN, run_id)
    (detail,) = read(quick, "select termination_detail from instances where ledger_id = %s", record.ledger_id)
    assert detail == {"termination_detail": "the reaper: owner over"}


def test_a_runs_own_instance_is_not_its_validations(settings: Settings) -> None:
    run_id, first, ordering = a_runs_own(settings)
    of_run, of_validation = launch(settings, ordering), launch_validation(settings, first)
    assert of_run != of_validation
    assert [one.instance_id for one in find_owned(settings, ordering.owner)] == [of_run]
    assert [one.instance_id for one in instances_of(settings, first)] == [of_validation]
    ending = end_scope(settings, scope_of(ordering.owner), TerminationReason.FINISHED, timeout=VERIFY)
    assert (ending.terminated, ending.left) == ((of_run,), ())
    assert not gone(settings, of_validation)
    # What counts for the run is all of it.
    ending = end_scope(settings, scope_of_run(run_id), TerminationReason.RUN_TEARDOWN, timeout=VERIFY)
    assert ending.terminated == (of_validation,)


def test_a_reopened_instance_whose_worker_went_on_is_nobodys(quick: Settings) -> None:
    ordering = worker()
    before = launch(quick, ordering)
    with transaction(quick.writer_url) as connection:
        # As where nobody saw it for long: its row was ended though it lives.
        connection.execute(
            "update instances set state = 'terminated', ended_at = now() - interval '1 minute',"
            " termination_reason = 'instance_lost' where instance_id = %s",
            (before,),
        )
    after = launch(quick, ordering)
    assert after != before
    report = reap_once(quick, recheck_pause=timedelta(milliseconds=10))
    assert report.reopened == (before,)
    (row,) = read(quick, "select owner_kind, owner_id, origin from instances where instance_id = %s", before)
    assert row == {"owner_kind": None, "owner_id": None, "origin": "adopted"}
    assert report.evidence == {before: ReapEvidence.UNKNOWN_OWNER}
    assert latest(quick, ordering.owner).instance_id == after
    with transaction(quick.writer_url) as connection:
        # Its attempt stays the worker's: it had launched something.
        assert len(attempts.attempts_of(connection, ordering.owner)) == 2
