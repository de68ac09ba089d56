"""`docker-compose up --scale postgres=0`: the databases are on a server of their own, whose master is no superuser."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.integration.compose.conftest import Machine
from tests.integration.compose.test_compose import COMPONENTS, airflow, await_run, start_run
from tests.support.compose import wait_until
from tests.support.compose_images import POSTGRES
from tests.support.ports import free_ports

pytestmark = [pytest.mark.docker, pytest.mark.timeout(3600)]

MASTER = "master"
_URLS = ("AIRFLOW_DATABASE_URL", "JANITOR_DATABASE_URL", "JANITOR_READER_DATABASE_URL", "JANITOR_OWNER_DATABASE_URL")


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that isn't compose's."""

    address: str
    master_url: str


@pytest.fixture
def server(machine: Machine) -> Iterator[Server]:
    name, port, secret = f"{machine.network}-outside", free_ports(1)[0], secrets.token_urlsafe(16)
    engine = machine.docker
    started = engine.call(
        *("run", "--detach", "--name", name, "--network", machine.network),
        *("--publish", f"{machine.gateway}:{port}:5432", "--env", f"POSTGRES_PASSWORD={secret}", POSTGRES),
    )
    assert started.returncode == 0, started.stderr

    def asked(statement: str) -> str:
        ask = ("psql", "--username=postgres", "--no-align", "--tuples-only", "--command", statement)
        done = engine.call("exec", "--env", f"PGPASSWORD={secret}", name, *ask)
        return done.stdout if done.returncode == 0 else f"refused: {done.stderr}"

    try:
        wait_until(lambda: asked("select 'up'") == "up\n", 120, lambda: asked("select 'up'"))
        # As RDS's: it may make roles and databases, and is no superuser.
        made = asked(f"create role {MASTER} login createrole createdb password '{secret}'")
        assert "refused" not in made, made
        address = f"{machine.gateway}:{port}"
        yield Server(address, f"postgresql://{MASTER}:{secret}@{address}/postgres")
    finally:
        engine.call("rm", "--force", "--volumes", name)


def test_a_run_with_a_database_elsewhere(machine: Machine, server: Server) -> None:
    project = machine.project(
        *(f"{machine.network}-apart", "docker-compose.yaml"),
        network=None,
        services=("init", *COMPONENTS, "janitor"),
        state=machine.state_with_database_at(server.address, "apart"),
        WEB_PORT=str(free_ports(1)[0]),
        POSTGRES_ADMIN_URL=server.master_url,
        **{name: machine.values[name].replace("@postgres:5432", f"@{server.address}") for name in _URLS},
    )
    try:
        project.call("up", "--detach", "--scale", "postgres=0")
        project.wait_healthy(*COMPONENTS)
        assert project.containers("postgres") == []
        api = airflow(project)
        run_id = start_run(api, machine, repository="worker-1")
        assert await_run(api, run_id, project) == "success"
        api.close()
        told = json.loads(project.call("run", "--rm", "-T", "janitor", "runs", "--json").stdout)
        assert [run["airflow_run_id"] for run in told["runs"]] == [run_id]
    finally:
        project.with_environment(COMPOSE_PROFILES="celery,cli").remove()
