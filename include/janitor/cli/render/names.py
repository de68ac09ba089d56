"""What a repository is called among others: its name, with its organization where that alone isn't unique."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from janitor.domain.views import ValidationView


def shown_names(validations: Iterable[ValidationView]) -> Mapping[UUID, str]:
    """The name of each validation among those that are shown together, by its id.

    Two of one name and one organization, such as two refs of a repository, can't be told apart by it.
    """
    known = list(validations)
    names = told_apart([(each.repository_name, each.organization) for each in known])
    return {each.validation_id: name for each, name in zip(known, names, strict=True)}


def told_apart(repositories: Sequence[tuple[str, str]]) -> list[str]:
    """What each of these repositories, a name and an organization, is called among them, in their order."""
    bearers = Counter(name for name, _ in set(repositories))
    return [f"{organization}/{name}" if bearers[name] > 1 else name for name, organization in repositories]
