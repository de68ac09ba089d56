"""Tables of the matrix beside kills, faults and people: each brings its own blows, cells and ways to strike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.crash.cells import Blow, Cell
from tests.crash.observer import Sighting
from tests.crash.stand import Stand


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a blow finds: a run that is held at the cell's edge."""

    stand: Stand
    cell: Cell
    airflow_run_id: str
    instances: Callable[[], list[Sighting]]
    """The run's instances, as EC2 shows them now."""
    go_on: Callable[[], None]
    """Lets the run go on from its edge, for a blow that falls later; its handlers still wait."""
    folder: Path
    """For files of the blow's own."""
    failures: list[str]
    """Takes what the blow itself shows to be wrong, in words."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        title: Of the report's section.
        blows: The columns.
        cells: All its cells, in their order.
        strike: Lets a cell's blow fall; returns when the validation may go on. Faults of the local cloud that it sets
            stay until the cell has been judged.
    """

    title: str
    blows: type[Blow]
    cells: Callable[[], Iterator[Cell]]
    strike: Callable[[Scene], None]


def own_tables() -> Sequence[Table]:
    """The tables, in the report's order."""
    from tests.crash import in_turn, places, pool, shards, silences

    return (silences.TABLE, places.TABLE, in_turn.TABLE, pool.TABLE, shards.TABLE)


def table_of(blow: Blow) -> Table | None:
    """The table that a blow belongs to; None for kills, faults and people."""
    return next((table for table in own_tables() if isinstance(blow, table.blows)), None)
