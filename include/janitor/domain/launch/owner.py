"""Whose an instance is: who orders it, whose tag it carries, and with whose end it has to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from janitor.domain.identity import TAG_RUN, TAG_VALIDATION, TAG_WORKER
from janitor.domain.states import OwnerKind

_TAGS = MappingProxyType(
    {
        # A validation's instance names its run as well, so the run is looked for last.
        OwnerKind.VALIDATION: TAG_VALIDATION,
        OwnerKind.WORKER: TAG_WORKER,
        OwnerKind.RUN: TAG_RUN,
    }
)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who an instance belongs to. An owner has one live instance at most."""

    kind: OwnerKind
    id: UUID

    @classmethod
    def validation(cls, validation_id: UUID) -> Owner:
        """A validation, as the owner of its instance."""
        return cls(kind=OwnerKind.VALIDATION, id=validation_id)

    @property
    def tag(self) -> str:
        """The tag that names it on its instances. A run's is on its validations' instances, too."""
        return _TAGS[self.kind]

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id}"


def owner_of(tags: Mapping[str, str]) -> Owner | None:
    """The owner that an instance's tags name; None where they name none, or none that can be read."""
    for kind, tag in _TAGS.items():
        if tag in tags:
            try:
                return Owner(kind=kind, id=UUID(tags[tag]))
            except ValueError:
                return None
    return None
