"""Where a search keeps what it tried, so that a killed one goes on where it was and pays for nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol
from uuid import UUID, uuid5

from janitor.domain.culprit.minimize import Outcome, PutBack, Tried

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

    def close(self, *, found: bool, reason: str) -> None:
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

    def close(self, *, found: bool, reason: str) -> None:
        """Nothing outlives the process."""


def experiment_id(key: str, number: int) -> UUID:
    """Of a search's experiment: whoever asks for it again after a kill asks for the same one."""
    return uuid5(_NAMESPACE, f"{key}\n{number}")
