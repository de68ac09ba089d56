"""A cause that somebody knows of: it is silent for a while, and comes back by itself.

It comes back when its end is reached, when another cause takes its place, and, where it has no date, when a repository
breaks by it anew: what was mended in between is no longer what was known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

LONGEST_REASON = 500
"""Characters."""
LONGEST = timedelta(days=366)
"""A date may be no farther away: what nobody has to look at for longer is better taken out of the config."""


class AcknowledgedUntil(str, Enum):
    """What ends it."""

    DATE = "date"
    NEW_COMMIT = "new_commit"  # the repository fails at another commit
    CAUSE_CHANGES = "cause_changes"  # it is well, or fails for another reason


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """One of them."""

    acknowledgement_id: int
    cause_key: str
    repository: str | None
    """`organization/name`; None: whatever repository has the cause."""
    reason: str
    made_by: str
    made_at: datetime
    until: AcknowledgedUntil
    until_at: datetime | None
    """Of a date."""
    commit_sha: str | None
    """That the repository failed at then."""

    def holds(
        self, cause_key: str, repository: str, *, broke_at: datetime | None, commit_sha: str | None, now: datetime
    ) -> bool:
        """Whether a repository's failure is known by it.

        Args:
            cause_key: Of the failure.
            repository: Whose.
            broke_at: When it began to fail by that; None where no verdict says that it fails.
            commit_sha: That it fails at; None where it isn't known.
            now: At which moment.
        """
        if cause_key != self.cause_key or self.repository not in (None, repository):
            return False
        if self.until is AcknowledgedUntil.DATE:
            return self.until_at is not None and now < self.until_at
        if broke_at is not None and broke_at > self.made_at:
            return False
        if self.until is AcknowledgedUntil.CAUSE_CHANGES:
            return True
        # A failure before the checkout has no commit: that is no new one.
        return commit_sha in (None, self.commit_sha)
