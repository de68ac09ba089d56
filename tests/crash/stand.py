"""A whole stack on which cells are tried, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from psycopg.rows import dict_row

from janitor.domain.states import RunKind
from janitor.settings import Settings
from janitor.stack import stack
from janitor.stack.components import AIRFLOW, Component
from janitor.stack.environment import base_environment
from janitor.stack.state.layout import Layout
from janitor.stack.state.secrets import read_secrets
from janitor.stack.state.stack_env import current_ports
from janitor.stack.supervisor.client import Supervisor, launch_supervisord
from tests.crash.observer import aws_client
from tests.crash.waiting import NotInTimeError, await_it
from tests.support.runs import Runs
from tests.support.stack import airflow_client

SHORT_SETTINGS: Mapping[str, str] = {
    "JANITOR_REAP_INTERVAL_SECONDS": "10",
    "JANITOR_CONSISTENCY_SECONDS": "5",
    "JANITOR_WORKER_WAIT_SECONDS": "4",
    "JANITOR_ONLINE_TIMEOUT_SECONDS": "20",
    "JANITOR_SIGN_TIMEOUT_SECONDS": "25",
    # A loaded machine takes minutes to start Airflow; that is not what is tried here.
    "JANITOR_START_TIMEOUT_SECONDS": "900",
    # Launches fail on purpose here, one cell after the other.
    "JANITOR_BREAKER_REPOSITORY_FAILURES": "1000",
    "JANITOR_BREAKER_DEPLOYMENT_FAILURES": "1000",
}
"""Settings of a stack for cells: everything that is waited for is short."""
_HEALTHY_WITHIN = timedelta(seconds=90)
_TIMEOUT_SECONDS = 30


class FaultUnknownError(Exception):
    """The local cloud doesn't know this fault."""


class Stand:
    """The stack, and the ways to look at it and to disturb it that don't go through the product."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.kind = RunKind.PARALLEL
        """Of the runs that are tried now."""
        self.runs = Runs(settings)

    @property
    def layout(self) -> Layout:
        """Where the stack's files are."""
        return Layout.of(self.settings)

    # Postgres

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """A connection of the tables' owner, with the product's schema; commits at the end."""
        with psycopg.connect(
            self.settings.owner_url,
            row_factory=dict_row,
            connect_timeout=5,
            options="-c search_path=janitor,pg_catalog -c statement_timeout=20000 -c timezone=UTC",
        ) as connection:
            yield connection

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of one query."""
        with self.database() as connection:
            return connection.execute(statement, values).fetchall()

    # Airflow

    def airflow(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One call of Airflow's REST API; `path` follows the DAG's. Raises httpx.HTTPError, also for a refusal."""
        with airflow_client(self.settings) as client:
            answer = client.request(method, f"/api/v2/dags/{self.settings.dag_id_of(self.kind)}{path}", json=body)
            if answer.is_error:
                raise httpx.HTTPStatusError(
                    f"{method} {path}: {answer.status_code} {answer.text[:300]}",
                    request=answer.request,
                    response=answer,
                )
            return answer

    # Local cloud

    def set_faults(self, *rules: Mapping[str, Any]) -> None:
        """Put these faults in force instead of all others; none clears them.

        Raises:
            FaultUnknownError: The local cloud has no such fault.
        """
        self.tell_cloud("faults", list(rules))

    def tell_cloud(self, what: str, order: Any) -> None:
        """POST to one of the local cloud's own endpoints."""
        secret = self.settings.aws_secret_access_key
        assert self.settings.aws_access_key_id is not None
        assert secret is not None
        url = f"{self.settings.aws_endpoint_url}/_localcloud/{what}"
        request = AWSRequest(method="POST", url=url, data=json.dumps(order).encode())
        credentials = Credentials(self.settings.aws_access_key_id, secret.get_secret_value())
        SigV4Auth(credentials, "localcloud", self.settings.region).add_auth(request)
        answer = httpx.post(
            url, content=request.data, headers=dict(request.headers), timeout=_TIMEOUT_SECONDS, trust_env=False
        )
        if answer.status_code in (400, 404):
            raise FaultUnknownError(f"the local cloud refused {order!r}: {answer.text[:300]}")
        answer.raise_for_status()

    def end_instances(self, instance_ids: list[str]) -> None:
        """Terminate instances as somebody else would, who knows nothing of the product; those that are gone too."""
        ec2 = aws_client(self.settings, "ec2")
        for instance_id in instance_ids:
            try:
                ec2.terminate_instances(InstanceIds=[instance_id])
            except ClientError as exc:
                if exc.response["Error"]["Code"] != "InvalidInstanceID.NotFound":
                    raise

    def cloud_pid(self) -> int:
        """The process of the local cloud."""
        url = f"{self.settings.aws_endpoint_url}/_localcloud/health"
        return int(httpx.get(url, timeout=_TIMEOUT_SECONDS, trust_env=False).json()["pid"])

    def calls_of(self, action: str) -> int | None:
        """How often an API was called, for example `ec2:RunInstances`; None where the local cloud doesn't count."""
        answer = httpx.get(
            f"{self.settings.aws_endpoint_url}/_localcloud/health", timeout=_TIMEOUT_SECONDS, trust_env=False
        ).json()
        counts: dict[str, int] | None = answer.get("calls_by_action")
        return None if counts is None else counts.get(action, 0)

    # The stack

    def ailing(self) -> dict[str, str]:
        """The components that aren't healthy, with what is wrong."""
        components = stack.status(self.settings).components
        return {one.component.value: one.problem for one in components if one.problem is not None}

    def await_health(self) -> str | None:
        """Wait until every component is healthy; where one doesn't become so, start the stack anew and say why."""
        ailing: dict[str, str] = {}

        def healthy() -> bool | None:
            nonlocal ailing
            ailing = self.ailing()
            return None if ailing else True

        try:
            await_it(healthy, within=_HEALTHY_WITHIN, what="a healthy stack", every=timedelta(seconds=0.5))
        except NotInTimeError as exc:
            self.restart()
            return f"the stack did not heal by itself and was started anew: {ailing or exc}"
        return None

    def revive(self) -> None:
        """Start everything but the local cloud, which has lived on: somebody switches the machine on again."""
        layout = self.layout
        ports, secrets = current_ports(layout), read_secrets(layout)
        assert ports is not None
        assert secrets is not None
        launch_supervisord(
            layout.supervisor / "supervisord.conf",
            base_environment(self.settings, layout),
            layout.log_of("supervisord-start"),
        )
        supervisor = Supervisor(identifier=layout.stack_id, port=ports.supervisor, password=secrets.supervisor_password)
        for component in (Component.POSTGRES, *AIRFLOW):
            supervisor.start(component.value)
        await_it(
            lambda: not (self.ailing().keys() - {Component.CLOUD.value}) or None,
            within=_HEALTHY_WITHIN,
            what="the stack's second life",
            every=timedelta(seconds=0.5),
        )

    def restart(self, progress: Callable[[str], None] = lambda line: None) -> None:
        """End what is left of the stack and start it."""
        stack.down(self.settings, progress=progress)
        self.settings = stack.up(self.settings, progress=progress)
        self.runs = Runs(self.settings)
