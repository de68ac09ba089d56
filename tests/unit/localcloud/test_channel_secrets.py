"""Secrets of messages' channels stand in the same file, and no instance has them, by whatever name it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.secrets_file import SecretRefusedError, SecretsFile


@pytest.fixture
def secrets(tmp_path: Path) -> SecretsFile:
    path = tmp_path / "secrets.env"
    path.write_text("token = t\nnews/hook = h\n")
    path.chmod(0o600)
    return SecretsFile(path=path, prefix="janitor/x/", channels_prefix="janitor-news/x/")


def asked(secrets: SecretsFile, name: str, *, of_instance: bool) -> str:
    return str(secrets.get({"SecretId": name}, "us-east-1", of_instance=of_instance)["SecretString"])


def test_the_controller_reads_both(secrets: SecretsFile) -> None:
    assert asked(secrets, "janitor-news/x/hook", of_instance=False) == "h"
    assert asked(secrets, "janitor/x/token", of_instance=False) == "t"


@pytest.mark.parametrize("name", ["janitor-news/x/hook", "janitor/x/news/hook", "news/hook"])
def test_an_instance_has_none_of_a_channel(secrets: SecretsFile, name: str) -> None:
    assert asked(secrets, "janitor/x/token", of_instance=True) == "t"
    with pytest.raises(SecretRefusedError):
        asked(secrets, name, of_instance=True)


def test_a_channels_secret_that_is_missing_is_named_as_its_line(secrets: SecretsFile) -> None:
    with pytest.raises(SecretRefusedError, match="add a line for news/other"):
        asked(secrets, "janitor-news/x/other", of_instance=False)
