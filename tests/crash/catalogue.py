"""All cells of the matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from janitor.domain.states import ValidationStatus
from tests.crash.cells import INSTANCE_EDGES, SUCCESS, Act, Cell, Component, Edge, Fault
from tests.crash.tables import own_tables

_ERROR = frozenset({ValidationStatus.ERROR})
_TIMED_OUT = frozenset({ValidationStatus.TIMED_OUT})
_SHORT = timedelta(seconds=25)
"""For cells whose instances live until something ends them."""
_FOR_LIMIT = timedelta(seconds=45)

_COMPONENTS = tuple(component for component in Component if component is not Component.FOR_GOOD)

_ACTS: Mapping[Act, tuple[Edge, ...]] = {
    Act.CLEAR_LAUNCH: (
        Edge.DURING_RUN_INSTANCES,
        Edge.AFTER_RUN_INSTANCES,
        Edge.BOOTING,
        Edge.RUNNING,
        Edge.DURING_TERMINATE,
    ),
    Act.CLEAR_VALIDATE: (Edge.BOOTING, Edge.RUNNING, Edge.DURING_RECORD, Edge.DURING_TERMINATE),
    Act.MARK_FAILED: INSTANCE_EDGES,
    Act.MARK_SUCCESS: INSTANCE_EDGES,
    Act.DELETE_RUN: INSTANCE_EDGES,
    Act.PAUSE: (Edge.AFTER_INTENT, Edge.BOOTING, Edge.RUNNING, Edge.DURING_RECORD, Edge.DURING_TERMINATE),
    Act.SECOND_RUN: (Edge.BEFORE_INTENT, Edge.RUNNING),
}
_STOPS_THE_RUN = (Act.MARK_FAILED, Act.MARK_SUCCESS, Act.DELETE_RUN)
_RECORDED = (Edge.DURING_TERMINATE,)
"""Edges at which the verdict is in the database."""


def all_cells() -> list[Cell]:
    """Every cell, the long ones last."""
    own = [cell for table in own_tables() for cell in table.cells()]
    return [*_kills(), *_faults(), *_acts(), *own, *_proofs()]


def _kills() -> Iterator[Cell]:
    for edge in INSTANCE_EDGES:
        for component in _COMPONENTS:
            yield Cell(edge=edge, blow=component)


def _faults() -> Iterator[Cell]:
    start = Edge.BEFORE_INTENT
    yield Cell(edge=start, blow=Fault.CAPACITY)
    yield Cell(edge=start, blow=Fault.QUOTA, statuses=_ERROR)
    yield Cell(edge=start, blow=Fault.SLOW_BOOT)
    yield Cell(edge=start, blow=Fault.NO_AGENT, statuses=_ERROR)
    yield Cell(edge=Edge.RUNNING, blow=Fault.HANG, statuses=_TIMED_OUT, timeout=_FOR_LIMIT, keeps_working=True)
    yield Cell(edge=start, blow=Fault.DEATH, statuses=_ERROR, keeps_working=True)
    yield Cell(edge=Edge.RUNNING, blow=Fault.SPOT_INTERRUPTION, market="spot")
    for edge in (start, Edge.RUNNING, Edge.DURING_TERMINATE):
        yield Cell(edge=edge, blow=Fault.THROTTLING)
    for edge in (start, Edge.BOOTING, Edge.RUNNING, Edge.DURING_TERMINATE):
        yield Cell(edge=edge, blow=Fault.EC2_OUTAGE)
    for edge in (Edge.BOOTING, Edge.RUNNING):
        yield Cell(edge=edge, blow=Fault.SSM_OUTAGE)
    for edge in (Edge.BOOTING, Edge.RUNNING, Edge.DURING_RECORD):
        yield Cell(edge=edge, blow=Fault.S3_OUTAGE)
    for edge in (start, Edge.DURING_TERMINATE):
        yield Cell(edge=edge, blow=Fault.DESCRIBE_LAG)
    for edge in (start, Edge.RUNNING):
        yield Cell(edge=edge, blow=Fault.COMMAND_LAG)


def _acts() -> Iterator[Cell]:
    for act, edges in _ACTS.items():
        for edge in edges:
            if act in _STOPS_THE_RUN:
                yield Cell(edge=edge, blow=act, statuses=SUCCESS if edge in _RECORDED else None)
            elif act is Act.PAUSE:
                # What was at work when the DAG was paused may end or not; from `running` on the report decides.
                decided = edge in (Edge.RUNNING, Edge.DURING_RECORD, Edge.DURING_TERMINATE)
                yield Cell(edge=edge, blow=act, statuses=SUCCESS if decided else None, timeout=_SHORT)
            else:
                yield Cell(edge=edge, blow=act)


def _proofs() -> Iterator[Cell]:
    yield Cell(edge=Edge.BEFORE_INTENT, blow=Fault.THROTTLING, repositories=5)
    for edge in (Edge.AFTER_RUN_INSTANCES, Edge.RUNNING):
        yield Cell(edge=edge, blow=Component.FOR_GOOD, statuses=None, timeout=_SHORT, keeps_working=True)
