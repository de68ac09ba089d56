"""The keys that whoever triggers a run may give, by the web form, Airflow's command or its REST API."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

RUN_KEYS = (
    "config_path",
    "repository",
    "timeout_minutes",
    "max_concurrent_instances",
    "rerun_of",
    "only_unsuccessful",
)


def unknown_keys(conf: Mapping[str, Any] | None) -> str | None:
    """Why a run with this conf can't be planned; None where it can.

    Airflow takes keys that the DAG doesn't have: a mistyped one would validate the default fleet, and pay for it.
    """
    unknown = [str(key) for key in conf or {} if key not in RUN_KEYS]
    if not unknown:
        return None
    named = ", ".join(_with_hint(key) for key in unknown)
    keys = "key" if len(unknown) == 1 else "keys"
    return f"unknown {keys} in the run's conf: {named}; known: {', '.join(RUN_KEYS)}. Nothing was launched"


def _with_hint(key: str) -> str:
    near = difflib.get_close_matches(key, RUN_KEYS, n=1, cutoff=0.5)
    return f"{key!r} (did you mean {near[0]}?)" if near else repr(key)
