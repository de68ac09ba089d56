"""A container's variables: no value of the spec stands in an argument list, and none of the repository's reaches the
docker command itself."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.redaction import Redactor
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.terms.statuses import EngineChoice
from janitor.validator.checks.running.host import describe_host
from janitor.validator.context import CheckContext
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import EngineError, MachineFacts
from janitor.validator.engines.docker.container import Containers
from janitor.validator.findings import EvidenceMaker
from janitor.validator.secrets.delivered import DeliveredSecrets
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

KEY = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"
# Stands for the docker command: tells how it was called when it runs a container.
DOCKER = """\
#!/usr/bin/env python3
import json, os, sys
if sys.argv[1:2] == ["version"]:
    print("20.0.0 20.0.0")
if sys.argv[1:2] == ["run"]:
    file = sys.argv[sys.argv.index("--env-file") + 1]
    told = {"argv": sys.argv, "env": dict(os.environ), "file": open(file).read(), "mode": os.stat(file).st_mode & 0o777}
    json.dump(told, open(os.path.join(os.path.dirname(__file__), "told.json"), "w"))
"""


@pytest.fixture
def told(tmp_path: Path):
    """Runs a container and gives back how docker was called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)

    def run(env: dict[str, str], variables: dict[str, str], secrets: dict[str, str] | None = None) -> dict:
        settings = Settings.from_environment(
            {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
        )
        redactor = Redactor()
        deadline = datetime.now(timezone.utc) + timedelta(minutes=5)
        spec = ValidationSpec(
            validation_id=str(UUID(int=1)),
            run_id=str(UUID(int=2)),
            repository=RepositorySpec(name="w", organization="o", url="https://example.org/w", env=env),
            prompt="look",
            gpu_required=False,
            engine=EngineChoice.DOCKER,
            deadline=deadline,
            grace=timedelta(minutes=1),
        )
        context = CheckContext(
            spec=spec,
            settings=settings,
            workspace=Workspace.make(tmp_path),
            journal=Journal(redactor),
            evidence=EvidenceMaker(redactor),
            interrupts=Interrupts(deadline),
            secrets=DeliveredSecrets(values=secrets or {}),
        )
        machine = MachineFacts(host=describe_host(tmp_path), gpu=None)
        containers = Containers(context, DockerClient(settings), machine, "image")
        given = {**variables, **context.worker_variables}
        assert containers.run([], [], limit=timedelta(seconds=20), variables=given).outcome.exit_code == 0
        told: dict = json.loads((programs / "told.json").read_text())
        return told

    return run


def test_a_value_of_several_lines_stands_in_no_argument_list(told) -> None:
    call = told({"SIGNING_KEY": KEY, "PLAIN": "plain-mark"}, {})
    assert not any("abc" in word or "plain-mark" in word for word in call["argv"])
    assert call["argv"][call["argv"].index("--env") + 1] == "SIGNING_KEY"
    assert call["env"]["SIGNING_KEY"] == KEY
    assert (call["file"], call["mode"]) == ("PLAIN=plain-mark\n", 0o600)


@pytest.mark.parametrize("name", ["LD_PRELOAD", "DOCKER_HOST", "GODEBUG", "SOMETHING"])
def test_what_the_repository_sets_is_not_obeyed_by_docker(told, name: str) -> None:
    call = told({}, {name: "of the\nrepository"})
    assert name not in call["env"]
    assert f"{name}=of the\nrepository" in call["argv"]


def test_the_docker_command_keeps_its_own_path_and_home(told) -> None:
    call = told({"PATH": "/evil\n", "HOME": "/evil\n", "LD_LIBRARY_PATH": "/evil\n"}, {})
    assert "evil" not in call["env"]["PATH"] + call["env"]["HOME"]
    assert "LD_LIBRARY_PATH" not in call["env"]


def test_a_secret_goes_by_file_or_environment_and_never_by_an_argument(told) -> None:
    call = told({"PLAIN": "x"}, {}, {"HF_TOKEN": "hf_mark", "SIGNING_KEY": KEY})
    assert not any("hf_mark" in word or "abc" in word for word in call["argv"])
    assert "HF_TOKEN=hf_mark\n" in call["file"]
    assert call["env"]["SIGNING_KEY"] == KEY
    assert "HF_TOKEN" not in call["env"]


def test_a_secret_that_could_only_be_an_argument_is_refused(told) -> None:
    with pytest.raises(EngineError, match="the secret for DOCKER_CONFIG has several lines"):
        told({}, {}, {"DOCKER_CONFIG": KEY})
