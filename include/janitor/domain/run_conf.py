"""The keys that whoever triggers a run may give, by the web form, Airflow's command or its REST API."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from janitor.domain.states import RunKind

RUN_KEYS = (
    "config_path",
    "repository",
    "timeout_minutes",
    "max_concurrent_instances",
    "rerun_of",
    "only_unsuccessful",
    "experiment",
)
SEQUENTIAL_KEYS = ("config_path", "repository", "timeout_minutes")
MAINTENANCE_KEYS = ("parallel_limit", "run_ids", "repositories", "mode", "max_cost_usd", "dry_run")
_KEYS = {RunKind.PARALLEL: RUN_KEYS, RunKind.SEQUENTIAL: SEQUENTIAL_KEYS}


def unknown_keys(conf: Mapping[str, Any] | None, kind: RunKind = RunKind.PARALLEL) -> str | None:
    """Why a run with this conf can't be planned; None where it can.

    Airflow takes keys that the DAG doesn't have: a mistyped one would validate the default fleet, and pay for it.
    """
    return unknown_among(conf, _KEYS[kind])


def unknown_among(conf: Mapping[str, Any] | None, known: Sequence[str]) -> str | None:
    """The same of a DAG that knows these keys."""
    unknown = [str(key) for key in conf or {} if key not in known]
    if not unknown:
        return None
    named = ", ".join(_with_hint(key, known) for key in unknown)
    keys = "key" if len(unknown) == 1 else "keys"
    return f"unknown {keys} in the run's conf: {named}; known: {', '.join(known)}. Nothing was launched"


def _with_hint(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"{key!r} (did you mean {near[0]}?)" if near else repr(key)
