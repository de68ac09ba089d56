"""What a command says of a run that it could not hand to Airflow: nothing was started, or it may have."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from janitor.cli.exit_codes import ExitCode
from tests.support.airflow_doors import Asked, listening
from tests.support.janitor_command import ROOT, janitor

TOKEN = {"JANITOR_AIRFLOW_TOKEN": "known"}
PASSWORD = {"JANITOR_AIRFLOW_USERNAME": "ann", "JANITOR_AIRFLOW_PASSWORD": "known"}
NOTHING, MAYBE = "Nothing was started.", "The run may have started:"


def start(
    environment: dict[str, str], url: str, login: dict[str, str], config: str = "infra/local/repos.yaml", **other: str
) -> str:
    """What starting a run says at last."""
    environ = {**environment, "JANITOR_AIRFLOW_URL": url, **login, **other}
    ended = janitor(environ, "run-janitor", config, "--repo", "echo-worker", "--yes", "--no-follow", "--env", "local")
    assert ended.returncode == ExitCode.INFRASTRUCTURE, ended.stdout
    return ended.stdout.splitlines()[-1]


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def answering(status: int) -> Iterator[str]:
    """An Airflow that lets everybody in and answers the trigger so."""

    def answer(asked: Asked) -> tuple[int, Any]:
        return (201, {"access_token": "made"}) if asked.path == "/auth/token" else (status, {"detail": "so it is"})

    with listening(answer) as airflow:
        yield airflow.url


@pytest.mark.parametrize("login", [TOKEN, PASSWORD])
def test_nothing_was_started_where_nobody_listens(environment: dict[str, str], login: dict[str, str]) -> None:
    assert start(environment, nobody_listens(), login) == NOTHING


def test_nothing_was_started_where_the_records_could_not_be_asked(environment: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "repos.yaml"
    config.write_text((ROOT / "infra/local/repos.yaml").read_text() + "daily_budget_usd: 100\n")
    nowhere = "postgresql://nobody:x@127.0.0.1:9/janitor"
    with answering(200) as url:
        records = {"JANITOR_DATABASE_URL": nowhere, "JANITOR_READER_DATABASE_URL": nowhere}
        assert start(environment, url, TOKEN, str(config), **records) == NOTHING


@pytest.mark.parametrize(("status", "said"), [(403, NOTHING), (422, NOTHING), (503, MAYBE), (408, MAYBE)])
def test_a_refusal_starts_nothing_and_a_failure_may(environment: dict[str, str], status: int, said: str) -> None:
    with answering(status) as url:
        assert start(environment, url, TOKEN).startswith(said)
