"""Waiting for what the tests of the stack look for, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import psutil

_POLL_SECONDS = 0.2


def wait_until(what: str, condition: Callable[[], bool], seconds: float = 180) -> None:
    """Poll a condition; fail when it doesn't come true in time, which a machine with a load of 20 keeps too."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(_POLL_SECONDS)


def trigger(client: httpx.Client, dag_id: str) -> str:
    """Start a DAG run, once the DAG is known; return its id."""
    wait_until(f"DAG {dag_id} is parsed", lambda: client.get(f"/api/v2/dags/{dag_id}").is_success)
    answer = client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
    answer.raise_for_status()
    return str(answer.json()["dag_run_id"])


def run_state(client: httpx.Client, dag_id: str, run_id: str) -> str:
    """Return the state of a DAG run."""
    return str(client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").raise_for_status().json()["state"])


def live_pids_with(argument: str) -> set[int]:
    """Return the pids of the live processes that have an argument in their command line."""
    return {
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if argument in (process.info["cmdline"] or []) and process.info["status"] != psutil.STATUS_ZOMBIE
    }
