"""Terraform's outputs become settings: only known ones, never a secret, and nothing else in the file changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.env_file import (
    WRITTEN,
    emptied,
    filled,
    has_settings,
    remove_settings,
    settings_of,
    write_settings,
)
from janitor.settings import Settings, load_settings
from janitor.settings.parts.infrastructure import NOT_MADE, Provisioner

ROOT = Path(__file__).resolve().parents[3]
MADE = {
    "JANITOR_DEPLOYMENT": "dev",
    "JANITOR_REGION": "us-east-1",
    "JANITOR_BUCKET": "janitor-dev-123456789012",
    "JANITOR_LOG_GROUP": "/janitor-runner",
    "JANITOR_LAUNCH_TEMPLATE": "janitor-dev",
    "JANITOR_SUBNET_IDS": "subnet-1,subnet-2",
    "JANITOR_SCHEDULE_GROUP": "janitor-dev",
    "JANITOR_SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/janitor-dev-scheduler",
    "JANITOR_REAPER_FUNCTION": "janitor-dev-reaper",
    "JANITOR_VOLUME_GIB": "100",
}


def outputs(**values: object) -> str:
    return json.dumps({"settings": {"sensitive": False, "value": {**MADE, **values}}})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "infra" / "env", tmp_path / "infra" / "env", ignore=shutil.ignore_patterns("*.override.env"))
    return tmp_path


def settings(project: Path, environment: str = "dev") -> Settings:
    return load_settings(environment, environ={}, project_root=project, before_apply=True)


def test_before_it_is_applied_the_bucket_may_be_missing(project: Path) -> None:
    assert settings(project).bucket == NOT_MADE


def test_what_is_written_is_read(project: Path) -> None:
    path = write_settings(settings(project), settings_of(outputs()))
    assert path == project / "infra" / "env" / "dev.env"
    read = load_settings("dev", environ={}, project_root=project)
    assert read.bucket == "janitor-dev-123456789012"
    assert read.subnet_ids == ("subnet-1", "subnet-2")
    assert read.volume_gib == 100
    assert read.provisioned_by is Provisioner.TERRAFORM


def test_every_other_line_stays(project: Path) -> None:
    path = project / "infra" / "env" / "dev.env"
    before = path.read_text().splitlines()
    write_settings(settings(project), settings_of(outputs()))
    after = path.read_text().splitlines()
    names = {f"{name}=" for name in MADE}
    assert [line for line in before if line.partition("=")[0] + "=" not in names] == [
        line for line in after[: len(before)] if line.partition("=")[0] + "=" not in names
    ]
    write_settings(settings(project), settings_of(outputs()))
    assert path.read_text().splitlines() == after


def test_what_was_written_is_taken_back(project: Path) -> None:
    values = settings_of(outputs())
    write_settings(settings(project), values)
    remove_settings(settings(project), values)
    left = settings(project)
    assert (left.bucket, left.launch_template, left.subnet_ids) == (NOT_MADE, None, ())
    assert (left.deployment, left.provisioned_by) == ("dev", Provisioner.OWN)


@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize("times", [1, 2])
def test_what_is_taken_back_without_outputs_leaves_the_file_as_it_was(
    project: Path, environment: str, times: int
) -> None:
    path = project / "infra" / "env" / f"{environment}.env"
    before = path.read_text()
    for number in range(times):  # another apply may have other values
        made = outputs(JANITOR_DEPLOYMENT=environment, JANITOR_LOG_GROUP="/other", JANITOR_VOLUME_GIB=str(80 + number))
        write_settings(settings(project, environment), settings_of(made))
    assert "\nJANITOR_LOG_GROUP=/other\n" in path.read_text()
    remove_settings(settings(project, environment))
    assert path.read_text() == before


def test_what_somebody_added_behind_it_stays(project: Path) -> None:
    path = project / "infra" / "env" / "dev.env"
    before = path.read_text()
    write_settings(settings(project), settings_of(outputs()))
    path.write_text(path.read_text() + "# mine\nJANITOR_ENGINE=docker\n")
    remove_settings(settings(project))
    assert path.read_text() == before + "# mine\nJANITOR_ENGINE=docker\n"


def test_a_copy_in_the_checkouts_own_file_is_taken_back_too(project: Path) -> None:
    path = project / "infra" / "env" / "dev.env"
    own = path.with_name("dev.override.env")
    before = path.read_text()
    write_settings(settings(project), settings_of(outputs()))
    path.rename(own)
    path.write_text(before)
    assert settings(project).launch_template == "janitor-dev"
    remove_settings(settings(project))
    assert own.read_text() == path.read_text() == before


def test_values_that_somebody_gave_by_hand_are_left(project: Path) -> None:
    path = project / "infra" / "env" / "dev.env"
    path.write_text(path.read_text().replace("JANITOR_BUCKET=\n", "JANITOR_BUCKET=mine\n"))
    before = path.read_text()
    remove_settings(settings(project))
    assert path.read_text() == before


@pytest.mark.parametrize(("text", "there"), [("", False), ("{}", False), ('{"settings": {"value": {}}}', True)])
def test_outputs_are_there_once_all_is_applied(text: str, there: bool) -> None:
    assert has_settings(text) is there


@pytest.mark.parametrize("name", ["JANITOR_DATABASE_URL", "JANITOR_AIRFLOW_PASSWORD", "JANITOR_AWS_SECRET_ACCESS_KEY"])
def test_a_secret_is_never_written(name: str) -> None:
    with pytest.raises(InfrastructureError, match=f"{name}: a secret is never written"):
        settings_of(outputs(**{name: "x"}))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InfrastructureError, match="JANITOR_BUKET, which is no setting"):
        settings_of(outputs(JANITOR_BUKET="x"))


@pytest.mark.parametrize("value", ["two words", "a\nJANITOR_ENGINE=venv", "quo'te", "$HOME", "# no", 7, None])
def test_a_value_that_would_need_quotes_is_refused(value: object) -> None:
    with pytest.raises(InfrastructureError, match="quotes would be needed"):
        settings_of(outputs(JANITOR_BUCKET=value))


@pytest.mark.parametrize("text", ["", "{}", '{"settings": 1}', "No outputs found"])
def test_without_outputs_nothing_is_applied(text: str) -> None:
    with pytest.raises(InfrastructureError, match="run `make infra-apply` first"):
        settings_of(text)


def test_another_deployments_file_is_left_alone() -> None:
    with pytest.raises(InfrastructureError, match="JANITOR_DEPLOYMENT=blue, and Terraform's variables dev"):
        filled("JANITOR_DEPLOYMENT=blue\n", MADE)


def test_a_name_that_the_file_lacks_comes_at_the_end() -> None:
    assert filled("# one\nJANITOR_BUCKET=\n", {"JANITOR_BUCKET": "b", "JANITOR_REGION": "r"}) == (
        "# one\nJANITOR_BUCKET=b\n\n# What Terraform made; written by `janitor env-file`.\nJANITOR_REGION=r\n"
    )
    assert emptied("# one\nJANITOR_BUCKET=b\nJANITOR_DEPLOYMENT=d\n", {"JANITOR_BUCKET", "JANITOR_DEPLOYMENT"}) == (
        "# one\nJANITOR_BUCKET=\nJANITOR_DEPLOYMENT=d\n"
    )


def test_an_embedded_stack_has_a_file_of_its_own(project: Path) -> None:
    local = settings(project, "local")
    local.state_dir.mkdir()
    committed = (project / "infra" / "env" / "local.env").read_text()
    path = write_settings(local, settings_of(outputs(JANITOR_DEPLOYMENT=local.deployment)))
    assert path == local.state_dir / "infrastructure.env"
    assert (project / "infra" / "env" / "local.env").read_text() == committed
    assert settings(project, "local").launch_template == "janitor-dev"
    assert "JANITOR_DEPLOYMENT" not in path.read_text()
    remove_settings(local, settings_of(outputs()))
    assert settings(project, "local").bucket == "janitor-local"


def test_the_modules_outputs_are_settings() -> None:
    """What outputs.tf names would be refused at the end of an apply otherwise."""
    import re

    text = (ROOT / "infra" / "terraform" / "outputs.tf").read_text()
    names = set(re.findall(r"^\s+(JANITOR_\w+)\s+=", text, flags=re.MULTILINE))
    assert len(names) >= 12
    assert names | {"JANITOR_PROVISIONED_BY"} == WRITTEN, "destroy takes back what it knows to be written"
    assert settings_of(json.dumps({"settings": {"value": dict.fromkeys(names, "1")}}))
