"""An engine with the images of the compose files, and the local cloud where containers reach it."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from janitor.settings import Settings, load_settings
from janitor.stack.example_repositories import ensure_example_repositories
from janitor.stack.provision.foundation import ensure_foundation
from janitor.stack.provision.killers import ensure_killers

# The engine that the tests of the validator use.
from tests.integration.validator.conftest import DockerHost, docker_host  # noqa: F401  # a fixture
from tests.support.compose import Project, compose_command, drawn_dotenv
from tests.support.compose_images import AIRFLOW_BASE, POSTGRES, REDIS, build_options, make_bases
from tests.support.docker_images import NoImageError
from tests.support.localcloud_server import LocalCloudServer
from tests.support.ports import free_ports

ROOT = Path(__file__).resolve().parents[3]
IMAGE = "janitor-test/airflow:latest"
REPOSITORIES = 4
CONFIG = """\
default_timeout_minutes: 10
max_concurrent_instances: 4
grace_minutes: 0.5
repositories:
"""
ENTRY = """\
  - name: {name}
    organization: janitor-examples
    url: file://{{state_dir}}/repositories/{name}.git
    prompt: "validate the repo and see if its still working"
    gpu_required: false
"""


@pytest.fixture(scope="session")
def compose(docker_host: DockerHost) -> list[str]:  # noqa: F811  # the fixture that is imported
    """The compose command; the tests skip by name where there is none."""
    found = compose_command(os.environ)
    if found is None:
        pytest.skip("neither `docker compose` nor docker-compose is installed (Debian: apt-get install docker-compose)")
    return found


@pytest.fixture(scope="session")
def image(docker_host: DockerHost) -> str:  # noqa: F811
    """The Airflow image, built as `make image` does, on a base made here."""
    environment = {**os.environ, **docker_host.environment}
    try:
        make_bases(docker_host.program, environment)
    except NoImageError as exc:
        pytest.skip(f"no base image: {exc}")
    done = subprocess.run(
        ["infra/docker/build_airflow.sh", "--progress=plain", "--network=host"],
        cwd=ROOT,
        env={**environment, "AIRFLOW_IMAGE": IMAGE, "AIRFLOW_BASE": AIRFLOW_BASE},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "--network=host" in build_options(environment)
    return IMAGE


@dataclass(frozen=True)
class Machine:
    """What the deployment runs on: an engine, a network, and a cloud that its containers reach."""

    docker: DockerHost
    compose: list[str]
    network: str
    gateway: str
    cloud: LocalCloudServer
    settings: Settings
    values: dict[str, str]
    """Of .env."""
    folder: Path

    @property
    def state_dir(self) -> Path:
        """Where the local cloud's part of the settings is; the containers have it at the same path."""
        return self.settings.state_dir

    @property
    def config(self) -> Path:
        """The workers config."""
        return self.state_dir / "workers.yaml"

    def state_with_database_at(self, address: str, name: str) -> Path:
        """The same settings for a machine that reaches the database by another address; in a folder of that name."""
        folder = self.folder / name
        folder.mkdir(mode=0o755)
        for file in (self.state_dir / "stack.env", self.config):
            shutil.copy(file, folder)
        text = (folder / "stack.env").read_text()
        (folder / "stack.env").write_text(text.replace("@postgres:5432", f"@{address}"))
        return folder

    def project(
        self,
        name: str,
        *files: str,
        network: str | None,
        services: tuple[str, ...],
        state: Path | None = None,
        **values: str,
    ) -> Project:
        """A compose project of these files.

        Args:
            name: Its name.
            files: Compose files of the checkout.
            network: A network that is there already; None for one of its own.
            services: Those that get the settings of the local cloud.
            state: What they find in the place of `state_dir`.
            values: Of .env, in addition.
        """
        extra: dict[str, object] = {
            "services": {
                service: {
                    "volumes": [f"{state or self.state_dir}:{self.state_dir}:ro"],
                    "environment": {
                        "JANITOR_STATE_DIR": str(self.state_dir),
                        # The machine may be busy.
                        "JANITOR_SIGN_TIMEOUT_SECONDS": "300",
                        "JANITOR_ONLINE_TIMEOUT_SECONDS": "300",
                        # A pass takes a share of the machine that tasks want.
                        "JANITOR_REAP_INTERVAL_SECONDS": "300",
                        # Three minutes otherwise, which a test need not wait for.
                        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
                    },
                }
                for service in services
            }
        }
        if network is not None:
            extra["networks"] = {"default": {"external": True, "name": network}}
        override = self.folder / f"{name}.override.yaml"
        override.write_text(yaml.safe_dump(extra))
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("JANITOR_", "AIRFLOW", "AWS_"))},
            **self.docker.environment,
            **self.values,
            **values,
        }
        # An empty file: the values come by the environment, whatever .env the checkout has.
        (self.folder / "empty.env").touch()
        # 1.29 takes a file without services for the oldest format.
        paths = [*(ROOT / file for file in files), *([override] if services else [])]
        command = [*self.compose, "--env-file", str(self.folder / "empty.env")]
        return Project(command, self.docker.program, name, paths, environment)


@pytest.fixture(scope="session")
def machine(
    docker_host: DockerHost,  # noqa: F811
    compose: list[str],
    image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Machine]:
    """A network whose gateway the local cloud listens on, so that boxes and containers reach it by one address."""
    folder = tmp_path_factory.mktemp("compose")
    mark = uuid.uuid4().hex[:8]
    network = f"janitor-test-{mark}"
    assert docker_host.call("network", "create", network).returncode == 0
    try:
        shape = "{{(index .IPAM.Config 0).Gateway}}"
        gateway = docker_host.call("network", "inspect", "--format", shape, network).stdout.strip()
        assert gateway
        with LocalCloudServer(folder / "cloud", address=gateway) as cloud:
            values = drawn_dotenv(folder / "dotenv") | {
                "JANITOR_ENV": "local",
                "JANITOR_AIRFLOW_IMAGE": image,
                "POSTGRES_IMAGE": POSTGRES,
                "REDIS_IMAGE": REDIS,
                "WEB_PORT": str(free_ports(1)[0]),
            }
            settings = _settings(folder / "state", values, cloud, f"compose-{mark}")
            _write_config(settings)
            ensure_foundation(settings)
            ensure_killers(settings)
            yield Machine(docker_host, compose, network, gateway, cloud, settings, values, folder)
    finally:
        docker_host.call("network", "rm", network)


def _settings(state_dir: Path, values: dict[str, str], cloud: LocalCloudServer, deployment: str) -> Settings:
    """Settings of an embedded stack whose parts are the containers and the local cloud.

    Only such a one may validate in Python environments, and the local cloud's boxes can do nothing else.
    """
    state_dir.mkdir(mode=0o755)
    names = ("JANITOR_DATABASE_URL", "JANITOR_READER_DATABASE_URL", "JANITOR_OWNER_DATABASE_URL")
    written = {
        "JANITOR_DEPLOYMENT": deployment,
        **{name: values[name] for name in names},
        "JANITOR_AIRFLOW_URL": "http://api-server:8080",
        "JANITOR_AIRFLOW_USERNAME": values["JANITOR_AIRFLOW_USERNAME"],
        "JANITOR_AIRFLOW_PASSWORD": values["JANITOR_AIRFLOW_PASSWORD"],
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": cloud.access_key_id,
        "AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
    }
    file = state_dir / "stack.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in written.items()))
    file.chmod(0o644)  # the containers have a user of their own
    return load_settings("local", environ={"PATH": os.environ["PATH"], "JANITOR_STATE_DIR": str(state_dir)})


def _write_config(settings: Settings) -> None:
    examples = settings.state_dir / "examples"
    names = [f"worker-{number}" for number in range(1, REPOSITORIES + 1)]
    for name in names:
        shutil.copytree(settings.examples_folder / "echo-worker", examples / name)
    ensure_example_repositories(examples, settings.state_dir / "repositories", settings.inherited)
    config = settings.state_dir / "workers.yaml"
    config.write_text(CONFIG + "".join(ENTRY.format(name=name) for name in names))
    config.chmod(0o644)
