"""Requirements that want a build backend of the repository's own run outside an engine: it never is.

The backend leaves a mark where it runs. The checks are tried as `janitor validate` makes them, and the real artefact as
an instance runs it, each with a uv on PATH and with pip alone.
"""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from janitor.protocol.terms.statuses import CheckStatus
from tests.integration.validator.conftest import new_repository

BASE_PYTHON = f"{sys.base_prefix}/bin/python3"
"""With pip, and without a uv beside it."""
WITHOUT_UV = "/usr/bin:/bin"
WITH_UV = f"{Path(sys.executable).parent}:{WITHOUT_UV}"
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """\
import os
with open({mark!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
raise SystemExit("a backend ran")
"""
DOCKERFILE = 'FROM python:3.11-slim\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["python", "handler.py"]\n'
JUDGE = """\
import json, sys
from pathlib import Path
from janitor.validator.settings import Settings
from janitor.validator.pipeline.static_run import validate_checkout
for name in sys.argv[1:]:
    result = validate_checkout(Path(name), settings=Settings.from_environment(), network=True)
    check = next(each.check for each in result.checks if each.check.name == "deps_resolve")
    print(json.dumps([check.status.value, check.reason_code, check.reason]))
"""
ATTACKS: dict[str, dict[str, str]] = {
    "editable": {"requirements.txt": "-e ./pkg\n"},
    "editable of an absolute path": {"requirements.txt": "-e {root}/pkg\n"},
    "editable by its address": {"requirements.txt": "-e file://{root}/pkg\n"},
    "folder": {"requirements.txt": "./pkg\n"},
    "absolute folder": {"requirements.txt": "{root}/pkg\n"},
    "named folder": {"requirements.txt": "evil @ file://{root}/pkg\n"},
    "archive of the repository": {"requirements.txt": "./evil-1.0.tar.gz\n"},
    "source distribution": {"requirements.txt": "evil @ {web}/evil/evil-1.0.tar.gz\n"},
    "source distribution without a name": {"requirements.txt": "{web}/evil/evil-1.0.tar.gz\n"},
    "index": {"requirements.txt": "--index-url {web}\nevil\n"},
    "page of links": {"requirements.txt": "--no-index\n--find-links {web}/evil/\nevil\n"},
    "links in the repository": {"requirements.txt": "--no-index\n--find-links .\nevil\n"},
    "included file": {"requirements.txt": "-r deep/more.txt\n", "deep/more.txt": "-e ../pkg\n-e {root}/pkg\n"},
    "constraint": {"requirements.txt": "-c limits.txt\nevil\n", "limits.txt": "evil @ file://{root}/pkg\n"},
    "variable": {"requirements.txt": "evil @ file://${{PWD}}/../repository/pkg\n-e ${{PWD}}/../repository/pkg\n"},
    "continued line": {"requirements.txt": "-\\\ne {root}/pkg\n"},
    "odd line end": {"requirements.txt": "six\x0c-e {root}/pkg\n"},
    "settings": {"requirements.txt": "evil @ file://{root}/pkg --config-settings=a=b\n"},
    "argument": {"Dockerfile": DOCKERFILE.replace("-r requirements.txt", "file:///{root}/pkg"), "requirements.txt": ""},
    "project": {
        "Dockerfile": DOCKERFILE.replace("pip install -r requirements.txt", "cd pkg && uv sync"),
        "requirements.txt": "",
    },
}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """An index that has one source distribution."""
    folder = tmp_path / "web" / "evil"
    folder.mkdir(parents=True)
    (folder / "evil-1.0.tar.gz").write_bytes(archive(tmp_path / "mark"))
    (folder / "index.html").write_text('<a href="evil-1.0.tar.gz">evil-1.0.tar.gz</a>')
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(folder.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def archive(mark: Path) -> bytes:
    """A source distribution whose backend leaves the mark."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in (("pyproject.toml", PYPROJECT), ("backend.py", BACKEND.format(mark=str(mark)))):
            member = tarfile.TarInfo(f"evil-1.0/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def hostile(folder: Path, attack: str, *, mark: Path, web: str) -> Path:
    """A repository that makes this attack."""
    files = {"Dockerfile": DOCKERFILE, **ATTACKS[attack]}
    texts = {name: text if name == "Dockerfile" else text.format(root=folder, web=web) for name, text in files.items()}
    texts["Dockerfile"] = texts["Dockerfile"].replace("{root}", str(folder))
    texts["pkg/pyproject.toml"] = PYPROJECT
    texts["pkg/backend.py"] = BACKEND.format(mark=str(mark))
    folder.parent.mkdir(parents=True, exist_ok=True)
    new_repository(folder, {**texts, "handler.py": "x = 1\n"}, commit=False)
    (folder / "evil-1.0.tar.gz").write_bytes(archive(mark))
    return folder


@pytest.mark.parametrize("path", [WITH_UV, WITHOUT_UV], ids=["uv", "pip alone"])
def test_checks_without_an_engine_run_no_backend(tmp_path, web, path):
    mark, names = tmp_path / "mark", list(ATTACKS)
    folders = [
        hostile(tmp_path / f"attack-{number}" / "repository", name, mark=mark, web=web)
        for number, name in enumerate(names)
    ]
    environment = {
        "PATH": path,
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[3] / "include"),
        "JANITOR_PRIVATE_HOSTS": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "NO_PROXY": "127.0.0.1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable if path == WITH_UV else BASE_PYTHON, "-c", JUDGE, *map(str, folders)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = dict(zip(names, map(json.loads, done.stdout.splitlines()), strict=True))
    assert not mark.exists(), found
    assert {name: told[0] for name, told in found.items()} == dict.fromkeys(names, CheckStatus.SKIP.value)
    asked = {"index", "page of links"}
    expected = "needs_build" if path == WITH_UV else "installer_missing"
    assert {name: found[name][1] for name in asked} == dict.fromkeys(asked, expected)
    assert {found[name][1] for name in set(names) - asked} == {"needs_build", "not_understood"}
    assert "deep/more.txt:1: " in found["included file"][2]
    assert "limits.txt:1: " in found["constraint"][2]


@pytest.mark.parametrize("attack", ["editable of an absolute path", "editable", "source distribution", "index"])
@pytest.mark.parametrize("path", [WITH_UV, WITHOUT_UV], ids=["uv", "pip alone"])
def test_validator_runs_no_backend_before_its_engine(start_validator, tmp_path, web, path, attack):
    mark = tmp_path / "mark"
    folder = hostile(tmp_path / "repository", attack, mark=mark, web=web)
    if attack == "editable":
        # Where the checkout lies is known: beside the folder that the installer is started in.
        (folder / "requirements.txt").write_text("-e ../repository/pkg\n")
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "--quiet", "-m", "x", "--allow-empty"],
        cwd=_added(folder),
        check=True,
        timeout=60,
    )
    result = start_validator(
        folder,
        engine="docker",
        python=sys.executable if path == WITH_UV else BASE_PYTHON,
        environment={
            "PATH": path,
            "DOCKER_HOST": "unix:///nowhere/docker.sock",
            "JANITOR_DOCKER_WAIT_SECONDS": "0",
            "JANITOR_PRIVATE_HOSTS": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "NO_PROXY": "127.0.0.1",
        },
    ).result()
    assert not mark.exists(), result.output
    assert result.check("deps_resolve").status is CheckStatus.SKIP, result.output
    # No engine answers, so that nothing of the repository has any business to run at all.
    assert result.check("host").reason_code == "engine_missing", result.output


def _added(folder: Path) -> Path:
    subprocess.run(["git", "add", "--all", "--force"], cwd=folder, check=True, timeout=60, env=os.environ)
    return folder
