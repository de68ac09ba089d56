"""`make image`'s last step: it pushes only where it is known where to, and says what is missing otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A committed checkout with the script, without a .env."""
    folder = tmp_path / "checkout"
    for name in ("infra/docker/push.py", "infra/docker/docker_command.sh", "infra/env/prod.env", "infra/env/local.env"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / ".gitignore").write_text(".env\n")
    for words in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "x"],
    ):
        subprocess.run(["git", "-C", folder, *words], check=True, timeout=60)
    return folder


def push(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # No engine may be reached by accident, and no account.
    own = {"PATH": "/usr/bin:/bin", "HOME": str(checkout), "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [sys.executable, checkout / "infra/docker/push.py"],
        env=own | {"DOCKER_HOST": "unix:///nowhere"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "code", "said"),
    [
        ({}, 0, "NOT PUSHED: ENV=local has no registry"),
        ({"ENV": "local", "PUSH": "1"}, 3, "NOT PUSHED: ENV=local has no registry"),
        ({"ENV": "prod"}, 0, "NOT PUSHED: ACCOUNT_ID and AWS_REGION are not set"),
        ({"ENV": "prod", "PUSH": "1"}, 3, "NOT PUSHED: ACCOUNT_ID and AWS_REGION are not set"),
        ({"ENV": "prod", "AWS_REGION": "eu-west-1"}, 0, "NOT PUSHED: ACCOUNT_ID is not set"),
        ({"ENV": "prod", "PUSH": "0", "ACCOUNT_ID": "123456789012", "AWS_REGION": "x"}, 0, "NOT PUSHED: PUSH=0"),
        ({"ENV": "prod", "ACCOUNT_ID": "12", "AWS_REGION": "x"}, 3, "no number of an AWS account"),
        ({"ENV": "nowhere"}, 3, "there is no infra/env/nowhere.env"),
        ({"ENV": "../x"}, 3, "there is no infra/env/../x.env"),
        ({"PUSH": "perhaps"}, 2, "neither 1 nor 0"),
    ],
)
def test_what_is_missing_is_said(checkout: Path, environment: dict[str, str], code: int, said: str) -> None:
    done = push(checkout, **environment)
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout


def test_the_account_of_dotenv_counts(checkout: Path) -> None:
    (checkout / ".env").write_text("ACCOUNT_ID=123456789012\nAWS_REGION=us-east-1\n")
    done = push(checkout, ENV="prod")
    assert done.returncode == 3
    assert "no Docker engine can be used" in done.stdout


def test_what_is_not_committed_is_not_pushed(checkout: Path) -> None:
    (checkout / "more").touch()
    done = push(checkout, ENV="prod", REGISTRY="127.0.0.1:1")
    assert done.returncode == 3
    assert "changes that are not committed" in done.stdout


def entrypoint(tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The image's entry point, as if the folder were the image's."""
    text = (ROOT / "infra/docker/airflow/entrypoint.sh").read_text()
    (tmp_path / "infra/env").mkdir(parents=True)
    (tmp_path / "infra/env/dev.env").touch()
    script = tmp_path / "entrypoint.sh"
    script.write_text(text.replace("/opt/airflow/janitor", str(tmp_path)).replace("exec /entrypoint", "echo started"))
    return subprocess.run(
        ["sh", script, *words],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "environment", "code", "said"),
    [
        (["scheduler"], {}, 3, "JANITOR_ENV is not set in this container"),
        (["triggerer"], {"JANITOR_ENV": ""}, 3, "JANITOR_ENV is not set in this container"),
        (["scheduler"], {"JANITOR_ENV": "dve"}, 3, "this image has no infra/env/dve.env"),
        (["scheduler"], {"JANITOR_ENV": "dev"}, 0, "started scheduler"),
        (["celery", "worker"], {"JANITOR_ENV": "dev"}, 3, "of no use to LocalExecutor"),
        (
            *(["celery", "worker"], {"JANITOR_ENV": "dev", "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}),
            *(0, "started celery worker"),
        ),
    ],
)
def test_a_component_starts_only_where_it_belongs(
    tmp_path: Path, words: list[str], environment: dict[str, str], code: int, said: str
) -> None:
    done = entrypoint(tmp_path, *words, **environment)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
