"""Makes the model that an order names, with a client of our own: its timeouts and retries are ours.

Nothing is guessed: without a setting there is no model, and a key comes from Secrets Manager by name or from the
process's environment, from where the parent let exactly one through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from janitor.agent.settings import AgentSettings
from janitor.protocol.agent.answers import AgentSpec, Provider
from janitor.protocol.terms.reason_codes import ReasonCode

if TYPE_CHECKING:
    from pydantic_ai.models import Model

REQUEST_SECONDS = 120.0
"""How long one request may take."""
_CONNECT_SECONDS = 10.0
_RETRIES = 3
"""Of the provider's client: 429, 5xx and broken connections."""


@dataclass(frozen=True, kw_only=True)
class Skip:
    """Why no model answers."""

    reason_code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A model that can be asked."""

    model: Model
    secrets: tuple[str, ...] = ()
    """Values that must not show in anything that is kept."""
    close: Callable[[], Awaitable[None]] | None = None
    """Ends the client's connections."""


def resolve(spec: AgentSpec, settings: AgentSettings) -> Choice | Skip:
    """Make the model, or say what is missing.

    Args:
        spec: Names the model.
        settings: Of this process.
    """
    try:
        if spec.provider is Provider.BEDROCK:
            return _bedrock(spec, settings)
        key = _key(spec, settings)
        if isinstance(key, Skip):
            return key
        return _anthropic(spec, key) if spec.provider is Provider.ANTHROPIC else _openai(spec, key)
    except ImportError as exc:
        return Skip(
            reason_code=ReasonCode.AGENT_NOT_INSTALLED, reason=f"support for {spec.model} is not installed: {exc}"
        )


def _anthropic(spec: AgentSpec, key: str | None) -> Choice | Skip:
    from anthropic import AsyncAnthropic  # noqa: PLC0415  # costs seconds; only what is used
    from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415  # loaded where it is needed alone
    from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415  # loaded where it is needed alone

    if key is None:
        reason = f"{spec.model} needs an API key: set JANITOR_AGENT_KEY_SECRET to its name in Secrets Manager"
        return Skip(reason_code=ReasonCode.AGENT_NO_CREDENTIALS, reason=reason)
    client = AsyncAnthropic(api_key=key, base_url=spec.base_url, timeout=REQUEST_SECONDS, max_retries=_RETRIES)
    model = AnthropicModel(spec.model_id, provider=AnthropicProvider(anthropic_client=client))
    return Choice(model=model, secrets=(key,), close=client.close)


def _openai(spec: AgentSpec, key: str | None) -> Choice | Skip:
    from openai import AsyncOpenAI  # noqa: PLC0415  # loaded where it is needed alone
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415  # loaded where it is needed alone
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415  # loaded where it is needed alone

    if key is None and spec.base_url is None:
        reason = (
            f"{spec.model} needs an API key or an endpoint of its own:"
            " set JANITOR_AGENT_KEY_SECRET to the key's name in Secrets Manager, or JANITOR_AGENT_BASE_URL"
        )
        return Skip(reason_code=ReasonCode.AGENT_NO_CREDENTIALS, reason=reason)
    client = AsyncOpenAI(
        api_key=key or "none-needed", base_url=spec.base_url, timeout=REQUEST_SECONDS, max_retries=_RETRIES
    )
    # The chat-completions protocol explicitly: it is what compatible endpoints speak.
    model = OpenAIChatModel(spec.model_id, provider=OpenAIProvider(openai_client=client))
    return Choice(model=model, secrets=(key,) if key else (), close=client.close)


def _bedrock(spec: AgentSpec, settings: AgentSettings) -> Choice | Skip:
    import boto3  # noqa: PLC0415  # loaded where it is needed alone
    from botocore.config import Config  # noqa: PLC0415  # loaded where it is needed alone
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # loaded where it is needed alone
    from pydantic_ai.models.bedrock import BedrockConverseModel  # noqa: PLC0415  # loaded where it is needed alone
    from pydantic_ai.providers.bedrock import BedrockProvider  # noqa: PLC0415  # loaded where it is needed alone

    region = spec.region or settings.region
    if region is None:
        reason = f"{spec.model} needs an AWS region: set JANITOR_REGION"
        return Skip(reason_code=ReasonCode.AGENT_NO_CREDENTIALS, reason=reason)
    session = boto3.Session(region_name=region)
    try:
        credentials = session.get_credentials()
        held = credentials.get_frozen_credentials() if credentials is not None else None
    except (BotoCoreError, ClientError) as exc:
        reason = f"{spec.model} needs AWS credentials, and this instance's can't be had: {type(exc).__name__}"
        return Skip(reason_code=ReasonCode.AGENT_NO_CREDENTIALS, reason=reason)
    if held is None:
        reason = f"{spec.model} needs AWS credentials; this instance has no role that gives any"
        return Skip(reason_code=ReasonCode.AGENT_NO_CREDENTIALS, reason=reason)
    client = session.client(
        "bedrock-runtime",
        endpoint_url=spec.base_url,
        config=Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=REQUEST_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1 + _RETRIES},
        ),
    )
    model = BedrockConverseModel(spec.model_id, provider=BedrockProvider(bedrock_client=client))
    return Choice(model=model, secrets=tuple(filter(None, (held.secret_key, held.token))))


def _key(spec: AgentSpec, settings: AgentSettings) -> str | Skip | None:
    """The API key; None where there is none."""
    if spec.key_secret is None:
        return settings.anthropic_key if spec.provider is Provider.ANTHROPIC else settings.openai_key
    import boto3  # noqa: PLC0415  # loaded where it is needed alone
    from botocore.config import Config  # noqa: PLC0415  # loaded where it is needed alone
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # loaded where it is needed alone

    config = Config(connect_timeout=_CONNECT_SECONDS, read_timeout=20, retries={"total_max_attempts": 3})
    try:
        client = boto3.Session(region_name=spec.region or settings.region).client("secretsmanager", config=config)
        value = str(client.get_secret_value(SecretId=spec.key_secret).get("SecretString") or "").strip()
    except (BotoCoreError, ClientError) as exc:
        code = exc.response["Error"]["Code"] if isinstance(exc, ClientError) else type(exc).__name__
        reason = f"the secret {spec.key_secret} can't be read ({code}): check its name and the instance role"
        return Skip(reason_code=ReasonCode.AGENT_NO_CREDENTIALS, reason=reason)
    if not value:
        return Skip(
            reason_code=ReasonCode.AGENT_NO_CREDENTIALS, reason=f"the secret {spec.key_secret} is empty or no text"
        )
    return value
