"""What keeps costs within bounds: the killers, the prices, the breaker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Seconds, Variable

DEFAULT_REAP_INTERVAL = timedelta(minutes=5)


class CostSafetySettings(DeploymentSettings):
    """Reaper, external killers, prices, breaker."""

    reap_interval: Annotated[Seconds, Variable("JANITOR_REAP_INTERVAL_SECONDS")] = DEFAULT_REAP_INTERVAL
    """Pause between two passes of the reaper; no instance outlives its expiry by more."""
    schedule_group: Annotated[str | None, Variable("JANITOR_SCHEDULE_GROUP")] = None
    """EventBridge Scheduler group of the external timers; None: there are none."""
    scheduler_role_arn: Annotated[str | None, Variable("JANITOR_SCHEDULER_ROLE_ARN")] = None
    """Role with which EventBridge Scheduler terminates instances."""
    reaper_function: Annotated[str | None, Variable("JANITOR_REAPER_FUNCTION")] = None
    """Name of the reaper's Lambda function; None: there is none."""
    prices_file: Annotated[Path, Variable("JANITOR_PRICES_FILE")]
    """Prices of instance types and volumes, in USD."""
    volume_gib: Annotated[int, Field(ge=1, le=16_384), Variable("JANITOR_VOLUME_GIB")] = 100
    """Size of an instance's root volume, for its cost."""
    breaker_repository_failures: Annotated[int, Field(ge=1), Variable("JANITOR_BREAKER_REPOSITORY_FAILURES")] = 3
    """After how many failed launches in a row of one repository its launches pause."""
    breaker_deployment_failures: Annotated[int, Field(ge=1), Variable("JANITOR_BREAKER_DEPLOYMENT_FAILURES")] = 10
    """After how many failed launches in a row of the whole deployment all launches pause."""
    breaker_pause: Annotated[Seconds, Variable("JANITOR_BREAKER_PAUSE_SECONDS")] = timedelta(minutes=15)
    """How long launches pause after the last failure."""
