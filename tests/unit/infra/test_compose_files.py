"""The compose files: one environment for all components, nothing of this machine mounted, each variable explained."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest
import yaml

from janitor.inspection.dockerfile.patterns import DockerIgnore
from janitor.inspection.dockerfile.stages import Copy, parse_dockerfile
from janitor.stack.airflow.config import (
    FILE_TIMEOUT,
    HEARTBEAT_TIMEOUT,
    IMPORT_TIMEOUT,
    MAX_MAP_LENGTH,
    ORPHAN_CHECK_INTERVAL,
    PARALLELISM,
)

ROOT = Path(__file__).resolve().parents[3]
FILES = {path.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docker-compose*.yaml"))}
MAIN = yaml.safe_load(FILES["docker-compose.yaml"])
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
AIRFLOW = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "janitor")
IMAGE = ROOT / "infra" / "docker" / "airflow"
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}")


@pytest.mark.parametrize("service", AIRFLOW)
def test_every_component_has_to_be_told_its_environment(service: str) -> None:
    environment = MAIN["services"][service]["environment"]
    assert environment["JANITOR_ENV"].startswith("${JANITOR_ENV:?")
    assert MAIN["services"][service]["env_file"].startswith("infra/env/${JANITOR_ENV:?")


@pytest.mark.parametrize("service", AIRFLOW)
def test_components_share_one_environment(service: str) -> None:
    shared = MAIN["x-airflow"]["environment"]
    environment = MAIN["services"][service]["environment"]
    assert {name: environment.get(name) for name in shared} == shared


def test_the_owner_of_the_schema_is_known_to_init_alone() -> None:
    having = {
        name
        for name, service in MAIN["services"].items()
        for variable in ("JANITOR_OWNER_DATABASE_URL", "POSTGRES_ADMIN_URL")
        if variable in service["environment"]
    }
    assert having == {"init"}


def test_no_folder_of_the_machine_is_mounted() -> None:
    named = set(MAIN["volumes"])
    mounted = [volume for service in MAIN["services"].values() for volume in service.get("volumes", ())]
    assert mounted
    assert {volume.split(":")[0] for volume in mounted} <= named


@pytest.mark.parametrize("service", [name for name in MAIN["services"] if name not in ("init", "janitor")])
def test_what_goes_on_running_is_asked_for_its_health(service: str) -> None:
    check = MAIN["services"][service]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= check.keys()
    assert MAIN["services"][service]["restart"] == "unless-stopped"


def test_components_wait_for_init() -> None:
    for service in ("api-server", "scheduler", "dag-processor", "triggerer"):
        assert MAIN["services"][service]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}
    # `extends` takes no service that depends on another.
    assert "depends_on" not in MAIN["services"]["worker"]


def test_profiles() -> None:
    profiles = {name: service["profiles"] for name, service in MAIN["services"].items() if "profiles" in service}
    assert profiles == {"redis": ["celery"], "worker": ["celery"], "janitor": ["cli"]}


def test_timings_are_the_local_stacks() -> None:
    environment = MAIN["x-airflow"]["environment"]
    heartbeat = HEARTBEAT_TIMEOUT.total_seconds()
    assert float(environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"]) == heartbeat
    orphans = ORPHAN_CHECK_INTERVAL.total_seconds()
    assert float(environment["AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL"]) == orphans
    assert float(environment["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"]) == IMPORT_TIMEOUT.total_seconds()
    assert float(environment["AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT"]) == FILE_TIMEOUT.total_seconds()
    assert int(environment["AIRFLOW__CORE__MAX_MAP_LENGTH"]) == MAX_MAP_LENGTH
    assert environment["AIRFLOW__CORE__PARALLELISM"] == f"${{AIRFLOW_PARALLELISM:-{PARALLELISM}}}"


@pytest.mark.parametrize("file", FILES)
def test_docker_compose_1_29_can_read_it(file: str) -> None:
    document = yaml.safe_load(FILES[file])
    # It knows no name at the top, takes a file without `version` for the present format, and only these two forms.
    assert set(document) <= {"x-airflow", "x-prepared", "services", "volumes"}
    for _, rest in _VARIABLE.findall(FILES[file]):
        assert not rest or rest.startswith((":-", ":?")), rest


def explained() -> set[str]:
    """The variables of .env.example that some comment stands above."""
    found, comment = set(), False
    for line in EXAMPLE.splitlines():
        name, is_set, _ = line.partition("=")
        if line.startswith("# ") and not line.startswith("# ----"):
            comment = True
        elif not line:
            comment = False
        elif is_set and comment:
            found.add(name)
    return found


def test_every_variable_is_explained() -> None:
    used = {name for text in FILES.values() for name, _ in _VARIABLE.findall(text)}
    listed = set(re.findall(r"^([A-Z][A-Z0-9_]*)=", EXAMPLE, flags=re.MULTILINE))
    assert used <= listed
    # The others are for `make image` and the shell.
    assert listed - used == {"AWS_PROFILE", "AWS_REGION", "ACCOUNT_ID"}
    images = {"POSTGRES_IMAGE", "REDIS_IMAGE"}
    assert explained() >= listed - images


@pytest.mark.parametrize("name", ["PASSWORD", "SECRET", "FERNET_KEY", "DATABASE_URL"])
def test_no_secret_has_a_default(name: str) -> None:
    for text in FILES.values():
        for variable, rest in _VARIABLE.findall(text):
            if name in variable and "AWS" not in variable:
                assert rest.startswith(":?") or rest == ":-", f"{variable}{rest}"


def test_other_machines_run_the_same_worker() -> None:
    worker = yaml.safe_load(FILES["docker-compose.worker.yaml"])["services"]["worker"]
    assert worker["extends"] == {"file": "docker-compose.yaml", "service": "worker"}
    assert all(value.startswith("${") and ":?" in value for value in worker["environment"].values())


def copied() -> list[str]:
    stages = parse_dockerfile((IMAGE / "Dockerfile").read_text(), build_args={}).stages
    steps = [step for stage in stages for step in stage.steps if isinstance(step, Copy) and step.from_ is None]
    return [source for step in steps for source in step.sources]


IGNORE = DockerIgnore((IMAGE / "Dockerfile.dockerignore").read_text())


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_is_in_the_context(source: str) -> None:
    path = ROOT / source
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.suffix in (".py", ".env", ".sql")]
    sent = [each for each in files if not IGNORE.excludes(PurePosixPath(each.relative_to(ROOT).as_posix()))]
    assert sent


@pytest.mark.parametrize(
    "file",
    ["infra/env/prod.override.env", ".env", ".git/config", ".local/stack.env", "infra/terraform/terraform.tfstate"],
)
def test_secrets_stay_outside_of_the_image(file: str) -> None:
    assert IGNORE.excludes(PurePosixPath(file))


@pytest.mark.parametrize(
    "file", ["dags/validate_workers.py", "plugins/janitor_pages.py", "infra/env/prod.env", "infra/prices.yaml"]
)
def test_what_components_read_is_in_the_image(file: str) -> None:
    assert (ROOT / file).exists()
    assert not IGNORE.excludes(PurePosixPath(file))
