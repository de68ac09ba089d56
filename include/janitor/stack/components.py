"""The components of a stack, and the programs that run them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum

from janitor.settings import Settings
from janitor.stack.airflow.config import write_airflow_home
from janitor.stack.environment import airflow_environment, python_environment
from janitor.stack.postgres.server import EmbeddedPostgres
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import Ports
from janitor.stack.state.private_files import write_private
from janitor.stack.state.secrets import StackSecrets, cloud_key_file
from janitor.stack.supervisor.config import Program, SupervisorOptions, render_supervisor_config


class Component(str, Enum):
    """The components, in the order in which they start; the value is the program's and the log's name."""

    POSTGRES = "postgres"
    CLOUD = "cloud"
    API_SERVER = "api-server"
    SCHEDULER = "scheduler"
    DAG_PROCESSOR = "dag-processor"
    TRIGGERER = "triggerer"

    @property
    def label(self) -> str:
        """What people call it."""
        return _TITLES[self]

    def port(self, ports: Ports) -> int | None:
        """Return the port that it listens on, if any."""
        return {Component.POSTGRES: ports.postgres, Component.CLOUD: ports.cloud, Component.API_SERVER: ports.web}.get(
            self
        )


_TITLES = {
    Component.POSTGRES: "PostgreSQL",
    Component.CLOUD: "local cloud",
    Component.API_SERVER: "Airflow API server",
    Component.SCHEDULER: "Airflow scheduler",
    Component.DAG_PROCESSOR: "Airflow DAG processor",
    Component.TRIGGERER: "Airflow triggerer",
}
AIRFLOW = (Component.API_SERVER, Component.SCHEDULER, Component.DAG_PROCESSOR, Component.TRIGGERER)

_AIRFLOW_ARGUMENTS: dict[Component, Sequence[str]] = {
    Component.API_SERVER: (),
    # The log servers would listen on every interface.
    Component.SCHEDULER: ("--skip-serve-logs",),
    Component.DAG_PROCESSOR: (),
    Component.TRIGGERER: ("--skip-serve-logs",),
}


def write_configuration(
    settings: Settings, layout: Layout, ports: Ports, secrets: StackSecrets, postgres: EmbeddedPostgres
) -> None:
    """Write the configuration of supervisord and of Airflow.

    Raises:
        StackError: PostgreSQL can't be run here, or a path can't be written in supervisord's format.
    """
    write_airflow_home(settings, layout, ports, secrets)
    options = SupervisorOptions(
        identifier=layout.stack_id,
        port=ports.supervisor,
        password=secrets.supervisor_password,
        folder=layout.supervisor,
        log=layout.log_of("supervisord"),
        as_root=os.geteuid() == 0,
    )
    programs = _programs(settings, layout, ports, secrets, postgres)
    write_private(layout.supervisor / "supervisord.conf", render_supervisor_config(options, programs))


def _programs(
    settings: Settings, layout: Layout, ports: Ports, secrets: StackSecrets, postgres: EmbeddedPostgres
) -> list[Program]:
    python = sys.executable
    airflow = airflow_environment(settings, layout, ports, secrets)
    programs = [
        Program(
            name=Component.POSTGRES.value,
            command=postgres.command,
            directory=layout.postgres,
            log=layout.log_of(Component.POSTGRES.value),
            stop_signal="INT",  # "fast shutdown": doesn't wait for clients
            stop_wait=timedelta(seconds=30),
        ),
        Program(
            name=Component.CLOUD.value,
            command=(
                *(python, "-m", "localcloud", "serve"),
                *("--home", str(layout.cloud)),
                *("--port", str(ports.cloud)),
                *("--key-file", str(cloud_key_file(layout))),
                *("--region", settings.region),
                # Boxes run what a repository brings: it has no business with passwords, keys and other boxes.
                *("--hide", str(layout.state_dir), "--show", str(layout.repositories)),
                *("--secrets-file", str(layout.secrets_file), "--secrets-prefix", settings.secret_store.prefix),
                *("--channels-prefix", settings.news_secrets_prefix),
            ),
            directory=layout.cloud,
            log=layout.log_of(Component.CLOUD.value),
            environment=python_environment(settings),
            stop_wait=timedelta(seconds=15),
        ),
    ]
    programs += [
        Program(
            name=component.value,
            command=(python, "-m", "airflow", component.value, *_AIRFLOW_ARGUMENTS[component]),
            directory=layout.airflow_home,
            log=layout.log_of(component.value),
            environment=airflow,
            # A scheduler with running tasks would wait for their end. Tasks can be run again, and will be.
            stop_wait=timedelta(seconds=4),
            # Airflow forks; each child ends on its own SIGTERM, and none waits for its parent's word.
            stop_as_group=True,
        )
        for component in AIRFLOW
    ]
    return programs
