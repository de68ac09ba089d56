"""Policies of IAM: what each file allows, and what a wrong file or value says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.stack.provision.policies import FOLDER, read_policy

ROOT = Path(__file__).resolve().parents[3]
NAMES = sorted(path.stem for path in (ROOT / FOLDER).glob("*.json"))


def filled(name: str) -> dict[str, Any]:
    text = (ROOT / FOLDER / f"{name}.json").read_text()
    return read_policy(ROOT, name, {each: f"x-{each}" for each in re.findall(r"\$\{(\w+)\}", text)})


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_whole_policy_without_open_places(name: str) -> None:
    policy = filled(name)
    assert policy["Version"] == "2012-10-17"
    assert "${" not in json.dumps(policy)
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement["Action"] != "*"
        assert ("Principal" in statement) == name.endswith("-trust")


@pytest.mark.parametrize("name", NAMES)
def test_nobody_may_terminate_what_another_deployment_has(name: str) -> None:
    for statement in filled(name)["Statement"]:
        if statement["Action"] == "ec2:TerminateInstances":
            assert statement["Condition"] == {"StringEquals": {f"aws:ResourceTag/{TAG_DEPLOYMENT}": "x-deployment"}}


def test_a_value_can_not_change_the_form(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "one.json").write_text('{"Resource": "${bucket}"}')
    evil = '*", "Action": "*'
    assert read_policy(tmp_path, "one", {"bucket": evil}) == {"Resource": evil}
    with pytest.raises(CloudError, match="wants a value for 'bucket'"):
        read_policy(tmp_path, "one", {})
    (tmp_path / FOLDER / "one.json").write_text("{")
    with pytest.raises(CloudError, match=r"one\.json can't be read"):
        read_policy(tmp_path, "one", {})
    with pytest.raises(CloudError, match=r"two\.json can't be read"):
        read_policy(tmp_path, "two", {})


def test_an_instance_reads_the_secrets_of_its_deployment_and_nothing_else_of_anybody() -> None:
    statements = {statement["Sid"]: statement for statement in filled("instance")["Statement"]}
    reading = statements.pop("ReadSecretsOfItsDeployment")
    assert reading["Action"] == "secretsmanager:GetSecretValue"
    assert reading["Resource"] == "arn:aws:secretsmanager:x-region:x-account:secret:x-secrets_prefix*"
    for statement in statements.values():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert {action.partition(":")[0] for action in actions} <= {"ssm", "ssmmessages", "ec2messages", "logs"}
        assert not [action for action in actions if "Parameter" in action or "SendCommand" in action or "*" in action]
