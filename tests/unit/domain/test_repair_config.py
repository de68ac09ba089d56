"""Who is given repairs, and how: the config's key and the deployment's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from janitor.domain.config.fields import RepairWay
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.config.workers import WorkersConfig, parse_workers_config
from janitor.domain.errors import SettingsError
from janitor.settings import Settings, load_settings

ONE = "{name: w, organization: a, prompt: p}"


def parsed(text: str) -> WorkersConfig:
    return parse_workers_config(text, source="workers.yaml")


@pytest.mark.parametrize("written", ["off", "'off'", "no"])
def test_a_repository_can_be_left_unrepaired_in_each_spelling_of_yaml(written: str) -> None:
    config = parsed(f"default_repair: pr\nrepositories: [{{name: w, organization: a, prompt: p, repair: {written}}}]")
    assert config.plan()[0].repair is RepairWay.OFF


def test_repairs_are_files_unless_somebody_says_otherwise() -> None:
    assert parsed(f"repositories: [{ONE}]").plan()[0].repair is RepairWay.PATCH
    assert parsed(f"default_repair: branch\nrepositories: [{ONE}]").plan()[0].repair is RepairWay.BRANCH


def test_a_plan_of_before_reads_as_one_whose_repairs_are_files() -> None:
    plain = parsed(f"repositories: [{ONE}]").plan()[0].to_dict()
    assert "repair" not in plain
    assert RepositoryPlan.from_dict(plain).repair is RepairWay.PATCH
    assert RepositoryPlan.from_dict(plain | {"repair": "pr"}).repair is RepairWay.PULL


def _load(root: Path, **environ: str) -> Settings:
    (root / "infra" / "env").mkdir(parents=True, exist_ok=True)
    text = "JANITOR_STACK=external\nJANITOR_BUCKET=a-bucket\nJANITOR_DEPLOYMENT=team-a\n"
    (root / "infra" / "env" / "dev.env").write_text(text)
    return load_settings("dev", environ=environ, project_root=root)


def test_the_way_of_repairs_to_people_is_a_setting(tmp_path: Path) -> None:
    settings = _load(tmp_path)
    assert (settings.repair_token_secret, settings.repair_remote, settings.repair_pulls_a_day) == (None, None, 5)
    given = "https://github.com/our-bot/{repository}.git"
    assert _load(tmp_path, JANITOR_REPAIR_REMOTE=given).repair_remote == given


@pytest.mark.parametrize(
    "wrong", ["git@github.com:x/{repository}", "https://u:p@h/x", "https://h/{name}", "http://h/x"]
)
def test_a_remote_is_an_address_without_a_login(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(SettingsError, match="JANITOR_REPAIR_REMOTE"):
        _load(tmp_path, JANITOR_REPAIR_REMOTE=wrong)


def test_a_token_in_the_place_of_its_name_is_refused_and_not_repeated(tmp_path: Path) -> None:
    token = "ghp_" + "a1" * 18
    with pytest.raises(SettingsError, match="looks like a secret itself") as raised:
        _load(tmp_path, JANITOR_REPAIR_TOKEN_SECRET=token)
    assert token not in str(raised.value)
