"""The pull requests that offer repairs, inside a caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass

from janitor.stores.database import Connection
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class PullKey:
    """One cause in one repository on GitHub."""

    deployment: str
    repository: str
    signature: str

    @property
    def values(self) -> dict[str, str]:
        """As the queries take it."""
        return {"deployment": self.deployment, "repository": self.repository, "signature": self.signature}


def was_rejected(connection: Connection, key: PullKey) -> bool:
    """Whether a person is known to have closed one for this cause."""
    row = named_queries().repair_pull(connection, **key.values)
    return row is not None and row["rejected_at"] is not None


def ask_for(connection: Connection, key: PullKey, *, most_a_day: int) -> bool:
    """Take one of the day's places, before a pull request is opened; one that is held already stays held.

    Returns:
        False where the day (UTC) has had its number.
    """
    queries = named_queries()
    queries.take_pulls_turn(connection, deployment=key.deployment)
    if queries.pulls_asked_today(connection, **key.values) >= most_a_day:
        return False
    queries.ask_for_pull(connection, **key.values)
    return True


def opened(connection: Connection, key: PullKey, url: str) -> None:
    """Keep where it is."""
    named_queries().set_pull_opened(connection, **key.values, url=url)


def rejected(connection: Connection, key: PullKey) -> None:
    """Keep that a person closed it."""
    named_queries().keep_pull_rejected(connection, **key.values)


def forget_unopened(connection: Connection, key: PullKey) -> None:
    """Give the day's place back: none was opened, and none will be."""
    named_queries().forget_unopened_pull(connection, **key.values)
