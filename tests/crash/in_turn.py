"""The table "sequential run": two repositories that take turns on one instance, and a blow at an edge of its life.

What is killed comes back, what is lost is replaced; both repositories have their verdict, on as many instances as the
cell says, and nothing of the run outlives its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from janitor.domain.states import RunKind
from tests.crash.cells import Blow, Cell, Component, Edge
from tests.crash.faults import interruption
from tests.crash.killers import kill
from tests.crash.tables import Scene, Table
from tests.crash.waiting import await_it

_LIMIT = timedelta(seconds=240)
"""Of each: time for a component that comes back, and for an instance that is replaced."""
_GONE_WITHIN = timedelta(seconds=90)
_REPOSITORIES = 2


class InTurn(Blow):
    """What befalls a sequential run."""

    TASK = "its task's process"
    SCHEDULER = "the scheduler"
    TRIGGERER = "the triggerer"
    EVERYTHING = "everything"
    LOST = "its instance"
    INTERRUPTED = "its spot instance"


_KILLED: Mapping[InTurn, Component] = {
    InTurn.TASK: Component.TASK,
    InTurn.SCHEDULER: Component.SCHEDULER,
    InTurn.TRIGGERER: Component.TRIGGERER,
    InTurn.EVERYTHING: Component.EVERYTHING,
}
_EDGES: Mapping[InTurn, Sequence[Edge]] = {
    InTurn.TASK: (
        *(Edge.BEFORE_INTENT, Edge.AFTER_INTENT, Edge.DURING_RUN_INSTANCES, Edge.AFTER_RUN_INSTANCES, Edge.BOOTING),
        *(Edge.RUNNING, Edge.DURING_RECORD, Edge.DURING_TERMINATE),
    ),
    InTurn.SCHEDULER: (Edge.RUNNING,),
    InTurn.TRIGGERER: (Edge.RUNNING,),
    InTurn.EVERYTHING: (Edge.AFTER_INTENT, Edge.RUNNING, Edge.DURING_RECORD, Edge.DURING_TERMINATE),
    InTurn.LOST: (Edge.BOOTING, Edge.RUNNING, Edge.DURING_RECORD),
    InTurn.INTERRUPTED: (Edge.RUNNING,),
}
_REPLACED = (InTurn.LOST, InTurn.INTERRUPTED)


def _cells() -> Iterator[Cell]:
    for blow, edges in _EDGES.items():
        for edge in edges:
            yield Cell(
                edge=edge,
                blow=blow,
                kind=RunKind.SEQUENTIAL,
                repositories=_REPOSITORIES,
                timeout=_LIMIT,
                market="spot" if blow is InTurn.INTERRUPTED else None,
                instances=2 if blow in _REPLACED else 1,
            )


def _strike(scene: Scene) -> None:
    blow = scene.cell.blow
    assert isinstance(blow, InTurn)
    if blow in _KILLED:
        kill(scene.stand, _KILLED[blow])
        return
    alive = [one.instance_id for one in scene.instances() if one.is_alive]
    if blow is InTurn.INTERRUPTED:
        for instance_id in alive:
            scene.stand.tell_cloud("interrupt", interruption(instance_id))
    else:
        scene.stand.end_instances(alive)
    await_it(
        lambda: all(one.is_gone for one in scene.instances() if one.instance_id in alive) or None,
        within=_GONE_WITHIN,
        what="the end of the run's instance",
    )


TABLE = Table(title="A sequential run", blows=InTurn, cells=_cells, strike=_strike)
