"""What a trigger of the validation DAG is told before Airflow starts: a mistaken conf, and the run's id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.errors import ConflictError
from janitor.domain.identity import run_id_for
from janitor.domain.run_conf import unknown_keys

_RUN_ID, _CONF = ("-r", "--run-id"), ("-c", "--conf")
_EXAMPLE = """it must be as in --conf '{"repository": "echo-worker"}'"""


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A trigger of the validation DAG."""

    arguments: tuple[str, ...]
    """For Airflow: with an id of the run, also where none was given."""
    run_id: UUID
    """Janitor's id of it."""


def read_trigger(arguments: Sequence[str], *, deployment: str, dag_id: str, now: datetime) -> Trigger | None:
    """What is triggered; None where the arguments are another command's, or ask for help.

    Args:
        arguments: Of Airflow's command.
        deployment: Whose run it is.
        dag_id: Of the validation DAG.
        now: Names a run that nobody has named.

    Raises:
        ConflictError: The conf is no JSON object, or has keys that no run takes. What is wrong with its values, the
            run's own plan says.
    """
    if list(arguments[:2]) != ["dags", "trigger"] or dag_id not in arguments or {"-h", "--help"} & set(arguments):
        return None
    if refusal := unknown_keys(_conf(_value(arguments, _CONF))):
        raise ConflictError(refusal)
    given = _value(arguments, _RUN_ID)
    airflow_run_id = given or f"manual__{now.astimezone(timezone.utc).isoformat()}"
    named = tuple(arguments) if given else (*arguments, _RUN_ID[-1], airflow_run_id)
    return Trigger(arguments=named, run_id=run_id_for(deployment, airflow_run_id))


def _conf(text: str | None) -> dict[str, object] | None:
    """The conf, which may be left out, empty or null."""
    try:
        conf = json.loads(text) if text else None
    except (ValueError, RecursionError) as exc:
        raise ConflictError(f"the run's conf is no JSON ({exc}): {_EXAMPLE}. Nothing was triggered") from None
    if conf is not None and not isinstance(conf, dict):
        raise ConflictError(f"the run's conf is JSON, but no object: {_EXAMPLE}. Nothing was triggered")
    return conf


def _value(arguments: Sequence[str], names: tuple[str, ...]) -> str | None:
    """Of an option, written `--conf X`, `--conf=X` or `-c X`; the last one counts, as for Airflow."""
    found = None
    for argument, following in zip(arguments, (*arguments[1:], None), strict=True):
        name, equals, value = argument.partition("=")
        if argument in names:
            found = following
        elif equals and name in names:
            found = value
    return found
