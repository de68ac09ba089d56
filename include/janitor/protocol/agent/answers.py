"""Who answers prompts, and within which limits: the optional `agent` object of a spec.

Invariant: it holds no key; keys are names in Secrets Manager.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from janitor.protocol.fields import FieldReader

MODEL_PATTERN = r"(?:bedrock|anthropic|openai):[^\s\x00-\x1f]{1,250}"
SECRET_NAME_PATTERN = r"[A-Za-z0-9/_+=.@:-]{1,600}"  # noqa: S105  # the form of a name
URL_PATTERN = r"https?://[^\s@]+"
"""Without user name and password: they would be a secret."""
LONGEST_WALL_CLOCK = timedelta(hours=6)
_LARGEST_DOLLARS = 1_000.0


class Provider(str, Enum):
    """Who serves the model."""

    BEDROCK = "bedrock"  # through the instance's role
    ANTHROPIC = "anthropic"
    OPENAI = "openai"  # and whatever speaks its chat-completions protocol


@dataclass(frozen=True, kw_only=True)
class AgentLimits:
    """What an answer may cost."""

    turns: int = 30
    """Responses of the model."""
    tool_calls: int = 40
    """Attempts, whether or not they succeed; after them the tools are withdrawn."""
    tokens: int = 400_000
    """Input and output together."""
    cost_usd: Decimal | None = Decimal("1.00")
    """Does nothing for a model without a known price; `tokens` bounds that."""
    wall_clock: timedelta = timedelta(minutes=15)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "turns": self.turns,
            "tool_calls": self.tool_calls,
            "tokens": self.tokens,
            "cost_usd": None if self.cost_usd is None else float(self.cost_usd),
            "wall_clock_seconds": self.wall_clock.total_seconds(),
        }

    @classmethod
    def read(cls, reader: FieldReader) -> AgentLimits:
        """Read the object `limits`."""
        cost = reader.take("cost_usd")
        if cost is not None and (
            isinstance(cost, bool) or not isinstance(cost, (int, float)) or not 0 < cost <= _LARGEST_DOLLARS
        ):
            raise reader.problem("cost_usd", f"must be null or a number above 0 and up to {_LARGEST_DOLLARS:g}")
        limits = cls(
            turns=reader.integer("turns", least=1, most=1_000),
            tool_calls=reader.integer("tool_calls", least=1, most=1_000),
            tokens=reader.integer("tokens", least=1_000, most=100_000_000),
            cost_usd=None if cost is None else Decimal(str(cost)),
            wall_clock=timedelta(
                seconds=reader.number("wall_clock_seconds", least=1, most=LONGEST_WALL_CLOCK.total_seconds()),
            ),
        )
        reader.finish()
        return limits


@dataclass(frozen=True, kw_only=True)
class AgentSpec:
    """Which model answers prompts, and within which limits."""

    model: str
    """`bedrock:<id>`, `anthropic:<id>` or `openai:<id>`."""
    base_url: str | None = None
    """Another endpoint that speaks the provider's protocol."""
    key_secret: str | None = None
    """NAME in Secrets Manager of the API key; never the key."""
    region: str | None = None
    """AWS region of Bedrock and Secrets Manager."""
    image: str | None = None
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

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "model": self.model,
            "base_url": self.base_url,
            "key_secret": self.key_secret,
            "region": self.region,
            "image": self.image,
            "limits": self.limits.to_dict(),
        }

    @classmethod
    def read(cls, reader: FieldReader) -> AgentSpec:
        """Read a spec's `agent` object."""
        spec = cls(
            model=reader.text("model", longest=300, pattern=MODEL_PATTERN),
            base_url=reader.optional_text("base_url", longest=2_000, pattern=URL_PATTERN),
            key_secret=reader.optional_text("key_secret", longest=600, pattern=SECRET_NAME_PATTERN),
            region=reader.optional_text("region", longest=50, pattern=r"[a-z0-9-]+"),
            image=reader.optional_text("image", longest=500, pattern=r"[A-Za-z0-9][A-Za-z0-9._/:@-]*"),
            limits=AgentLimits.read(reader.object("limits")),
        )
        reader.finish()
        return spec
