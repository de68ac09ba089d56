"""`make dotenv` draws each secret once and leaves what is there alone; .envrc hands three names to the shell."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "infra" / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / ".env.example", tmp_path)
    shutil.copy(ROOT / "infra/scripts/write_dotenv.py", tmp_path / "infra" / "scripts")
    return tmp_path


def make_dotenv(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", checkout / "infra/scripts/write_dotenv.py"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_secret_is_drawn_once_and_agrees(checkout: Path) -> None:
    done = make_dotenv(checkout)
    assert done.returncode == 0, done.stderr
    written = dotenv_values(checkout / ".env", interpolate=False)
    assert (
        written["POSTGRES_ADMIN_URL"] == f"postgresql://postgres:{written['POSTGRES_PASSWORD']}@postgres:5432/postgres"
    )
    assert written["AIRFLOW_BROKER_URL"] == f"redis://:{written['REDIS_PASSWORD']}@redis:6379/0"
    assert len(urlsafe_b64decode(written["AIRFLOW_FERNET_KEY"] or "")) == 32
    secrets = [
        value for name, value in written.items() if re.search("PASSWORD|SECRET|_KEY|DATABASE_URL", name) and value
    ]
    assert len(set(secrets)) == len(secrets) >= 9
    assert not any("<" in (value or "") for value in written.values())
    assert stat.S_IMODE((checkout / ".env").stat().st_mode) == 0o600
    assert not any(secret in done.stdout for secret in secrets)


def test_what_is_there_stays(checkout: Path) -> None:
    make_dotenv(checkout)
    file = checkout / ".env"
    own = re.sub(r"^ACCOUNT_ID=.*$", "ACCOUNT_ID=123456789012", file.read_text(), flags=re.MULTILINE)
    file.write_text(re.sub(r"^AIRFLOW_JWT_SECRET=.*\n", "", own, flags=re.MULTILINE))
    before = dotenv_values(file)
    done = make_dotenv(checkout)
    after = dotenv_values(file)
    assert done.stdout.startswith(".env is there (drew AIRFLOW_JWT_SECRET)")
    assert len(after.pop("AIRFLOW_JWT_SECRET") or "") == 48
    assert after == before
    assert make_dotenv(checkout).stdout.startswith(".env is there (nothing was missing)")


def test_a_secret_that_others_have_already_is_not_drawn_anew(checkout: Path) -> None:
    make_dotenv(checkout)
    file = checkout / ".env"
    text = re.sub(r"^AIRFLOW_BROKER_URL=.*\n", "", file.read_text(), flags=re.MULTILINE)
    file.write_text(text)
    done = make_dotenv(checkout)
    assert done.returncode == 3
    assert "AIRFLOW_BROKER_URL needs the secret that REDIS_PASSWORD has already" in done.stderr
    assert file.read_text() == text


def test_a_copy_of_the_example_is_filled_in(checkout: Path) -> None:
    shutil.copy(checkout / ".env.example", checkout / ".env")
    assert make_dotenv(checkout).returncode == 0
    assert not any("<" in (value or "") for value in dotenv_values(checkout / ".env").values())


def test_direnv_gets_three_names_and_no_more(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".envrc", tmp_path)
    (tmp_path / ".env").write_text(
        "AWS_PROFILE=\nAWS_REGION=eu-west-1\nACCOUNT_ID=123456789012\n"
        "JANITOR_ENV=prod\nAWS_SECRET_ACCESS_KEY=secret\nPOSTGRES_PASSWORD=secret\n"
    )
    # `watch_file` is direnv's.
    script = 'watch_file() { echo "watches $1" >&2; }; . ./.envrc; env'
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    names = {line.partition("=")[0] for line in done.stdout.splitlines()} - {"PATH", "PWD", "SHLVL", "_", "OLDPWD"}
    assert names == {"AWS_REGION", "ACCOUNT_ID"}
    assert "AWS_REGION=eu-west-1\n" in done.stdout
    assert done.stderr == "watches .env\n"


def test_a_secret_is_safe_in_a_url() -> None:
    spec = importlib.util.spec_from_file_location("write_dotenv", ROOT / "infra/scripts/write_dotenv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert re.fullmatch(r"[0-9a-f]{48}", module.drawn("any"))
