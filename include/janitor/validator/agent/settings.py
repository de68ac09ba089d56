"""Reads from the environment what the agent's process gets of it: the credentials of its one provider, by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from janitor.protocol.agent.answers import AgentSpec, Provider

_AWS = (
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_CA_BUNDLE"),
)
_KEYS = {Provider.ANTHROPIC: "ANTHROPIC_API_KEY", Provider.OPENAI: "OPENAI_API_KEY"}


@dataclass(frozen=True, kw_only=True)
class AgentMachine:
    """What this machine has for an agent."""

    python: str | None = None
    """Interpreter with the agent's packages; None: the validator's own is tried."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Credentials and endpoints; `credentials` chooses among them."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> AgentMachine:
        """Read the settings.

        Args:
            environ: Instead of the process's environment.
        """
        env = os.environ if environ is None else environ
        names = (*_AWS, *_KEYS.values())
        return cls(
            python=env.get("JANITOR_AGENT_PYTHON") or None,
            variables={name: env[name] for name in names if env.get(name)},
        )

    def credentials(self, spec: AgentSpec) -> dict[str, str]:
        """The variables that this model needs, and no others."""
        names: tuple[str, ...] = ()
        if spec.provider is Provider.BEDROCK or spec.key_secret is not None:
            names = _AWS
        elif spec.provider in _KEYS:
            names = (_KEYS[spec.provider],)
        return {name: self.variables[name] for name in names if name in self.variables}
