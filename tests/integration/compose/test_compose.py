"""docker-compose.yaml on a real engine, from `up` to verdicts: on one machine, and with Celery workers on two.

The second machine is a project with a network of its own: it reaches the first by address and port alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.integration.compose.conftest import IMAGE, REPOSITORIES, Machine
from tests.support.compose import Airflow, Project, wait_until
from tests.support.ports import free_ports

pytestmark = [pytest.mark.docker, pytest.mark.timeout(3600)]

DAG = "validate_workers"
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
SETTLED = {"success", "failed"}
RUN_SECONDS = 1800


@pytest.fixture(scope="module")
def first(machine: Machine) -> Iterator[Project]:
    """The project of docker-compose.yaml, up with the LocalExecutor."""
    services = ("init", *COMPONENTS, "worker", "janitor")
    project = machine.project(
        *(f"{machine.network}-first", "docker-compose.yaml"),
        network=machine.network,
        services=services,
        WORKERS_API_PORT=str(free_ports(1)[0]),
    )
    try:
        project.call("up", "--detach")
        project.wait_healthy("postgres", *COMPONENTS)
        yield project
    finally:
        project.with_environment(COMPOSE_PROFILES="celery,cli").remove()


def airflow(project: Project) -> Airflow:
    values = project.environment
    url = f"http://127.0.0.1:{values['WEB_PORT']}"
    return Airflow(url, values["JANITOR_AIRFLOW_USERNAME"], values["JANITOR_AIRFLOW_PASSWORD"])


def start_run(api: Airflow, machine: Machine, **conf: str) -> str:
    wait_until(lambda: api.has_dag(DAG), 600, lambda: "the DAG processor hasn't read the DAG")
    return api.trigger(DAG, config_path=str(machine.config), **conf)


def await_run(api: Airflow, run_id: str, project: Project) -> str:
    def told() -> str:
        tasks = [(task["task_id"], task["map_index"], task["state"]) for task in api.tasks(DAG, run_id)]
        return f"{tasks}\n{project.logs()}"

    wait_until(lambda: api.state(DAG, run_id) in SETTLED, RUN_SECONDS, told)
    return api.state(DAG, run_id)


def instances(machine: Machine) -> list[dict[str, Any]]:
    """All that the cloud still knows of, ended ones too."""
    pages = machine.cloud.client("ec2").describe_instances()["Reservations"]
    return [instance for page in pages for instance in page["Instances"]]


def launched(machine: Machine, airflow_run: str, project: Project) -> list[dict[str, Any]]:
    """The instances of one run, by the tag that names it."""
    listed = project.call("run", "--rm", "-T", "janitor", "runs", "--json").stdout
    (run,) = [run for run in json.loads(listed)["runs"] if run["airflow_run_id"] == airflow_run]
    return [
        instance
        for instance in instances(machine)
        if {"Key": "janitor:run", "Value": run["run_id"]} in instance.get("Tags", [])
    ]


@pytest.mark.parametrize("profile", ["", "celery", "cli", "celery,cli"])
def test_config_is_read_with_each_profile(machine: Machine, profile: str) -> None:
    project = machine.project(f"{machine.network}-config", "docker-compose.yaml", network=None, services=())
    told = yaml.safe_load(project.with_environment(COMPOSE_PROFILES=profile).call("config").stdout)
    expected = {"postgres", "init", *COMPONENTS}
    expected |= {"redis", "worker"} if "celery" in profile else set()
    expected |= {"janitor"} if "cli" in profile else set()
    # 1.29 prints the others as well, and starts them as little.
    assert expected <= set(told["services"])
    for name in ("init", *COMPONENTS):
        assert told["services"][name]["environment"]["JANITOR_ENV"] == "local"


def test_config_of_the_other_files(machine: Machine) -> None:
    values = {"AIRFLOW_BROKER_URL": "redis://:x@10.0.0.5:6379/0", "PRIVATE_ADDRESS": "10.0.0.5"}
    worker = machine.project(
        f"{machine.network}-config", "docker-compose.worker.yaml", network=None, services=(), **values
    )
    told = yaml.safe_load(worker.call("config").stdout)["services"]["worker"]
    assert told["environment"]["AIRFLOW__CELERY__BROKER_URL"] == values["AIRFLOW_BROKER_URL"]
    assert told["environment"]["JANITOR_ENV"] == "local"
    assert told["image"] == IMAGE
    reachable = machine.project(
        *(f"{machine.network}-config", "docker-compose.yaml", "docker-compose.reachable.yaml"),
        network=None,
        services=(),
        **values,
    )
    told = yaml.safe_load(reachable.with_environment(COMPOSE_PROFILES="celery").call("config").stdout)["services"]
    assert all("10.0.0.5" in str(told[name]["ports"]) for name in ("postgres", "redis", "api-server"))


@pytest.mark.parametrize("lacking", ["JANITOR_ENV", "JANITOR_DATABASE_URL", "AIRFLOW_FERNET_KEY", "POSTGRES_PASSWORD"])
def test_without_a_value_nothing_starts(machine: Machine, lacking: str) -> None:
    project = machine.project(f"{machine.network}-config", "docker-compose.yaml", network=None, services=())
    done = project.with_environment(**{lacking: ""}).call("config", check=False)
    assert done.returncode != 0
    assert lacking in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["scheduler"], {}, "JANITOR_ENV is not set in this container"),
        (["triggerer"], {"JANITOR_ENV": "nowhere"}, "this image has no infra/env/nowhere.env"),
        (["celery", "worker"], {"JANITOR_ENV": "dev"}, "a Celery worker is of no use to LocalExecutor"),
    ],
)
def test_a_component_that_does_not_belong_refuses_to_start(
    machine: Machine, words: list[str], environment: dict[str, str], said: str
) -> None:
    options = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    done = machine.docker.call("run", "--rm", "--network", "none", *options, IMAGE, *words)
    assert done.returncode == 3
    assert said in done.stderr


def test_the_image_holds_no_secret_and_no_writable_code(machine: Machine) -> None:
    script = "id -u; ls -a /opt/airflow/janitor/infra/env; touch /opt/airflow/janitor/include/x 2>&1; true"
    done = machine.docker.call(
        "run", "--rm", "--network", "none", "--env", "JANITOR_ENV=dev", IMAGE, "bash", "-c", script
    )
    assert done.stdout.splitlines()[0] == "50000"
    assert "override" not in done.stdout
    assert ".env\n" in done.stdout
    assert "Permission denied" in done.stdout


def test_a_run_on_one_machine(machine: Machine, first: Project) -> None:
    api = airflow(first)
    run_id = start_run(api, machine)
    assert await_run(api, run_id, first) == "success"
    assert all(state == "terminated" for state in (each["State"]["Name"] for each in instances(machine)))
    assert len(launched(machine, run_id, first)) == REPOSITORIES
    api.close()


def test_up_again_changes_nothing(first: Project) -> None:
    before = {service: first.containers(service) for service in COMPONENTS}
    first.call("up", "--detach")
    first.wait_healthy(*COMPONENTS)
    assert {service: first.containers(service) for service in COMPONENTS} == before
    (init,) = first.containers("init")
    assert first.state(init)["ExitCode"] == 0


@pytest.fixture(scope="module")
def with_workers(machine: Machine, first: Project) -> Iterator[tuple[Project, Project]]:
    """The same deployment with the CeleryExecutor: a worker beside it, and one on another machine."""
    changes = {"AIRFLOW_EXECUTOR": "CeleryExecutor", "PRIVATE_ADDRESS": machine.gateway, "WORKER_CONCURRENCY": "4"}
    here = Project(
        first.command,
        first.docker,
        first.name,
        [*first.files[:1], first.files[0].with_name("docker-compose.reachable.yaml"), *first.files[1:]],
        {**first.environment, **changes, "COMPOSE_PROFILES": "celery"},
    )
    elsewhere = dict(here.environment)
    for name in ("AIRFLOW_DATABASE_URL", "AIRFLOW_BROKER_URL", "JANITOR_DATABASE_URL", "JANITOR_READER_DATABASE_URL"):
        elsewhere[name] = elsewhere[name].replace("@postgres:", f"@{machine.gateway}:")
        elsewhere[name] = elsewhere[name].replace("@redis:", f"@{machine.gateway}:")
    elsewhere["AIRFLOW_EXECUTION_API_URL"] = f"http://{machine.gateway}:{elsewhere['WORKERS_API_PORT']}/execution/"
    there = machine.project(
        *(f"{machine.network}-second", "docker-compose.worker.yaml"),
        network=None,
        services=("worker",),
        state=machine.state_with_database_at(f"{machine.gateway}:5432", "elsewhere"),
    ).with_environment(**elsewhere)
    try:
        # With what has to be kept in its volumes; the network of the test isn't the project's to remove.
        first.call("down", "--timeout", "10")
        here.call("up", "--detach")
        there.call("up", "--detach", "worker")
        # The workers show that they are well by what they execute.
        here.wait_healthy("postgres", "redis", *COMPONENTS)
        yield here, there
    finally:
        there.remove()


def test_two_workers_execute_one_run_and_the_end_of_one_costs_nothing(
    machine: Machine, with_workers: tuple[Project, Project]
) -> None:
    here, there = with_workers
    api = airflow(here)
    run_id = start_run(api, machine)

    def at_work(project: Project) -> list[dict[str, Any]]:
        hosts = {each[:12] for each in project.containers("worker")}
        return [task for task in api.tasks(DAG, run_id) if (task["hostname"] or "").split(".")[0] in hosts]

    def in_the_middle() -> bool:
        """The other machine's worker validates."""
        return any(task["state"] == "running" and task["task_id"].endswith(".validate") for task in at_work(there))

    wait_until(in_the_middle, 900, lambda: f"{api.tasks(DAG, run_id)}\n{there.logs()}")
    (lost,) = there.containers("worker")
    there.ask("kill", "--signal", "KILL", lost)
    assert there.state(lost)["Running"] is False

    assert await_run(api, run_id, here) == "success"
    assert at_work(here)
    done = Counter(task["task_id"] for task in api.tasks(DAG, run_id) if task["state"] == "success")
    for name in ("launch", "validate", "record", "terminate"):
        assert done[f"validate_repository.{name}"] == REPOSITORIES
    # No second instance for any repository, and none left.
    mine = launched(machine, run_id, here)
    assert len(mine) == REPOSITORIES
    assert {each["State"]["Name"] for each in instances(machine)} == {"terminated"}
    tries = {task["try_number"] for task in api.tasks(DAG, run_id) if task["task_id"].endswith(".validate")}
    assert max(tries) >= 2, "nothing was lost with the worker: the kill came too late to prove anything"
    api.close()
