"""What an embedded stack is, it is by its own file: a shell that has sourced another stack's can't make it that one.

The stack chooses its identity, its databases, its endpoint and its keys when it starts, and writes them into its
`stack.env`. Two stacks that share an identity would each take the other's instances for their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from janitor.domain.errors import SettingsError
from janitor.settings.sources import Source

_IDENTITY = "JANITOR_DEPLOYMENT"
MADE: Mapping[str, str] = {
    "JANITOR_DATABASE_URL": "JANITOR_DATABASE_URL",
    "JANITOR_READER_DATABASE_URL": "JANITOR_READER_DATABASE_URL",
    "JANITOR_OWNER_DATABASE_URL": "JANITOR_OWNER_DATABASE_URL",
    "JANITOR_AIRFLOW_URL": "JANITOR_AIRFLOW_URL",
    "JANITOR_AIRFLOW_USERNAME": "JANITOR_AIRFLOW_USERNAME",
    "JANITOR_AIRFLOW_PASSWORD": "JANITOR_AIRFLOW_PASSWORD",
    "JANITOR_AWS_ENDPOINT_URL": "AWS_ENDPOINT_URL",
    "JANITOR_AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID",
    "JANITOR_AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
}
"""What a stack makes for itself: the variable of the process, and how the stack's file calls it. A process has one that
the file doesn't only from elsewhere."""

_ELSEWHERE = frozenset({"JANITOR_AIRFLOW_TOKEN", "JANITOR_AIRFLOW_MWAA"})
"""Ways into an Airflow that no stack makes: for a deployment's commands in the same shell, never for the stack's."""


def without_other_stacks(process: Mapping[str, str], written: Source) -> dict[str, str]:
    """The process environment of an embedded stack, without what its own file says better.

    A deployment's name that the process gives before the first start is a choice, and stays.

    Args:
        process: Of whoever calls.
        written: The stack's own file; without values where it was never started.

    Raises:
        SettingsError: The process names another stack, or has anything that a stack makes and this one didn't. Nothing
            was started or written.
    """
    named, own = process.get(_IDENTITY, "").strip(), written.values.get(_IDENTITY, "").strip()
    given = [name for name in MADE if process.get(name, "").strip()]
    own_names = {name for name, as_written in MADE.items() if written.values.get(as_written, "").strip()}
    if not own_names.issuperset(given) or (named and own and named != own):
        is_named = bool(named) and named != own
        given = [_IDENTITY, *given] if is_named else given
        other = f"another stack, {named}" if is_named else "another stack"
        this = f"is {own} ({written.label})" if own else f"was never started (no {written.label})"
        raise SettingsError(
            f"the process environment names {other}: {', '.join(given)}; the stack of this checkout {this}."
            " Nothing was started or written. If you sourced that stack's stack.env in this shell:"
            f" `unset {' '.join(given)}`, or use a new shell"
        )
    return {name: value for name, value in process.items() if name not in own_names | _ELSEWHERE}
