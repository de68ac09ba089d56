"""The agent with real clients: three protocols, retries, refusals, silence, and where credentials come from."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import timedelta
from decimal import Decimal

import pytest

from janitor.agent.service import serve
from janitor.agent.settings import AgentSettings
from janitor.protocol.agent.policy import conclude
from janitor.protocol.agent.work import AgentState, VerdictStatus
from janitor.protocol.terms.statuses import CheckStatus
from tests.integration.agent.conftest import SCRIPT, needs_root, run
from tests.integration.agent.endpoint import ROLE_KEY, Endpoint

ALL = pytest.mark.parametrize("kind", ["openai", "anthropic", "bedrock"])


@pytest.fixture
def no_aws(monkeypatch, tmp_path):
    """Nothing of this machine's AWS settings."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture
def aws(no_aws):
    """Keys for the AWS clients."""
    no_aws.setenv("AWS_ACCESS_KEY_ID", "AKIAFAKEFAKEFAKEFAKE")
    no_aws.setenv("AWS_SECRET_ACCESS_KEY", "fake")
    return no_aws


@pytest.fixture
def answer(tmp_path):
    """Answers an order in this process."""

    def work(order, **settings):
        given = AgentSettings(
            path=os.environ["PATH"],
            temporary=str(tmp_path),
            anthropic_key="sk-ant-fake-key-of-the-test",
            **settings,
        )
        return asyncio.run(serve(order, given, tmp_path / "transcript.jsonl"))

    return work


@needs_root
@ALL
def test_round_trip(kind, order_for, answer, aws):
    with Endpoint(SCRIPT) as endpoint:
        result = answer(order_for(kind, endpoint.url))
    assert (result.state, result.status) == (AgentState.COMPLETED, VerdictStatus.PASS), result
    assert result.findings[0].verified
    usage = result.usage
    assert (usage.turns, usage.tool_calls, usage.input_tokens, usage.output_tokens) == (3, 2, 300, 60)
    assert len(endpoint.posts) == 3
    assert "hello from the app" in json.dumps(endpoint.posts[2].body)
    # The price of somebody's own endpoint is unknown; that of a known model at its provider is known.
    assert (usage.cost_usd is None) == (kind == "openai")
    assert usage.cost_usd is None or 0 < usage.cost_usd < 0.1


@needs_root
@ALL
def test_rate_limit_is_waited_out(kind, order_for, answer, aws):
    with Endpoint([{"http": 429}, *SCRIPT]) as endpoint:
        result = answer(order_for(kind, endpoint.url))
    assert (result.state, result.usage.turns, len(endpoint.posts)) == (AgentState.COMPLETED, 3, 4)


@needs_root
@ALL
def test_refusal_is_an_error_that_blames_nobody(kind, order_for, answer, aws):
    with Endpoint([{"http": 400, "message": "no such model"}]) as endpoint:
        result = answer(order_for(kind, endpoint.url))
    assert (result.state, result.reason_code) == (AgentState.MODEL_ERROR, "agent_model_error"), result
    assert "no such model" in result.reason
    assert conclude(result).status is CheckStatus.ERROR
    assert len(endpoint.posts) == 1


@needs_root
@ALL
def test_silent_endpoint_is_left_at_the_wall_clock(kind, order_for, agent_process):
    """Whatever thread of a client still waits: Bedrock's does, for minutes."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAFAKEFAKEFAKEFAKE", "AWS_SECRET_ACCESS_KEY": "fake", "ANTHROPIC_API_KEY": "sk-x"}
    with Endpoint([{"hang": True}]) as endpoint:
        began = time.monotonic()
        done = agent_process(order_for(kind, endpoint.url, limits={"wall_clock": timedelta(seconds=2)}), keys)
        took = time.monotonic() - began
    assert (done.exit_code, done.answer.state) == (0, AgentState.TIMED_OUT), done.output
    assert done.answer.usage.turns == 0
    assert '"kind": "end"' in done.transcript
    assert took < 120


@needs_root
def test_deadline_comes_before_the_wall_clock(order_for, agent_process):
    keys = {"AWS_ACCESS_KEY_ID": "AKIAFAKEFAKEFAKEFAKE", "AWS_SECRET_ACCESS_KEY": "fake"}
    with Endpoint([{"hang": True}]) as endpoint:
        began = time.monotonic()
        done = agent_process(order_for("bedrock", endpoint.url, seconds=12), keys)
        took = time.monotonic() - began
    assert (done.exit_code, done.answer.state) == (0, AgentState.TIMED_OUT), done.output
    assert took < 55


@needs_root
def test_instance_role_answers_for_bedrock(order_for, answer, no_aws):
    with Endpoint(SCRIPT) as endpoint, Endpoint() as metadata:
        no_aws.delenv("AWS_EC2_METADATA_DISABLED")
        no_aws.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
        result = answer(order_for("bedrock", endpoint.url))
    assert result.state is AgentState.COMPLETED, result
    assert ROLE_KEY in endpoint.posts[0].headers["authorization"]
    assert metadata.requests[0].method == "PUT"


def test_bedrock_without_credentials_is_a_skip(order_for, answer, no_aws):
    with Endpoint(SCRIPT) as endpoint:
        result = answer(order_for("bedrock", endpoint.url))
    assert (result.state, result.reason_code) == (AgentState.SKIPPED, "agent_no_credentials")
    assert endpoint.requests == []
    assert conclude(result).status is CheckStatus.SKIP


@needs_root
def test_key_comes_from_secrets_manager_by_name(order_for, answer, aws, tmp_path):
    with Endpoint(SCRIPT) as endpoint:
        aws.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.url)
        result = answer(order_for("anthropic", endpoint.url, spec={"key_secret": "janitor/anthropic"}))
    assert result.state is AgentState.COMPLETED, result
    assert endpoint.posts[0].body == {"SecretId": "janitor/anthropic"}
    headers = endpoint.posts[1].headers
    assert "sk-kept-in-secrets-manager-0001" in headers.get("x-api-key", headers.get("authorization", ""))
    assert "sk-kept" not in (tmp_path / "transcript.jsonl").read_text()


def test_key_that_is_nowhere_is_a_skip(order_for, tmp_path):
    for kind in ("anthropic", "openai"):
        order = order_for(kind, None)
        result = asyncio.run(serve(order, AgentSettings(temporary=str(tmp_path)), tmp_path / "transcript"))
        assert (result.state, result.reason_code) == (AgentState.SKIPPED, "agent_no_credentials")
        assert "JANITOR_AGENT_KEY_SECRET" in result.reason


@needs_root
def test_dollars_are_limited_where_the_price_is_known(order_for, answer, aws):
    with Endpoint([run("true")], tokens=(100_000, 1_000)) as endpoint:
        limits = {"cost_usd": Decimal("0.50"), "tokens": 10**7}
        result = answer(order_for("anthropic", endpoint.url, limits=limits))
    assert (result.state, result.notes) == (AgentState.LIMIT_EXCEEDED, ()), result
    # A response costs $0.315 here: the second one exceeds the limit, and there is no third.
    assert result.usage.turns in (1, 2)
    assert 0.3 < result.usage.cost_usd < 0.7
    assert len(endpoint.posts) == 2


@needs_root
def test_tokens_are_limited_where_the_price_is_unknown(order_for, answer, aws):
    with Endpoint([run("true")], tokens=(50_000, 10)) as endpoint:
        limits = {"cost_usd": Decimal("0.50"), "tokens": 120_000}
        result = answer(order_for("openai", endpoint.url, limits=limits))
    assert (result.state, result.usage.cost_usd) == (AgentState.LIMIT_EXCEEDED, None)
    # Versions of the library look at the sum before or after the response that exceeds it.
    assert result.usage.turns in (2, 3)
    assert "was not enforced" in result.notes[0]


def test_machine_without_a_sandbox_asks_nobody(order_for, answer, aws, tmp_path):
    """No root, or a machine that lacks what makes namespaces: commands are never run as the agent's own user."""
    with Endpoint(SCRIPT) as endpoint:
        order = order_for("openai", endpoint.url)
        settings = AgentSettings(path=str(tmp_path), temporary=str(tmp_path))
        result = asyncio.run(serve(order, settings, tmp_path / "transcript"))
    assert (result.state, result.reason_code) == (AgentState.SKIPPED, "agent_no_sandbox")
    assert "not found on this machine" in result.reason or "not root" in result.reason
    assert endpoint.requests == []
