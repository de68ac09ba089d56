"""`make image`'s push with a real docker: the password is ECR's, the images arrive whole, and nothing stays behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.docker_engine import docker_program, own_engine, why_no_own_engine
from tests.support.localcloud_server import LocalCloudServer
from tests.support.registry import Registry, Repository

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[3]
REGION = "us-east-1"
REPOSITORY = "janitor-prod"
IMAGES = {"agent": "janitor-push/agent:1", "airflow": "janitor-push/airflow:1"}


@dataclass(frozen=True)
class Account:
    """An account with its registry, and an engine that reaches it as it would AWS's."""

    cloud: LocalCloudServer
    registry: Registry
    number: str
    docker: str
    environment: dict[str, str]
    checkout: Path

    def push(self, **changes: str) -> subprocess.CompletedProcess[str]:
        """The last step of `make image ENV=prod`."""
        named = {"ENV": "prod", "ACCOUNT_ID": self.number, "AWS_REGION": REGION}
        named |= {"IMAGE": IMAGES["agent"], "AIRFLOW_IMAGE": IMAGES["airflow"], "HOME": str(self.checkout.parent)}
        return subprocess.run(
            [sys.executable, self.checkout / "infra/docker/push.py"],
            env=self.environment | named | changes,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def call(self, *words: str) -> str:
        done = subprocess.run(
            [self.docker, *words], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self) -> str:
        words = ["git", "-C", str(self.checkout), "rev-parse", "--short=12", "HEAD"]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    if why_not := why_no_own_engine():
        pytest.skip(f"no engine that could be told of the registry: {why_not}")
    folder = tmp_path_factory.mktemp("push")
    with LocalCloudServer(folder / "cloud") as cloud:
        token = cloud.client("ecr").get_authorization_token()["authorizationData"][0]
        host = token["proxyEndpoint"].removeprefix("https://")
        with (
            Registry(folder, host, token["authorizationToken"]) as registry,
            # The engine's way to other hosts ends at the registry, the client's isn't touched.
            own_engine({**os.environ, **registry.environment()}, rules=False) as reached,
        ):
            own = {name: reached[name] for name in ("PATH", "DOCKER_HOST")} | cloud.environment()
            docker = docker_program(own)
            assert docker is not None
            made = Account(cloud, registry, host.partition(".")[0], docker, own, _checkout(folder / "checkout"))
            for number, image in enumerate(IMAGES.values()):
                _import_image(made, folder, image, number)
            yield made


def _checkout(folder: Path) -> Path:
    for name in ("infra/docker/push.py", "infra/docker/docker_command.sh", "infra/env/prod.env"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for words in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "x"],
    ):
        subprocess.run(["git", "-C", folder, *words], check=True, timeout=60)
    return folder


def _import_image(account: Account, folder: Path, name: str, number: int) -> None:
    layer = folder / f"layer-{number}"
    layer.mkdir()
    (layer / "file").write_bytes(os.urandom(3_000_000))
    subprocess.run(["tar", "-C", str(layer), "-cf", f"{layer}.tar", "."], check=True, timeout=60)
    account.call("import", f"{layer}.tar", name)


@pytest.fixture
def repository(account: Account) -> Iterator[Repository]:
    """The repository as Terraform makes it: in the account, and therefore in the registry."""
    account.cloud.client("ecr").create_repository(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    account.registry.repositories[REPOSITORY] = Repository()
    yield account.registry.repositories[REPOSITORY]
    account.registry.repositories.clear()
    account.cloud.client("ecr").delete_repository(repositoryName=REPOSITORY, force=True)


def test_both_images_arrive_under_the_commits_name(account: Account, repository: Repository, tmp_path: Path) -> None:
    output = tmp_path / "output"
    account.registry.refused.clear()
    done = account.push(OUTPUT=str(output), PUSH="1")
    assert done.returncode == 0, done.stdout + done.stderr
    name = f"{account.registry.host}/{REPOSITORY}"
    assert set(repository.tags) == {f"{kind}-{account.commit()}" for kind in IMAGES}
    digests = {kind: repository.tags[f"{kind}-{account.commit()}"] for kind in IMAGES}
    said = [f"pushed {name}:{kind}-{account.commit()}@{digest}" for kind, digest in digests.items()]
    assert done.stdout.splitlines() == said
    assert output.read_text().splitlines() == [
        f"repository={name}",
        *(f"{kind}_digest={digest}" for kind, digest in digests.items()),
    ]
    assert account.registry.refused, "nobody was asked for the password"
    # What was pushed is all that another machine needs: the image that was there, byte for byte.
    settings = tmp_path / "docker"
    settings.mkdir()
    auths = {account.registry.host: {"auth": account.registry.authorization}}
    (settings / "config.json").write_text(f'{{"auths": {auths}}}'.replace("'", '"'))
    before = account.call("image", "inspect", "--format", "{{.Id}}", IMAGES["agent"])
    target = f"{name}@{digests['agent']}"
    account.call("image", "rm", "--force", before)
    account.call("--config", str(settings), "pull", "--quiet", target)
    assert account.call("image", "inspect", "--format", "{{.Id}}", target) == before
    account.call("tag", target, IMAGES["agent"])


def test_the_password_stays_nowhere(account: Account, repository: Repository) -> None:
    home = account.checkout.parent
    before = set(home.rglob("config.json"))
    assert account.push(PUSH="1").returncode == 0
    assert set(home.rglob("config.json")) == before
    # Once more is no error: the same images under the same names.
    assert account.push(PUSH="1").returncode == 0
    assert len(repository.manifests) == len(IMAGES)


def test_a_repository_that_is_not_there_is_said(account: Account) -> None:
    done = account.push()
    assert done.returncode == 3
    assert "error: not pushed: push" in done.stdout
    assert f"The repository with name '{REPOSITORY}' does not exist" in done.stdout


def test_a_tag_is_not_moved(account: Account, repository: Repository) -> None:
    assert account.push().returncode == 0
    kept = dict(repository.tags)
    done = account.push(IMAGE=IMAGES["airflow"], AIRFLOW_IMAGE=IMAGES["agent"])
    assert done.returncode == 3
    assert f"The image tag 'agent-{account.commit()}' already exists" in done.stdout
    assert repository.tags == kept


def test_credentials_of_another_account_push_nothing(account: Account, repository: Repository) -> None:
    done = account.push(ACCOUNT_ID="210987654321")
    assert done.returncode == 3
    assert f"the credentials are of another account: their registry is {account.registry.host}" in done.stdout
    assert not repository.tags


def test_a_password_that_ended_is_said(account: Account, repository: Repository) -> None:
    right, account.registry.authorization = account.registry.authorization, "QVdTOm90aGVy"
    try:
        done = account.push()
    finally:
        account.registry.authorization = right
    assert done.returncode == 3
    assert "no basic auth credentials" in done.stdout or "unauthorized" in done.stdout.lower()
    assert not repository.tags


def test_without_ecr_it_says_so(account: Account) -> None:
    done = account.push(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert done.returncode == 3
    assert "ECR gives no password" in done.stdout
