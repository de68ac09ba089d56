"""A pool without Airflow: warm workers take one validation after another, and everything is gone at the end."""

from __future__ import annotations

from datetime import timedelta

from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.domain.states import TerminationReason, ValidationStatus
from janitor.services.watch.watch import Watch
from janitor.stores.costs import Cost, costs_of_runs, costs_of_validations
from janitor.stores.database import transaction
from tests.integration.pool.fleet import Fleet, Repository

STARTS_WITHIN = timedelta(seconds=30)
"""A machine with a load of 20 included; `make pool-demo` holds it to five seconds."""


def test_two_repositories_share_one_machine_that_is_gone_at_the_end(fleet: Fleet) -> None:
    fleet.configure(max=1)
    run_id, (first, second) = fleet.run(Repository("worker-a"), Repository("worker-b"))
    machine = fleet.hosted(first)
    # Its validator's own lines are the clock of its progress.
    fleet.until(Watch(fleet.settings, first).step, with_passes=False)
    before = fleet.task(first).last_progress_at
    fleet.passes()
    after = fleet.task(first).last_progress_at
    assert before is not None
    assert after is not None
    assert after > before
    assert fleet.watched(first).status is ValidationStatus.FAILED  # there is no such repository
    # The second one waits while the first has the machine: a machine has one task at a time.
    assert fleet.task(first).held is not None
    assert fleet.hosted_later(second) is None
    fleet.released(first)
    # Without a pass: whoever waits has the worker looked at, and takes it.
    assert fleet.until(lambda: fleet.hosted_later(second), with_passes=False) == machine
    assert fleet.watched(second).status is ValidationStatus.FAILED
    fleet.released(second)
    assert len(fleet.machines(live_only=False)) == 1
    reports = fleet.rows(
        "select report #> '{provenance,machine}' as machine from validation_reports where validation_id = any(%s)",
        [first, second],
    )
    assert {each["machine"]["worker_id"] for each in reports} == {str(fleet.workers()[0].worker_id)}
    machines = sorted((each["machine"] for each in reports), key=lambda each: each["task_ordinal"])
    assert [each["task_ordinal"] for each in machines] == [1, 2]
    # What the look between the two has found; before the first there was nothing to find.
    assert [each.get("warm") for each in machines] == [None, {"base_images": 0, "build_cache": False}]
    claims = fleet.rows(
        "select c.ordinal, c.ended_as, t.command_started_at - c.claimed_at as took from task_claims c"
        " join turns t using (fence) join workers w using (worker_id) where w.deployment = %s order by c.fence",
        fleet.settings.deployment,
    )
    assert [(each["ordinal"], each["ended_as"]) for each in claims] == [(1, "done"), (2, "done")]
    assert claims[1]["took"] < STARTS_WITHIN
    assert [fleet.task(each).state for each in (first, second)] == [TaskState.DONE] * 2
    fleet.drained(run_id)
    (worker,) = fleet.ended_workers()
    assert (worker.state, worker.end_reason, worker.tasks_done) == (WorkerState.TERMINATED, WorkerEnd.IDLE, 2)
    (row,) = fleet.rows("select * from instances where deployment = %s", fleet.settings.deployment)
    assert (row["termination_reason"], row["run_id"]) == (TerminationReason.IDLE.value, None)
    # Between them they pay for all of it; boot and waiting are no time that nothing explains.
    (bill,) = fleet.rows("select * from instance_costs where deployment = %s", fleet.settings.deployment)
    with transaction(fleet.settings.reader_url) as connection:
        paid = costs_of_validations(connection, [first, second])
        assert costs_of_runs(connection, [run_id]) == {run_id: Cost(usd=bill["total_usd"])}
    shares = [paid[each].usd or 0 for each in (first, second)]
    assert all(shares)
    assert sum(shares) == bill["total_usd"]
    assert (bill["unexplained_usd"], bill["idle_usd"] > 0) == (0, True)
    why = fleet.rows("select why from pool_decisions where deployment = %s", fleet.settings.deployment)
    assert why
