"""A few cells of the crash matrix (`make crash-matrix`): one for each kind of blow, on the folder's own stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from janitor.settings import Settings
from tests.crash.catalogue import all_cells
from tests.crash.cells import INSTANCE_EDGES, Act, Cell, Component, Edge, Fault
from tests.crash.report import line
from tests.crash.runner import carry_out
from tests.crash.silences import Silence
from tests.crash.stand import Stand
from tests.crash.tables import own_tables

CHOSEN = {
    (Edge.AFTER_RUN_INSTANCES, Component.TASK),  # a launch that nobody knows of
    (Edge.RUNNING, Component.EVERYTHING),
    (Edge.BEFORE_INTENT, Fault.CAPACITY),
    (Edge.BOOTING, Act.MARK_FAILED),
    (Edge.BEFORE_INTENT, Silence.NO_START_ONCE),
}
CELLS = [cell for cell in all_cells() if (cell.edge, cell.blow) in CHOSEN]


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name.replace(" ", "-") for cell in CELLS])
def test_nothing_is_left_and_nothing_lost(stack: Settings, cell: Cell, tmp_path: Path) -> None:
    result = carry_out(Stand(stack, tmp_path), cell, tmp_path)
    assert result.passed, "\n".join([line(result), *result.failures, result.impossible or ""])
    assert result.finding is None


def test_the_catalogue_has_every_edge_with_every_component() -> None:
    tried = {(cell.edge, cell.blow) for cell in all_cells()}
    assert {(edge, one) for edge in INSTANCE_EDGES for one in Component if one is not Component.FOR_GOOD} <= tried
    blows = {cell.blow for cell in all_cells()}
    assert blows == {*Component, *Fault, *Act, *(blow for table in own_tables() for blow in table.blows)}
    assert len({cell.name for cell in all_cells()}) == len(all_cells())
