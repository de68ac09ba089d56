"""The local stack's ports: preferred ones until it runs, the real ones afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from janitor.settings.deployment import DeploymentSettings
from janitor.settings.variables import Port, Seconds, Variable


class LocalStackSettings(DeploymentSettings):
    """Ports, and how long a start may take."""

    web_port: Annotated[Port, Variable("JANITOR_WEB_PORT")] = 8080
    postgres_port: Annotated[Port, Variable("JANITOR_POSTGRES_PORT")] = 25_432
    cloud_port: Annotated[Port, Variable("JANITOR_CLOUD_PORT")] = 25_566
    supervisor_port: Annotated[Port, Variable("JANITOR_SUPERVISOR_PORT")] = 25_567
    start_timeout: Annotated[Seconds, Variable("JANITOR_START_TIMEOUT_SECONDS")] = timedelta(seconds=240)
    """How long `up` may take until every component is healthy."""
