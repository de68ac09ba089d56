"""The table "wrong place" sees what it should: real services without Airflow, where the product holds and where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.crash.places import Elsewhere, look_elsewhere
from tests.crash.stand import Stand
from tests.integration.services.conftest import cloud, secrets_file, services_settings
from tests.integration.services.test_launching import launch
from tests.support.deployment import database
from tests.support.rows import insert_run

__all__ = ["cloud", "database", "secrets_file", "services_settings"]


class _Services(Stand):
    """A stand without Airflow: its rows are read as the writer."""

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of one query."""
        with transaction(self.settings.writer_url) as connection:
            return connection.execute(statement.encode(), values).fetchall()


@pytest.fixture
def stand(services_settings: Settings, tmp_path: Path) -> Stand:
    """Two live instances of a deployment of its own, and a stack's file that somebody may source."""
    deployment = f"test-{uuid4().hex[:8]}"
    secret = services_settings.database_url
    assert secret is not None
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    inherited = {**services_settings.inherited, "JANITOR_DEPLOYMENT": deployment}
    settings = services_settings.model_copy(
        update={"deployment": deployment, "state_dir": state_dir, "inherited": inherited}
    )
    (state_dir / "stack.env").write_text(
        "# as `make up` writes it\n"
        f"JANITOR_DEPLOYMENT={deployment}\n"
        f"JANITOR_DATABASE_URL={settings.writer_url}\n"
        f"JANITOR_READER_DATABASE_URL={settings.reader_url}\n"
        f"JANITOR_OWNER_DATABASE_URL={settings.writer_url}\n"
    )
    _, validations = insert_run(settings.writer_url, deployment=deployment)
    for validation_id in validations:
        launch(settings, validation_id)
    return _Services(settings, tmp_path)


@pytest.mark.parametrize("blow", [Elsewhere.REGION, Elsewhere.ACCOUNT, Elsewhere.CLOUD])
def test_who_looks_elsewhere_breaks_nothing(stand: Stand, blow: Elsewhere, tmp_path: Path) -> None:
    assert look_elsewhere(stand, blow, tmp_path) == []


def test_another_stack_s_shell_breaks_nothing(stand: Stand, tmp_path: Path) -> None:
    inherited = {**stand.settings.inherited, "JANITOR_STACK": "embedded"}
    stand.settings = stand.settings.model_copy(update={"inherited": inherited})
    assert look_elsewhere(stand, Elsewhere.STACK, tmp_path) == []


def test_a_row_that_is_ended_elsewhere_is_seen(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def a_command_that_ends_a_row(*_: Any, **__: Any) -> Any:
        with transaction(stand.settings.writer_url) as connection:
            connection.execute(
                "update instances set state = 'terminated', ended_at = now(), termination_reason = 'instance_lost'"
                " where deployment = %s and ended_at is null",
                (stand.settings.deployment,),
            )
        return type("Done", (), {"returncode": 0, "stderr": ""})()

    monkeypatch.setattr("tests.crash.places.subprocess.run", a_command_that_ends_a_row)
    found = look_elsewhere(stand, Elsewhere.REGION, tmp_path)
    assert sum("was ended" in line for line in found) == 2
    assert sum("elsewhere ended with 0" in line for line in found) == 3
