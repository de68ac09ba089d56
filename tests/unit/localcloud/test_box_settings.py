"""What a box is given of the environment of the local cloud."""

from __future__ import annotations

from pathlib import Path

from localcloud.settings import select_for_box

OWN = Path("/venv/bin")


def test_allow_list() -> None:
    selected = select_for_box(
        {
            "PATH": "/venv/bin:/usr/local/bin:/usr/bin:/bin",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "DATABASE_URL": "secret",
            "VIRTUAL_ENV": "/venv",
            "PYTHONPATH": "/somewhere",
            "LANG": "C.UTF-8",
            "https_proxy": "http://proxy",
            "PIP_INDEX_URL": "https://index",
            "UV_INDEX_URL": "https://index",
            "UV_PROJECT_ENVIRONMENT": "/venv",
            "PIP_REQUIRE_VIRTUALENV": "1",
        },
        OWN,
        None,
    )
    assert selected == {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "https_proxy": "http://proxy",
        "PIP_INDEX_URL": "https://index",
        "UV_INDEX_URL": "https://index",
    }


def test_cache_is_shared_where_asked() -> None:
    selected = select_for_box({"UV_CACHE_DIR": "/elsewhere"}, OWN, Path("/cache"))
    assert selected["UV_CACHE_DIR"] == "/cache/uv"
    assert selected["PIP_CACHE_DIR"] == "/cache/pip"
    assert selected["PATH"].split(":")[0] == "/usr/local/bin"
