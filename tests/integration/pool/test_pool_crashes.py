"""Whoever works on a pool is killed at each of its edges; the passes after it leave no machine and no row that lies.

In all of them one validation is carried out to its end, as often as it has to be begun.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from janitor.domain.pool.states import TaskState
from janitor.domain.states import ValidationStatus
from tests.integration.pool.crashes import Edge, killed_at
from tests.integration.pool.fleet import Fleet, Repository

_SERVICES = "janitor.services.pool"

SPAWN = (
    Edge(f"{_SERVICES}.scrub", "look"),  # asked how it looks, and its answer not read
    Edge(f"{_SERVICES}.act", "advance_spawn"),  # requested, and nothing intended
    Edge("janitor.cloud.ec2.instances", "Ec2.launch"),  # intended, and nothing launched
    Edge("janitor.cloud.ec2.instances", "Ec2.launch", after=True),  # launched, and its id not kept
)
CLAIM = (
    Edge(f"{_SERVICES}.assign", "deliver"),  # claimed, with its turn, and no command sent
    Edge("janitor.stores.sequential", "keep_command_start"),  # sent, and its id not kept
)
FINISH = (
    Edge(f"{_SERVICES}.release", "make_ready"),  # the task is over, its worker between two
    Edge(f"{_SERVICES}.release", "leave"),  # before anything of it is committed
)
END = (
    Edge(f"{_SERVICES}.act", "end_worker"),  # drained, and nothing of its end begun
    Edge(f"{_SERVICES}.ending", "end_scope"),  # terminating, and nobody asked
    Edge("janitor.cloud.ec2.instances", "Ec2.terminate", after=True),  # ended, and nobody saw it
)


def _seen_to_its_end(fleet: Fleet) -> Callable[[], None]:
    """A validation that waits; returns what follows on the crash."""
    run_id, (validation_id,) = fleet.run(Repository("worker-a"))
    assert fleet.hosted_later(validation_id) is None

    def follow() -> None:
        assert fleet.carried_out(validation_id).status is ValidationStatus.FAILED
        assert fleet.task(validation_id).state is TaskState.DONE
        assert len(fleet.machines(live_only=False)) == 1
        fleet.drained(run_id)

    return follow


@pytest.mark.parametrize("edge", SPAWN, ids=str)
def test_a_pass_is_killed_while_it_spawns(fleet: Fleet, edge: Edge) -> None:
    follow = _seen_to_its_end(fleet)
    assert fleet.until(lambda: killed_at(edge, fleet.passes), with_passes=False)
    follow()


@pytest.mark.parametrize("edge", CLAIM, ids=str)
def test_a_pass_is_killed_while_it_gives_a_task(fleet: Fleet, edge: Edge) -> None:
    follow = _seen_to_its_end(fleet)
    assert fleet.until(lambda: killed_at(edge, fleet.passes), with_passes=False)
    assert [task.state for task in fleet.tasks()] == [TaskState.CLAIMED]
    follow()


@pytest.mark.parametrize("edge", FINISH, ids=str)
def test_a_task_is_killed_while_it_releases_its_worker(fleet: Fleet, edge: Edge) -> None:
    fleet.configure(max=1)
    run_id, (first, second) = fleet.run(Repository("worker-a"), Repository("worker-b"))
    fleet.hosted(first)
    fleet.watched(first)
    assert killed_at(edge, lambda: fleet.released(first))
    # Nobody comes back to it: the pass finds what is left, and the worker goes on.
    assert fleet.hosted(second) == fleet.machines()[0].instance_id
    assert fleet.task(first).state is TaskState.DONE
    fleet.carried_out(second)
    assert len(fleet.machines(live_only=False)) == 1
    fleet.drained(run_id)


@pytest.mark.parametrize("edge", END, ids=str)
def test_a_pass_is_killed_while_it_ends_a_worker(fleet: Fleet, edge: Edge) -> None:
    run_id, (validation_id,) = fleet.run(Repository("worker-a"))
    fleet.carried_out(validation_id)
    fleet.end_run(run_id)
    assert fleet.until(lambda: killed_at(edge, fleet.passes), with_passes=False)
    assert fleet.workers()
    fleet.drained(run_id)
