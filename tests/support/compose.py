"""A deployment by the compose files, for tests: real images, a real engine, the local cloud in the place of AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
_CALL_SECONDS = 1200
_HEALTHY_SECONDS = 1200
"""On a machine that does other things too."""
_HTTP_SECONDS = 120


def compose_command(environment: Mapping[str, str]) -> list[str] | None:
    """`docker compose` where the engine's command has it, else `docker-compose`; None where there is neither."""
    docker = shutil.which("docker", path=environment.get("PATH"))
    if docker is not None:
        asked = subprocess.run([docker, "compose", "version"], capture_output=True, timeout=60, check=False)
        if asked.returncode == 0:
            return [docker, "compose"]
    program = shutil.which("docker-compose", path=environment.get("PATH"))
    return None if program is None else [program]


@dataclass(frozen=True)
class Project:
    """One machine's compose project."""

    command: Sequence[str]
    docker: str
    name: str
    files: Sequence[Path]
    environment: Mapping[str, str]
    """What reaches the engine, and the values of .env."""

    def call(self, *words: str, check: bool = True, seconds: float = _CALL_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run compose."""
        files = [part for file in self.files for part in ("--file", str(file))]
        argv = [*self.command, "--project-name", self.name, *files, *words]
        done = subprocess.run(
            argv, cwd=ROOT, env=dict(self.environment), capture_output=True, text=True, timeout=seconds, check=False
        )
        assert not check or done.returncode == 0, f"{' '.join(argv)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done

    def with_environment(self, **values: str) -> Project:
        """The same with other values."""
        return Project(self.command, self.docker, self.name, self.files, {**self.environment, **values})

    def containers(self, service: str) -> list[str]:
        """Ids of a service's containers, those that ended too."""
        labels = {"com.docker.compose.project": self.name, "com.docker.compose.service": service}
        filters = [part for name, value in labels.items() for part in ("--filter", f"label={name}={value}")]
        return self.ask("ps", "--all", "--no-trunc", "--quiet", *filters).split()

    def state(self, container: str) -> dict[str, Any]:
        """What the engine says of a container."""
        return json.loads(self.ask("inspect", "--format", "{{json .State}}", container))

    def ask(self, *words: str) -> str:
        """Run the docker command."""
        done = subprocess.run(
            [self.docker, *words],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()

    def wait_healthy(self, *services: str) -> None:
        """Wait until each container of these services is healthy."""

        def unhealthy() -> list[str]:
            found = []
            for service in services:
                containers = self.containers(service)
                states = [self.state(each) for each in containers]
                healths = [state.get("Health", {}).get("Status") for state in states]
                if not containers or any(health != "healthy" for health in healths):
                    found.append(f"{service}: {healths or 'no container'}")
            return found

        wait_until(lambda: not unhealthy(), _HEALTHY_SECONDS, lambda: f"{unhealthy()}\n{self.logs()}")

    def logs(self, *services: str) -> str:
        """The last lines of the services."""
        done = self.call("logs", "--no-color", "--tail=60", *services, check=False)
        return (done.stdout + done.stderr)[-12_000:]

    def remove(self) -> None:
        """End everything, and remove what it kept."""
        self.call("down", "--volumes", "--remove-orphans", "--timeout", "5", check=False)


def wait_until(is_so: Callable[[], bool], seconds: float, why_not: Callable[[], str]) -> None:
    """Wait until something is so; fails with the reason."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s: {why_not()}"
        time.sleep(1)


class Airflow:
    """The REST API of a deployment."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=_HTTP_SECONDS)
        answer = self._client.post("/auth/token", json={"username": username, "password": password})
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str) -> Any:
        """The answer to a GET."""
        answer = self._client.get(f"/api/v2{path}")
        answer.raise_for_status()
        return answer.json()

    def has_dag(self, dag_id: str) -> bool:
        """Whether a DAG was read."""
        return self._client.get(f"/api/v2/dags/{dag_id}").status_code == 200

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Start a run; returns its id."""
        body = {"logical_date": None, "conf": conf}
        answer = self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["dag_run_id"])

    def state(self, dag_id: str, run_id: str) -> str:
        """A run's state."""
        return str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """A run's task instances."""
        return list(self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=500")["task_instances"])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def drawn_dotenv(folder: Path) -> dict[str, str]:
    """The values of a fresh .env, as `make dotenv` draws them."""
    from dotenv import dotenv_values

    (folder / "infra" / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / ".env.example", folder)
    shutil.copy(ROOT / "infra" / "scripts" / "write_dotenv.py", folder / "infra" / "scripts")
    script = folder / "infra" / "scripts" / "write_dotenv.py"
    subprocess.run(
        ["python3", "-I", script], check=True, capture_output=True, timeout=60, env={"PATH": os.environ["PATH"]}
    )
    return {name: value or "" for name, value in dotenv_values(folder / ".env", interpolate=False).items()}
