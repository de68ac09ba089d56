"""Where a uv that pip brought goes for its packages: where this machine's pip goes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "infra" / "scripts" / "setup_environment.py"


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_environment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pip_s_ways_are_uv_s(setup: ModuleType) -> None:
    pip = {
        "index-url": "https://pip.example/simple",
        "extra-index-url": "file:///srv/one/simple\nfile:///srv/two/simple",
        "find-links": "/srv/wheels  /srv/more",
        "trusted-host": "pip.example",
        "cert": "/etc/ssl/own.pem",
        "proxy": "http://proxy.example:3128",
        "timeout": "60",
    }
    assert setup.as_uv_settings(pip, {}) == {
        "UV_DEFAULT_INDEX": "https://pip.example/simple",
        "UV_INDEX": "file:///srv/one/simple file:///srv/two/simple",
        "UV_FIND_LINKS": "/srv/wheels,/srv/more",
        "UV_INSECURE_HOST": "pip.example",
        "SSL_CERT_FILE": "/etc/ssl/own.pem",
        "ALL_PROXY": "http://proxy.example:3128",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_what_the_user_told_uv_or_the_system_counts_more(setup: ModuleType) -> None:
    pip = {"index-url": "https://pip.example/simple", "cert": "/etc/ssl/own.pem", "proxy": "http://proxy.example"}
    assert setup.as_uv_settings(pip, {"UV_DEFAULT_INDEX": "https://uv.example/simple"}) == {}
    told = setup.as_uv_settings(pip, {"SSL_CERT_FILE": "/system.pem", "ALL_PROXY": "http://system.example"})
    assert (told["SSL_CERT_FILE"], told["ALL_PROXY"]) == ("/system.pem", "http://system.example")


@pytest.mark.parametrize(("value", "expected"), [("true", "1"), ("1", "1"), ("false", None), ("", None)])
def test_no_index_means_none(setup: ModuleType, value: str, expected: str | None) -> None:
    assert setup.as_uv_settings({"no-index": value}, {}).get("UV_NO_INDEX") == expected


def test_the_lock_s_uv_is_brought_and_nothing_else(setup: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "uuid6==1.0 \\\n    --hash=sha256:aa\n    # via airflow\n"
        "uv==0.1.2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n    # via janitor\n"
        "uvicorn==3.0 \\\n    --hash=sha256:dd\n"
    )
    assert setup.locked_uv(lock) == "uv==0.1.2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"


def test_this_project_s_lock_has_a_uv(setup: ModuleType) -> None:
    assert setup.locked_uv(setup.LOCK).count("--hash=sha256:") > 5


def test_a_long_installation_counts_the_packages(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("one==1 \\\n    --hash=sha256:aa\ntwo==2 \\\n    --hash=sha256:bb\n    # via one\n")
    monkeypatch.setattr(setup, "LOCK", lock)
    monkeypatch.setattr(setup, "VENV", tmp_path)
    assert setup._progress() == "up to 2 are fetched"
    (tmp_path / "lib" / "python3.11" / "site-packages" / "one-1.dist-info").mkdir(parents=True)
    assert setup._progress() == "1 of up to 2 packages are in place"
