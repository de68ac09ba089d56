"""How a validation is made and waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from janitor.protocol.statuses import EngineChoice
from janitor.settings.deployment import DeploymentSettings
from janitor.settings.variables import Seconds, Variable


class ValidationSettings(DeploymentSettings):
    """Engine and waiting."""

    engine: Annotated[EngineChoice, Variable("JANITOR_ENGINE")] = EngineChoice.AUTO
    poll_interval: Annotated[Seconds, Variable("JANITOR_POLL_INTERVAL_SECONDS")] = timedelta(seconds=15)
    """Pause between two looks at commands and instances."""
    worker_wait: Annotated[Seconds, Variable("JANITOR_WORKER_WAIT_SECONDS")] = timedelta(seconds=20)
    """How long `validate` waits in its worker before it defers."""
    place_wait: Annotated[Seconds, Variable("JANITOR_PLACE_WAIT_SECONDS")] = timedelta(seconds=5)
    """How long `launch` waits in its worker for a free place before it defers."""
    online_timeout: Annotated[Seconds, Variable("JANITOR_ONLINE_TIMEOUT_SECONDS")] = timedelta(seconds=300)
    """How long an instance may take from launch until SSM reaches it."""
