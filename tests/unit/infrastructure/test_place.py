"""Terraform's variables and the settings name one deployment and region, or nothing is looked for or begun."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.place import place_options, require_same_place
from janitor.infrastructure.workspace import open_workspace
from janitor.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("env", "terraform"):
        ignored = shutil.ignore_patterns("*.override.env", ".terraform*")
        shutil.copytree(ROOT / "infra" / name, tmp_path / "infra" / name, ignore=ignored)
    return tmp_path


def settings(project: Path, **environ: str) -> Settings:
    return load_settings("dev", environ=environ, project_root=project, before_apply=True)


def say(project: Path, text: str) -> None:
    (project / "infra" / "terraform" / "dev.tfvars").write_text(text)


@pytest.mark.parametrize("environment", ["dev", "prod", "local"])
def test_the_committed_files_agree(project: Path, environment: str) -> None:
    require_same_place(load_settings(environment, environ={}, project_root=project, before_apply=True))


@pytest.mark.parametrize(
    "environ", [{"AWS_REGION": "eu-west-1"}, {"JANITOR_REGION": "eu-west-1"}, {"JANITOR_DEPLOYMENT": "eu-west-1"}]
)
def test_a_shell_that_names_another_place_is_refused(project: Path, environ: dict[str, str]) -> None:
    with pytest.raises(
        InfrastructureError, match=r"infra/terraform/dev\.tfvars says .* settings say eu-west-1"
    ) as told:
        require_same_place(settings(project, **environ))
    assert "infra/env/dev.override.env, infra/env/dev.env" in str(told.value)


@pytest.mark.parametrize(
    "line", ['region="eu-west-1"', '  region = "eu-west-1" # here', "region = <<EOT", '"region" = "eu-west-1"']
)
def test_however_the_variables_say_it(project: Path, line: str) -> None:
    say(project, f'deployment = "dev"\n{line}\n')
    with pytest.raises(InfrastructureError, match=r"region = .*settings say us-east-1"):
        require_same_place(settings(project))


@pytest.mark.parametrize(
    "text", ["", '# region = "eu-west-1"\n', 'cache_region = "x"\n', 'region = "us-east-1" # here\n']
)
def test_what_names_no_other_place_is_fine(project: Path, text: str) -> None:
    say(project, text)
    require_same_place(settings(project))
    assert place_options(settings(project)) == ("-var=deployment=dev", "-var=region=us-east-1")


def test_it_comes_before_the_states_bucket(project: Path, tmp_path: Path) -> None:
    """With an endpoint where nobody answers: no call is tried."""
    (tmp_path / "terraform.d").mkdir()
    program = tmp_path / "terraform.d" / "terraform"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    given = settings(
        project, PATH=str(program.parent), AWS_REGION="eu-west-1", JANITOR_STATE_DIR=str(tmp_path / "state")
    )
    with pytest.raises(InfrastructureError, match="would be another one"):
        open_workspace(given, {})
    assert not (tmp_path / "state").exists()
