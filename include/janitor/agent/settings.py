"""The one place where the agent's process reads its environment, which its parent has chosen by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

_DOCKER = ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """What the agent takes from its machine."""

    path: str = _DEFAULT_PATH
    """Search path for docker, unshare and the like."""
    temporary: str = "/tmp"  # noqa: S108  # a private folder is made in it
    region: str | None = None
    """AWS region, where the order names none."""
    anthropic_key: str | None = field(default=None, repr=False)
    openai_key: str | None = field(default=None, repr=False)
    docker: Mapping[str, str] = field(default_factory=dict)
    """How to reach the Docker engine; for the docker command."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> AgentSettings:
        """Read the settings.

        Args:
            environ: Instead of the process's environment.
        """
        env = os.environ if environ is None else environ
        return cls(
            path=env.get("PATH") or _DEFAULT_PATH,
            temporary=env.get("TMPDIR") or "/tmp",  # noqa: S108  # the container's own
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or None,
            anthropic_key=env.get("ANTHROPIC_API_KEY") or None,
            openai_key=env.get("OPENAI_API_KEY") or None,
            docker={name: env[name] for name in _DOCKER if name in env},
        )
