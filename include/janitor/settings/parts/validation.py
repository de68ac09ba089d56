"""How a validation is made and waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import ValidationInfo, field_validator

from janitor.domain.config.fields import SecretName
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import EngineChoice
from janitor.settings.parts.deployment import DeploymentSettings, StackKind
from janitor.settings.variables import Seconds, Variable, WaitSeconds


class ValidationSettings(DeploymentSettings):
    """Engine and waiting."""

    engine: Annotated[EngineChoice, Variable("JANITOR_ENGINE")] = EngineChoice.DOCKER
    """What a repository is built and run in. Only an embedded stack may do without containers."""
    required_proof: Annotated[ProofLevel, Variable("JANITOR_REQUIRED_PROOF")] = ProofLevel.IMAGE
    """How far a success must be proved, where a config doesn't say."""
    registry_secret: Annotated[SecretName | None, Variable("JANITOR_REGISTRY_SECRET")] = None
    """NAME in Secrets Manager, below the deployment's prefix, of Docker Hub's login `user:token` for pulls."""
    poll_interval: Annotated[Seconds, Variable("JANITOR_POLL_INTERVAL_SECONDS")] = timedelta(seconds=15)
    """Pause between two looks at commands and instances."""
    worker_wait: Annotated[Seconds, Variable("JANITOR_WORKER_WAIT_SECONDS")] = timedelta(seconds=20)
    """How long `validate` waits in its worker before it defers."""
    place_wait: Annotated[Seconds, Variable("JANITOR_PLACE_WAIT_SECONDS")] = timedelta(seconds=5)
    """How long `launch` waits in its worker for a free place before it defers."""
    online_timeout: Annotated[Seconds, Variable("JANITOR_ONLINE_TIMEOUT_SECONDS")] = timedelta(seconds=300)
    """How long an instance may take from launch until SSM reaches it."""
    sign_timeout: Annotated[WaitSeconds, Variable("JANITOR_SIGN_TIMEOUT_SECONDS")] = timedelta(seconds=180)
    """How long a command may take from SendCommand until its first sign of life."""

    cache_directory: Annotated[str | None, Variable("JANITOR_CACHE_DIRECTORY")] = None
    """Where a sequential run's instance has the cache volume, from its home; None: its packages aren't kept there."""

    @field_validator("engine")
    @classmethod
    def _contained_outside_the_embedded_stack(cls, engine: EngineChoice, info: ValidationInfo) -> EngineChoice:
        """Refuse an engine that would run repositories as the validator's user on a machine with a cloud's rights."""
        stack = info.data.get("stack", StackKind.EXTERNAL)
        if engine is not EngineChoice.DOCKER and stack is not StackKind.EMBEDDED:
            raise ValueError(
                f"{engine.value} is for the embedded stack alone, as it can run a repository without a container; "
                "say docker, and install Docker in the image of the instances"
            )
        return engine
