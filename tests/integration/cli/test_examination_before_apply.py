"""`janitor doctor` of a fresh checkout: what `infra-apply` makes isn't there yet, and all else is asked."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.main import main
from janitor.settings import Settings
from janitor.settings.parts.infrastructure import MADE_BY_APPLY
from janitor.settings.variables import variables_of
from tests.support.airflow_doors import listening
from tests.support.localcloud_server import LocalCloudServer
from tests.support.whole_deployment import ROOT, Airflow, make_spot_role

MADE = {variables_of(Settings)[field].name for field in MADE_BY_APPLY}


@dataclass(frozen=True)
class Examined:
    """What the command answered."""

    code: int
    by_subject: dict[str, list[dict[str, Any]]]

    def levels(self, subject: str) -> set[str]:
        return {each["level"] for each in self.by_subject[subject]}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its files of environments as they are committed, and no variable of whoever runs the tests."""
    left = shutil.ignore_patterns("*.override.env")
    shutil.copytree(ROOT / "infra" / "env", tmp_path / "infra" / "env", ignore=left)
    for name in ("prices.yaml", "workers-config.yaml", "repos.yaml"):
        shutil.copy(ROOT / "infra" / name, tmp_path / "infra" / name)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE", *MADE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JANITOR_PROJECT_ROOT", str(tmp_path))
    return tmp_path


def examined(cloud: LocalCloudServer, monkeypatch: pytest.MonkeyPatch, capsys: Any, **variables: str) -> Examined:
    """The answer of `janitor doctor --env dev`, to whom nothing is given but the way to AWS."""
    environ = {
        "JANITOR_AWS_ENDPOINT_URL": cloud.endpoint_url,
        "JANITOR_AWS_ACCESS_KEY_ID": cloud.access_key_id,
        "JANITOR_AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
        **variables,
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    code = main(["doctor", "--env", "dev", "--json"])
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(capsys.readouterr().out)["findings"]:
        by_subject.setdefault(finding["subject"], []).append(finding)
    return Examined(code, by_subject)


@pytest.mark.usefixtures("checkout")
def test_all_that_can_be_asked_is_asked(
    cloud: LocalCloudServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_spot_role(cloud)
    found = examined(cloud, monkeypatch, capsys)
    assert found.code == ExitCode.INFRASTRUCTURE  # not ready
    asked = ("credentials", "clock", "region", "prices", "quota L-DB2E81BA", "spot role", "zones")
    for subject in asked:
        assert found.levels(subject) == {"ok"}
    assert "g5.xlarge is offered in us-east-1a" in found.by_subject["zones"][0]["message"]
    # All that `infra-apply` makes is one line, and nothing else says anything about it.
    (made,) = found.by_subject["infrastructure"]
    assert made["level"] == "problem"
    assert made["message"].startswith("not applied yet: ")
    assert {name for name in MADE if name in made["message"]} == MADE
    assert "run `make infra-apply ENV=dev`" in made["next_step"]
    others = [each for of in found.by_subject.values() for each in of if each is not made]
    assert not [each for each in others if any(name in each["message"] for name in MADE)]
    assert {"bucket", "log group", "instances", "external timer", "reaper function"}.isdisjoint(found.by_subject)
    # What a person gives is named as ever.
    for subject in ("database", "reading database", "migrations", "airflow"):
        assert found.levels(subject) == {"problem"}
    assert {each["level"] for each in others} <= {"ok", "note", "problem"}


@pytest.mark.usefixtures("checkout")
def test_what_an_account_lacks_is_known_before_anything_is_made(
    cloud: LocalCloudServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quotas = cloud.client("service-quotas")
    quotas.request_service_quota_increase(ServiceCode="ec2", QuotaCode="L-DB2E81BA", DesiredValue=0)
    try:
        found = examined(cloud, monkeypatch, capsys)
        elsewhere = examined(cloud, monkeypatch, capsys, JANITOR_REGION="us-east-9")
        nobody = examined(cloud, monkeypatch, capsys, JANITOR_AWS_ACCESS_KEY_ID="AKIAUNKNOWN000000000")
    finally:
        quotas.request_service_quota_increase(ServiceCode="ec2", QuotaCode="L-DB2E81BA", DesiredValue=64)
    assert found.levels("quota L-DB2E81BA") == {"problem"}
    assert elsewhere.levels("region") == {"problem"}
    assert nobody.levels("credentials") == {"problem"}
    assert "infrastructure" in nobody.by_subject


@pytest.mark.usefixtures("checkout")
def test_airflow_tells_its_version_where_its_address_alone_is_known(
    cloud: LocalCloudServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(Airflow()) as door:
        found = examined(cloud, monkeypatch, capsys, JANITOR_AIRFLOW_URL=door.url)
    lacking, version = found.by_subject["airflow"]
    assert "JANITOR_AIRFLOW_USERNAME is not set" in lacking["message"]
    assert version["message"].startswith("version 3.3.2, which answers")
    assert {asked.path for asked in door.asked} == {"/api/v2/version"}


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    "words", [("estimate", "infra/workers-config.yaml"), ("check-config", "infra/workers-config.yaml")]
)
def test_what_needs_nothing_of_it_answers_before_it_is_made(
    words: tuple[str, ...], cloud: LocalCloudServer, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("JANITOR_AWS_ENDPOINT_URL", cloud.endpoint_url)
    assert main([*words, "--env", "dev"]) == ExitCode.OK, capsys.readouterr().err


def test_apply_writes_each_of_them() -> None:
    outputs = (ROOT / "infra" / "terraform" / "outputs.tf").read_text()
    assert {name for name in MADE if re.search(rf"^\s+{name}\s+=", outputs, flags=re.MULTILINE)} == MADE
