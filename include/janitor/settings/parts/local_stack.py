"""The local stack's ports: preferred ones until it runs, the real ones afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Port, Seconds, Variable


class LocalStackSettings(DeploymentSettings):
    """Ports, and how long a start may take."""

    web_port: Annotated[Port, Variable("JANITOR_WEB_PORT")] = 8080
    postgres_port: Annotated[Port, Variable("JANITOR_POSTGRES_PORT")] = 25_432
    cloud_port: Annotated[Port, Variable("JANITOR_CLOUD_PORT")] = 25_566
    supervisor_port: Annotated[Port, Variable("JANITOR_SUPERVISOR_PORT")] = 25_567
    start_timeout: Annotated[Seconds, Variable("JANITOR_START_TIMEOUT_SECONDS")] = timedelta(seconds=240)
    """How long `up` may take until every component is healthy."""
    needed_disk_gib: Annotated[
        float, Variable("JANITOR_NEEDED_DISK_GIB"), Field(ge=0, le=1_000_000, allow_inf_nan=False)
    ] = 3
    """What must be free where the stack lives: workers install their packages there."""
