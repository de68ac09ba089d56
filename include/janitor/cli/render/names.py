"""What a repository is called among others: its name, with its organization where that alone isn't unique."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from janitor.domain.views import ValidationView


def shown_names(validations: Iterable[ValidationView]) -> Mapping[UUID, str]:
    """The name of each validation among those that are shown together, by its id.

    Two of one name and one organization, such as two refs of a repository, can't be told apart by it.
    """
    known = list(validations)
    organizations = {(each.repository_name, each.organization) for each in known}
    bearers = Counter(name for name, _ in organizations)
    return {
        each.validation_id: (
            f"{each.organization}/{each.repository_name}" if bearers[each.repository_name] > 1 else each.repository_name
        )
        for each in known
    }
