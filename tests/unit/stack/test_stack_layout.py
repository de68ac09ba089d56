"""Folders and secrets of a stack."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from janitor.domain.errors import StackError
from janitor.stack.state.layout import Layout
from janitor.stack.state.secrets import (
    airflow_passwords_file,
    cloud_key_file,
    ensure_secrets,
    read_secrets,
    secrets_file,
    superuser_password_file,
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "state")
    made.create()
    return made


def test_copies_of_a_checkout_are_different_stacks(tmp_path: Path) -> None:
    assert Layout(tmp_path / "a").stack_id != Layout(tmp_path / "b").stack_id
    assert Layout(tmp_path / "a").stack_id == Layout(tmp_path / "a").stack_id


def test_everything_is_private(layout: Layout) -> None:
    ensure_secrets(layout)
    assert mode(layout.state_dir) == 0o700
    assert mode(layout.secrets) == 0o700
    for file in (secrets_file, superuser_password_file, cloud_key_file, airflow_passwords_file):
        assert mode(file(layout)) == 0o600


@pytest.mark.parametrize("name", ["", "secrets", "supervisor", "postgres", "airflow", "cloud", "logs", "repositories"])
def test_a_folder_that_was_left_open_is_closed(layout: Layout, name: str) -> None:
    (layout.state_dir / name).chmod(0o777)
    layout.create()
    assert mode(layout.state_dir / name) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="skipped: only root can make a folder of another user")
@pytest.mark.parametrize("name", ["", "secrets", "supervisor"])
def test_a_folder_that_another_user_made_first_is_refused(layout: Layout, name: str) -> None:
    os.chown(layout.state_dir / name, 65_534, 65_534)
    with pytest.raises(StackError, match=r"belongs to user 65534.*set JANITOR_STATE_DIR"):
        layout.create()


@pytest.mark.parametrize("name", ['quote"d', "semi;colon", "ha#sh", "it's", "100%", "new\nline"])
def test_a_path_that_supervisord_cant_read_is_refused_before_anything_is_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match="set JANITOR_STATE_DIR"):
        Layout(tmp_path / name).create()
    assert not (tmp_path / name).exists()


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StackError, match=r"can't write to .*state"):
        Layout(tmp_path / "state").create()


def test_secrets_are_made_once_and_differ_between_stacks(layout: Layout, tmp_path: Path) -> None:
    assert read_secrets(layout) is None
    made = ensure_secrets(layout)
    assert ensure_secrets(layout) == made == read_secrets(layout)
    other = Layout(tmp_path / "other")
    other.create()
    assert ensure_secrets(other).airflow_password != made.airflow_password
    assert made.airflow_password not in repr(made)


def test_a_secret_that_a_newer_version_needs_is_added(layout: Layout) -> None:
    made = ensure_secrets(layout)
    values = json.loads(secrets_file(layout).read_text())
    del values["airflow_jwt_secret"]
    secrets_file(layout).write_text(json.dumps(values))
    again = ensure_secrets(layout)
    assert again.airflow_jwt_secret
    assert again.postgres_superuser == made.postgres_superuser


@pytest.mark.parametrize("text", ["{", "[]", '{"postgres_owner": 1}', ""])
def test_damaged_secrets_are_told_and_not_replaced(layout: Layout, text: str) -> None:
    secrets_file(layout).write_text(text)
    with pytest.raises(StackError, match="Restore it from a backup"):
        ensure_secrets(layout)
    assert secrets_file(layout).read_text() == text
