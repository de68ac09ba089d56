"""Who answers prompts, and within which limits: the optional `agent` object of a spec.

Invariant: it holds no key; keys are names in Secrets Manager.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated

from janitor.protocol.codec import Part
from janitor.protocol.values import Range, Text

MODEL_PATTERN = r"(?:bedrock|anthropic|openai):[^\s\x00-\x1f]{1,250}"
URL_PATTERN = r"https?://[^\s@]+"
"""Without user name and password: they would be a secret."""
LONGEST_WALL_CLOCK = timedelta(hours=6)


class Provider(str, Enum):
    """Who serves the model."""

    BEDROCK = "bedrock"  # through the instance's role
    ANTHROPIC = "anthropic"
    OPENAI = "openai"  # and whatever speaks its chat-completions protocol


@dataclass(frozen=True, kw_only=True)
class AgentLimits(Part):
    """What an answer may cost."""

    turns: Annotated[int, Range(1, 1_000)] = 30
    """Responses of the model."""
    tool_calls: Annotated[int, Range(1, 1_000)] = 40
    """Attempts, whether or not they succeed; after them the tools are withdrawn."""
    tokens: Annotated[int, Range(1_000, 100_000_000)] = 400_000
    """Input and output together."""
    cost_usd: Annotated[Decimal, Range(0, 1_000, above=True)] | None = Decimal("1.00")
    """Does nothing for a model without a known price; `tokens` bounds that."""
    wall_clock: Annotated[timedelta, Range(1, LONGEST_WALL_CLOCK.total_seconds())] = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class AgentSpec(Part):
    """Which model answers prompts, and within which limits."""

    model: Annotated[str, Text(300, MODEL_PATTERN)]
    """`bedrock:<id>`, `anthropic:<id>` or `openai:<id>`."""
    base_url: Annotated[str, Text(2_000, URL_PATTERN)] | None = None
    """Another endpoint that speaks the provider's protocol."""
    key_secret: Annotated[str, Text(600, r"[A-Za-z0-9/_+=.@:-]{1,600}")] | None = None
    """NAME in Secrets Manager of the API key; never the key."""
    region: Annotated[str, Text(50, r"[a-z0-9-]+")] | None = None
    """AWS region of Bedrock and Secrets Manager."""
    image: Annotated[str, Text(500, r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")] | None = None
    """Local Docker image with the agent and its dependencies, for a machine whose Python lacks them."""
    limits: AgentLimits = field(default_factory=AgentLimits)

    @property
    def provider(self) -> Provider:
        """Who serves the model."""
        return Provider(self.model.partition(":")[0])

    @property
    def model_id(self) -> str:
        """The provider's own name of the model."""
        return self.model.partition(":")[2]
