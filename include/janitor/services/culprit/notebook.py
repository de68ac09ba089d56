"""Where a search keeps what it tried, so that a killed one goes on where it was and pays for nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol
from uuid import UUID, uuid5

from janitor.domain.culprit.culprit import CulpritState
from janitor.domain.culprit.minimize import Outcome, PutBack, Tried
from janitor.domain.result.provenance_changes import PartChange
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.maintenance import culprits as store

_LONGEST = 2_000
"""Characters of a reason that are kept."""
_NAMESPACE = UUID("6b0d9a52-4f0e-4a55-9c4e-6c1a3c2f7d11")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One experiment of a search, as it is kept."""

    number: int
    """From 1."""
    experiment_id: UUID
    put_back: PutBack
    outcome: Outcome | None
    """None: it was begun, and its end isn't known yet."""
    reason: str
    validation_id: UUID | None = None
    cost_usd: Decimal | None = None

    @property
    def tried(self) -> Tried:
        """For the next step of the search; only of one that is over."""
        return Tried(put_back=self.put_back, outcome=self.outcome or Outcome.UNTOLD)


class Notebook(Protocol):
    """Of one search."""

    @property
    def key(self) -> str:
        """Which search it is: the same key goes on with the same search."""
        ...

    def entries(self) -> Sequence[Entry]:
        """All of it, in its order."""
        ...

    def begin(self, entry: Entry) -> None:
        """Write down what is tried, before it is."""
        ...

    def end(self, entry: Entry) -> None:
        """Write down what came of it."""
        ...

    def close(self, state: CulpritState, changes: Sequence[PartChange], reason: str) -> None:
        """Write down how the search ended."""
        ...


@dataclass
class Memory:
    """A notebook that lasts as long as the process."""

    key: str
    kept: dict[int, Entry] = field(default_factory=dict)

    def entries(self) -> Sequence[Entry]:
        """All of it, in its order."""
        return [self.kept[number] for number in sorted(self.kept)]

    def begin(self, entry: Entry) -> None:
        """Write down what is tried."""
        self.kept[entry.number] = entry

    def end(self, entry: Entry) -> None:
        """Write down what came of it."""
        self.kept[entry.number] = entry

    def close(self, state: CulpritState, changes: Sequence[PartChange], reason: str) -> None:
        """Nothing outlives the process."""


class PostgresNotebook:
    """A notebook in Postgres. Each call is a transaction of its own.

    Args:
        settings: Of the deployment.
        key: Which search it is.
        validation_id: The failure.

    Raises:
        DatabaseError: Postgres can't be used; any call may.
    """

    def __init__(self, settings: Settings, *, key: str, validation_id: UUID) -> None:
        self._url = settings.writer_url
        self._key = key
        with transaction(self._url) as connection:
            self._search_id = store.begin(connection, settings.deployment, key, validation_id)

    @property
    def key(self) -> str:
        """Which search it is."""
        return self._key

    def entries(self) -> Sequence[Entry]:
        """All of it, in its order."""
        with transaction(self._url) as connection:
            rows = store.steps(connection, self._search_id)
        return [
            Entry(
                number=row.number,
                experiment_id=row.experiment_id,
                put_back=row.put_back,
                outcome=row.outcome,
                reason=row.reason,
                validation_id=row.validation_id,
                cost_usd=row.cost_usd,
            )
            for row in rows
        ]

    def begin(self, entry: Entry) -> None:
        """Write down what is tried."""
        with transaction(self._url) as connection:
            store.begin_step(connection, self._search_id, _row(entry))

    def end(self, entry: Entry) -> None:
        """Write down what came of it."""
        with transaction(self._url) as connection:
            store.end_step(connection, self._search_id, _row(entry))

    def close(self, state: CulpritState, changes: Sequence[PartChange], reason: str) -> None:
        """Write down how the search ended."""
        with transaction(self._url) as connection:
            store.end(connection, self._search_id, state, changes, reason[:_LONGEST])


def _row(entry: Entry) -> store.StepRow:
    return store.StepRow(
        number=entry.number,
        experiment_id=entry.experiment_id,
        put_back=entry.put_back,
        outcome=entry.outcome,
        reason=entry.reason[:_LONGEST],
        validation_id=entry.validation_id,
        cost_usd=entry.cost_usd,
    )


def experiment_id(key: str, number: int) -> UUID:
    """Of a search's experiment: whoever asks for it again after a kill asks for the same one."""
    return uuid5(_NAMESPACE, f"{key}\n{number}")
