"""Who answers the prompts, and what an answer may cost; it reaches the instance in the spec."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from janitor.domain.config.fields import SecretName
from janitor.protocol.agent.answers import AgentLimits, AgentSpec
from janitor.settings.parts.cloud import CloudSettings
from janitor.settings.variables import AgentSeconds, EndpointUrl, ModelName, Variable


class AgentSettings(CloudSettings):
    """Model, endpoint, key and limits."""

    agent_model: Annotated[ModelName, Variable("JANITOR_AGENT_MODEL")] = None
    """`bedrock:<id>` (the instance's role), `anthropic:<id>` or `openai:<id>`; None or `off`: nobody answers."""
    agent_base_url: Annotated[EndpointUrl | None, Variable("JANITOR_AGENT_BASE_URL")] = None
    """Another endpoint that speaks the provider's protocol, such as a model server's."""
    agent_key_secret: Annotated[SecretName | None, Variable("JANITOR_AGENT_KEY_SECRET")] = None
    """NAME in Secrets Manager of the provider's API key; the instance's role reads it."""
    agent_image: Annotated[str | None, Variable("JANITOR_AGENT_IMAGE")] = None
    """The janitor image, where the machine image has it and no Python with the agent's packages."""
    agent_turns: Annotated[int, Field(ge=1, le=1_000), Variable("JANITOR_AGENT_TURNS")] = 30
    agent_tool_calls: Annotated[int, Field(ge=1, le=1_000), Variable("JANITOR_AGENT_TOOL_CALLS")] = 40
    agent_tokens: Annotated[int, Field(ge=1_000, le=100_000_000), Variable("JANITOR_AGENT_TOKENS")] = 400_000
    """Input and output of one answer together."""
    agent_cost_usd: Annotated[Decimal, Field(gt=0, le=1_000), Variable("JANITOR_AGENT_COST_USD")] = Decimal("1.00")
    """Of one answer; for a model without a known price `agent_tokens` stands alone."""
    agent_wall_clock: Annotated[AgentSeconds, Variable("JANITOR_AGENT_WALL_CLOCK_SECONDS")] = timedelta(minutes=15)
    """For one answer; the validation's hard limit comes before."""

    @property
    def agent(self) -> AgentSpec | None:
        """Who answers prompts, as a spec says it; None where nobody does."""
        if self.agent_model is None:
            return None
        return AgentSpec(
            model=self.agent_model,
            base_url=self.agent_base_url,
            key_secret=self.agent_key_secret,
            region=self.region,
            image=self.agent_image,
            limits=AgentLimits(
                turns=self.agent_turns,
                tool_calls=self.agent_tool_calls,
                tokens=self.agent_tokens,
                cost_usd=self.agent_cost_usd,
                wall_clock=self.agent_wall_clock,
            ),
        )
