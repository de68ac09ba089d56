"""What an embedded stack is, it is by its own file: a shell that has sourced another stack's can't make it that one.

The stack chooses its identity, its databases, its endpoint and its keys when it starts, and writes them into its
`stack.env`. Two stacks that share an identity would each take the other's instances for their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from janitor.domain.errors import SettingsError
from janitor.settings.sources import Source

_IDENTITY = "JANITOR_DEPLOYMENT"
_MADE: Mapping[str, str] = {
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
"""What a stack makes for itself: the variable of the process, and how the stack's file calls it."""
_WRITTEN = (_IDENTITY, "JANITOR_DATABASE_URL", "JANITOR_READER_DATABASE_URL", "JANITOR_OWNER_DATABASE_URL")
"""Together in a process's environment only where a `stack.env` was sourced."""


def without_other_stacks(process: Mapping[str, str], written: Source) -> dict[str, str]:
    """The process environment of an embedded stack, without what its own file says better.

    A deployment's name that the process gives before the first start is a choice, and stays.

    Args:
        process: Of whoever calls.
        written: The stack's own file; without values where it was never started.

    Raises:
        SettingsError: The process names another stack. Nothing was started or written.
    """
    named, own = process.get(_IDENTITY, "").strip(), written.values.get(_IDENTITY, "").strip()
    is_sourced = not own and all(process.get(name, "").strip() for name in _WRITTEN)
    if is_sourced or (named and own and named != own):
        given = [name for name in (_IDENTITY, *_MADE) if process.get(name, "").strip()]
        this = f"is {own} ({written.label})" if own else f"was never started (no {written.label})"
        raise SettingsError(
            f"the process environment names another stack, {named}: {', '.join(given)}; the stack of this checkout"
            f" {this}. Nothing was started or written. If you sourced that stack's stack.env in this shell:"
            f" `unset {' '.join(given)}`, or use a new shell"
        )
    overridden = {name for name, as_written in _MADE.items() if written.values.get(as_written, "").strip()}
    return {name: value for name, value in process.items() if name not in overridden}
