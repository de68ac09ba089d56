"""Whether the database has the schema, and the roles that the settings name have their rights."""

from __future__ import annotations

from collections.abc import Iterator

from janitor.domain.errors import DatabaseError
from janitor.domain.findings import Finding, ok, problem
from janitor.settings import Settings
from janitor.stores.migrate import missing_migrations
from janitor.stores.roles.definition import RoleGroup
from janitor.stores.roles.logins import LoginRole, is_right

_MAKE_ROLES = "run `make db-roles` after `make db-migrate`"


def roles(settings: Settings) -> Iterator[Finding]:
    """Each role that is configured; what isn't configured is told elsewhere."""
    wanted = (
        ("database (writing)", "JANITOR_DATABASE_URL", settings.database_url, RoleGroup.WRITERS),
        ("database (reading)", "JANITOR_READER_DATABASE_URL", settings.reader_database_url, RoleGroup.READERS),
    )
    for subject, variable, url, group in wanted:
        if url is None:
            continue
        role = LoginRole(variable=variable, url=url.get_secret_value(), group=group)
        try:
            is_there = is_right(role)
        except DatabaseError as exc:
            yield problem(subject, str(exc), f"check the address in {variable}, and the network to it")
            continue
        if is_there:
            yield ok(subject, f"{role.name} logs in and is a member of {group.value}")
        else:
            said = f"{role.name} can't log in, or isn't a member of {group.value}"
            yield problem(subject, said, _MAKE_ROLES)


def schema(settings: Settings) -> Iterator[Finding]:
    """Whether every migration of this version is applied."""
    url = settings.reader_database_url or settings.database_url
    if url is None:
        return
    missing = missing_migrations(url.get_secret_value())
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield problem("database schema", f"lacks {missing[0]}{more}", "run `make db-migrate`")
    else:
        yield ok("database schema", "is this version's")
