"""A whole local stack for tests: in a folder of its own, on free ports, ended afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from janitor.settings import Settings, load_settings
from janitor.stack import stack
from tests.support.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
_PORT_NAMES = ("WEB", "POSTGRES", "CLOUD", "SUPERVISOR")
_HTTP_TIMEOUT_SECONDS = 60
_START_TIMEOUT_SECONDS = 900
"""Longer than a user's: tests start stacks side by side, on two cores that others use too."""


def stack_environ(state_dir: Path, overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """The process environment of a stack of its own: none of the caller's JANITOR_* variables, ports that are free.

    A port that is taken by then is replaced when the stack starts.
    """
    ports = free_ports(len(_PORT_NAMES))
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("JANITOR_") and name != "ENV"},
        "JANITOR_STATE_DIR": str(state_dir),
        "JANITOR_START_TIMEOUT_SECONDS": str(_START_TIMEOUT_SECONDS),
        **{f"JANITOR_{name}_PORT": str(port) for name, port in zip(_PORT_NAMES, ports, strict=True)},
        **(overrides or {}),
    }


def stack_settings(state_dir: Path, overrides: Mapping[str, str] | None = None) -> Settings:
    """Settings of a stack that isn't started yet.

    Args:
        state_dir: Where everything of it goes.
        overrides: JANITOR_* variables, for example `JANITOR_DAGS_FOLDER`.
    """
    return load_settings("local", environ=stack_environ(state_dir, overrides), project_root=ROOT)


@contextmanager
def running_stack(state_dir: Path, overrides: Mapping[str, str] | None = None) -> Iterator[Settings]:
    """Start a whole stack, hand out its settings, and end it; takes 10 to 30 seconds, so share it among tests."""
    settings = stack_settings(state_dir, overrides)
    try:
        yield stack.up(settings, progress=print)
    finally:
        stack.down(settings, progress=print)


@contextmanager
def airflow_client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of the stack's Airflow REST API, logged in."""
    url, username, password = settings.airflow_login
    with httpx.Client(base_url=url, trust_env=False, timeout=_HTTP_TIMEOUT_SECONDS) as client:
        answer = client.post("/auth/token", json={"username": username, "password": password})
        answer.raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client
