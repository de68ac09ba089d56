"""How the model reaches the instance: settings, the spec's optional object, and what a machine gives its agent."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from janitor.domain.errors import SettingsError
from janitor.protocol.agent.answers import AgentLimits, AgentSpec
from janitor.protocol.agent.work import (
    AgentAnswer,
    AgentDocumentError,
    AgentFinding,
    AgentOrder,
    AgentState,
    AgentUsage,
    Severity,
    VerdictStatus,
)
from janitor.protocol.order.spec import SpecError, ValidationSpec
from janitor.settings import load_settings
from janitor.validator.agent.settings import AgentMachine

SPEC = AgentSpec(model="bedrock:us.some-model:0", region="us-west-2", limits=AgentLimits(cost_usd=None))
DOCUMENT = {
    "format": "janitor-spec/1",
    "validation_id": "11111111-1111-4111-8111-111111111111",
    "run_id": "22222222-2222-4222-8222-222222222222",
    "repository": {
        "name": "worker",
        "organization": "org",
        "url": "https://example.com/org/worker",
        "ref": None,
        "dockerfile": None,
        "build_args": {},
        "env": {},
    },
    "prompt": "validate the repo",
    "gpu_required": True,
    "engine": "auto",
    "deadline": "2026-01-01T00:30:00+00:00",
    "grace_seconds": 120,
    "report_url": None,
    "report_path": None,
}


def load(root: Path, **environ: str):
    (root / "infra" / "env").mkdir(parents=True, exist_ok=True)
    text = "JANITOR_STACK=external\nJANITOR_BUCKET=b\nJANITOR_DEPLOYMENT=d\nJANITOR_REGION=eu-west-1\n"
    (root / "infra" / "env" / "dev.env").write_text(text)
    return load_settings("dev", environ=environ, project_root=root)


def test_settings_make_the_spec_s_agent(tmp_path):
    assert load(tmp_path).agent is None
    assert load(tmp_path, JANITOR_AGENT_MODEL="off").agent is None
    agent = load(
        tmp_path,
        JANITOR_AGENT_MODEL="openai:local",
        JANITOR_AGENT_BASE_URL="http://models.internal:8000/v1",
        JANITOR_AGENT_KEY_SECRET="janitor/openai",
        JANITOR_AGENT_COST_USD="0.25",
        JANITOR_AGENT_WALL_CLOCK_SECONDS="90",
    ).agent
    assert agent == AgentSpec(
        model="openai:local",
        base_url="http://models.internal:8000/v1",
        key_secret="janitor/openai",
        region="eu-west-1",
        limits=AgentLimits(cost_usd=Decimal("0.25"), wall_clock=timedelta(seconds=90)),
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("JANITOR_AGENT_MODEL", "gpt", "is not bedrock:<id>, anthropic:<id> or openai:<id>"),
        ("JANITOR_AGENT_MODEL", "openai:", "is not bedrock:<id>"),
        ("JANITOR_AGENT_BASE_URL", "https://user:key@host/", "without user name and password"),
        ("JANITOR_AGENT_KEY_SECRET", "sk-0123456789abcdefghijklmn", "looks like a secret itself"),
        ("JANITOR_AGENT_COST_USD", "0", "greater than 0"),
        ("JANITOR_AGENT_WALL_CLOCK_SECONDS", "90000", "must be 1 to 21600 seconds"),
        ("JANITOR_AGENT_TURNS", "many", "valid integer"),
    ],
)
def test_bad_setting_is_refused_with_its_name(tmp_path, name, value, message):
    with pytest.raises(SettingsError, match=message) as error:
        load(tmp_path, **{name: value})
    assert f"{name} (process environment)" in str(error.value)
    assert "sk-0123" not in str(error.value)


def test_spec_carries_the_agent_and_old_specs_have_none():
    old = ValidationSpec.from_dict(DOCUMENT)
    assert old.agent is None
    assert "agent" not in old.to_dict()
    new = ValidationSpec.from_dict({**DOCUMENT, "agent": SPEC.to_dict()})
    assert new.agent == SPEC
    assert ValidationSpec.from_json(new.to_json()) == new


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "gemini:x"}, "agent.model: 'gemini:x' does not match"),
        ({"model": "openai:a b"}, "agent.model"),
        ({"base_url": "https://u:p@host/"}, "agent.base_url"),
        ({"key_secret": "two words"}, "agent.key_secret"),
        ({"key": "sk-0"}, "agent: unknown field 'key'"),
        ({"image": "--privileged"}, "agent.image"),
        ({"region": "us east"}, "agent.region"),
        ({"limits": {**AgentLimits().to_dict(), "turns": 0}}, "agent.limits.turns: is out of range"),
        ({"limits": {**AgentLimits().to_dict(), "cost_usd": 0}}, "agent.limits.cost_usd"),
        ({"limits": {**AgentLimits().to_dict(), "cost_usd": True}}, "agent.limits.cost_usd"),
        ({"limits": {**AgentLimits().to_dict(), "wall_clock_seconds": 10**6}}, "agent.limits.wall_clock_seconds"),
    ],
)
def test_bad_agent_is_refused_with_its_field(change, message):
    with pytest.raises(SpecError, match=message):
        ValidationSpec.from_dict({**DOCUMENT, "agent": {**SPEC.to_dict(), **change}})


def test_process_gets_the_credentials_of_its_provider_alone():
    machine = AgentMachine.from_environment(
        {
            "AWS_SECRET_ACCESS_KEY": "aws",
            "AWS_REGION": "eu-west-1",
            "ANTHROPIC_API_KEY": "anthropic",
            "OPENAI_API_KEY": "openai",
            "HF_TOKEN": "other",
            "JANITOR_AGENT_PYTHON": "/opt/python",
        }
    )
    assert machine.python == "/opt/python"
    aws = {"AWS_SECRET_ACCESS_KEY": "aws", "AWS_REGION": "eu-west-1"}
    assert machine.credentials(AgentSpec(model="bedrock:x")) == aws
    assert machine.credentials(AgentSpec(model="anthropic:x")) == {"ANTHROPIC_API_KEY": "anthropic"}
    assert machine.credentials(AgentSpec(model="openai:x")) == {"OPENAI_API_KEY": "openai"}
    assert machine.credentials(AgentSpec(model="openai:x", key_secret="name")) == aws
    assert "anthropic'" not in repr(machine)


def test_order_survives_the_way_to_the_agent():
    order = AgentOrder(
        validation_id="11111111-1111-4111-8111-111111111111",
        prompt="ü",
        agent=SPEC,
        checks=({"name": "build", "status": "pass"},),
        checkout="/checkout",
        deadline=datetime(2026, 1, 1, tzinfo=timezone.utc),
        sandbox_image="sha256:0",
        sandbox_label="janitor.validation=1",
        sandbox_gpu=True,
    )
    assert AgentOrder.from_json(order.to_json()) == order


ANSWER = AgentAnswer(
    state=AgentState.COMPLETED,
    status=VerdictStatus.FAIL,
    summary="broken",
    findings=(AgentFinding(title="t", severity=Severity.HIGH, evidence="e", verified=True, file="f", line=3),),
    model="openai:x",
    sandbox="somewhere",
    usage=AgentUsage(turns=2, tool_calls=1, looks=1, input_tokens=10, output_tokens=3, cost_usd=0.5),
    duration_seconds=1.5,
    notes=("n",),
)


def test_answer_survives_the_way_back():
    assert AgentAnswer.from_json(ANSWER.to_json()) == ANSWER


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, "format"),
        ({"status": None}, "status: is there exactly when"),
        ({"state": "timed_out", "status": None}, "reason: and reason_code are required"),
        ({"usage": {**ANSWER.usage.to_dict(), "cost_usd": "free"}}, "usage.cost_usd"),
        ({"findings": [{}]}, "is missing"),
        ({"extra": 1}, "unknown field"),
    ],
)
def test_bad_answer_is_refused(change, message):
    document = {**copy.deepcopy(json.loads(ANSWER.to_json())), **change}
    with pytest.raises(AgentDocumentError, match=message):
        AgentAnswer.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[]", " " * (1024 * 1024 + 1)])
def test_what_is_no_answer_is_refused(text):
    with pytest.raises(AgentDocumentError):
        AgentAnswer.from_json(text)
