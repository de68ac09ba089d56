"""The login of Docker Hub: read by the instance's role, used by the engine's command alone, and shown nowhere."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.guest.redaction import Redactor
from janitor.protocol.order.spec import SpecError, ValidationSpec
from janitor.validator.docker.client import DockerClient
from janitor.validator.secrets.delivered import DeliveredSecrets
from janitor.validator.secrets.delivery import deliver_secrets
from janitor.validator.secrets.registry_login import with_login
from janitor.validator.settings import Settings
from tests.unit.validator.test_validator_secrets import DENIED, NOT_THERE, VALUE, aws, spec

LOGIN = "janitor:dckr_pat_abcdefghijklmnop"
TOKEN = LOGIN.partition(":")[2]


def delivered(settings: Settings, **secrets: str) -> DeliveredSecrets:
    wanted = replace(spec(secrets), registry_secret="docker-hub")
    return deliver_secrets(wanted, settings, within=timedelta(seconds=0.1), pause=timedelta(milliseconds=20))


def test_it_is_read_beside_the_worker_s_secrets_and_is_none_of_them() -> None:
    with aws((200, {"SecretString": VALUE}), (200, {"SecretString": LOGIN + "\n"})) as (settings, seen):
        found = delivered(settings, HF_TOKEN="hf")
    assert seen == ["janitor/prod/hf", "janitor/prod/docker-hub"]
    assert (found.values, found.registry_login, found.problem) == ({"HF_TOKEN": VALUE}, LOGIN, None)
    assert TOKEN not in repr(found)
    assert set(found.literals) == {VALUE, LOGIN, TOKEN}


def test_every_form_of_it_is_masked() -> None:
    redactor = Redactor(DeliveredSecrets(registry_login=LOGIN).literals)
    for form in (LOGIN, TOKEN, base64.b64encode(LOGIN.encode()).decode(), TOKEN.encode().hex()):
        assert form not in redactor.clean(f"printed {form} here")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((400, NOT_THERE), "isn't in AWS Secrets Manager"),
        ((400, DENIED), "may not be read by this instance's role"),
        ((200, {"SecretString": "no-user-in-it"}), "is no login of the form user:token"),
        ((200, {"SecretString": "user:two words"}), "is no login of the form user:token"),
        ((200, {"SecretBinary": "AAAA"}), "is binary"),
    ],
)
def test_without_it_a_validation_goes_on_as_anybody(answer: object, said: str) -> None:
    with aws(answer) as (settings, _):  # type: ignore[arg-type]  # as the other tests give it
        found = delivered(settings)
    assert (found.problem, found.registry_login, found.values) == (None, None, {})
    assert found.registry_problem is not None
    assert said in found.registry_problem


def test_an_instance_without_a_role_goes_on_too() -> None:
    with aws(roles=(404, "")) as (settings, _):
        found = delivered(settings)
    assert found.problem is None
    assert "HTTP 404" in (found.registry_problem or "")


def test_a_login_needs_its_place() -> None:
    document = replace(spec({}), registry_secret="docker-hub").to_dict()
    assert ValidationSpec.from_dict(document).registry_secret == "docker-hub"
    with pytest.raises(SpecError, match="secret_store: is required for a registry's login"):
        ValidationSpec.from_dict({**document, "secret_store": None})


def machine(tmp_path: Path, configuration: object) -> Settings:
    """A machine with a docker command that tells how it is configured, and with a configuration of its own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    docker = programs / "docker"
    docker.write_text('#!/bin/sh\ncat "$DOCKER_CONFIG/config.json"\necho\nls "$DOCKER_CONFIG"\n')
    docker.chmod(0o755)
    own = tmp_path / ".docker"
    (own / "cli-plugins").mkdir(parents=True)
    (own / "config.json").write_text(json.dumps(configuration) if not isinstance(configuration, str) else configuration)
    variables = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    return Settings.from_environment(variables)


def test_the_engine_s_command_is_logged_in_beside_all_that_the_machine_says(tmp_path: Path) -> None:
    helper = {"credHelpers": {"1.dkr.ecr.us-east-1.amazonaws.com": "ecr-login"}, "credsStore": "desktop"}
    settings = machine(tmp_path, {**helper, "auths": {"registry.example.org": {"auth": "eDp5"}}})
    before = set(settings.docker.items())
    logged_in = with_login(settings, LOGIN, tmp_path / "private")
    told = DockerClient(logged_in).command("info").output.text
    document, names = told.splitlines()[0], told.split()[-2:]
    found = json.loads(document)
    assert base64.b64decode(found["auths"]["https://index.docker.io/v1/"]["auth"]).decode() == LOGIN
    assert found["auths"]["registry.example.org"] == {"auth": "eDp5"}
    assert "credHelpers" in found
    assert "credsStore" not in found, "it would be asked in place of the file"
    assert names == ["cli-plugins", "config.json"]
    assert (tmp_path / "private" / "config.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700
    # What every other process gets of the engine is as before.
    assert set(logged_in.docker.items()) == before


@pytest.mark.parametrize("configuration", ["not json", [], {"auths": "odd"}])
def test_a_configuration_that_is_none_is_left_out(tmp_path: Path, configuration: object) -> None:
    logged_in = with_login(machine(tmp_path, configuration), LOGIN, tmp_path / "private")
    assert list(json.loads((tmp_path / "private" / "config.json").read_text())["auths"]) == [
        "https://index.docker.io/v1/"
    ]
    assert DockerClient(logged_in).environment["DOCKER_CONFIG"] == str(tmp_path / "private")


def test_without_a_login_nothing_changes(tmp_path: Path) -> None:
    settings = machine(tmp_path, {})
    assert with_login(settings, None, tmp_path / "private") is settings
    assert "DOCKER_CONFIG" not in DockerClient(settings).environment
    assert not os.path.lexists(tmp_path / "private")
