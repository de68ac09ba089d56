"""Which container engine is found, in which order, and what each is told; the commands are real programs on PATH."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from janitor.validator.docker.client import DockerClient
from janitor.validator.docker.flavour import Flavour, searching_docker_hub
from janitor.validator.settings import Settings

INFO = {
    "host": {
        "hostname": os.uname().nodename,
        "memTotal": 8,
        "security": {"rootless": True},
        "ociRuntime": {"name": "crun"},
    },
    "store": {"graphRoot": "/home/ada/.local/share/containers/storage"},
    "version": {"Version": "4.9.3"},
    "registries": {"search": ["docker.io"]},
}
DOCKER = """\
case "$1" in
  version) [ -z "$NEEDS" ] || [ "$DOCKER_HOST" = "$NEEDS" ] || { echo "Cannot connect to the Docker daemon"; exit 1; }
    echo "28.2.2 28.2.2" ;;
  buildx) echo "github.com/docker/buildx v0.21" ;;
esac
"""


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}")
    (folder / name).chmod(0o755)


def podman(version: str = "4.9.3", *, code: int = 0) -> str:
    info = json.dumps(INFO, indent=2)
    return (
        f'case "$*" in\n  *json*) cat <<\'END\'\ntime="x" level=warning msg="a warning {{"\n{info}\nEND\n;;\n'
        f'  info*) echo "{version}"; exit {code} ;;\n  version*) echo "{version}" ;;\nesac\n'
    )


def client(folder: Path, **environment: str) -> DockerClient:
    return DockerClient(
        Settings.from_environment({"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder), **environment})
    )


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "bin"


def test_docker_comes_first(path):
    program(path, "docker", DOCKER)
    program(path, "podman", podman())
    found = client(path)
    assert (found.why_not(), found.flavour, found.program) == (None, Flavour.DOCKER, str(path / "docker"))
    assert found.flavour.gpu_options == ("--gpus", "all")


def test_podman_serves_where_no_docker_answers(path):
    program(path, "docker", 'echo "Cannot connect to the Docker daemon"; exit 1\n')
    program(path, "podman", podman())
    found = client(path)
    assert (found.why_not(), found.flavour, found.program) == (None, Flavour.PODMAN, str(path / "podman"))
    assert found.flavour.gpu_options == ("--device", "nvidia.com/gpu=all")
    assert found.flavour.build_options == ("--format", "docker")
    assert (found.version, found.is_rootless(), found.is_local(), found.shares_network()) == ((4, 9), True, True, False)
    assert found.info()["DockerRootDir"] == "/home/ada/.local/share/containers/storage"
    assert found.info()["SearchedRegistries"] == ["docker.io"]
    assert found.answers()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (podman("3.4.4"), "3.4 is too old to build what BuildKit builds"),
        ('echo "Error: cannot set up namespace using newuidmap" >&2; exit 125\n', "newuidmap"),
    ],
)
def test_podman_that_can_not_serve_says_why(path, script, why):
    program(path, "podman", script)
    found = client(path)
    assert why in (found.why_not() or "")
    assert found.is_installed


def test_buildah_alone_is_no_engine(path):
    program(path, "buildah", "exit 0\n")
    why = client(path).why_not()
    assert why is not None
    assert "buildah builds images and runs none of them" in why


def test_rootless_docker_is_found_at_its_socket(path, tmp_path):
    address = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        program(path, "docker", f'NEEDS="unix://{address}"\n{DOCKER}')
        found = client(path, XDG_RUNTIME_DIR=str(tmp_path))
        assert found.why_not() is None
        assert found.environment["DOCKER_HOST"] == f"unix://{address}"
        # Who says where the engine is means that one.
        named = client(path, XDG_RUNTIME_DIR=str(tmp_path), DOCKER_HOST="unix:///nowhere.sock")
        assert "Cannot connect" in (named.why_not() or "")


def test_names_without_a_registry_are_docker_hubs(tmp_path):
    file = tmp_path / ".config" / "containers" / "registries.conf"
    file.parent.mkdir(parents=True)
    file.write_text('unqualified-search-registries = []\n[[registry]]\nlocation = "mirror.example"\n')
    text = searching_docker_hub(Settings.from_environment({"HOME": str(tmp_path), "PATH": "/bin"}))
    assert text.splitlines() == [
        'unqualified-search-registries = ["docker.io"]',
        'short-name-mode = "permissive"',
        "[[registry]]",
        'location = "mirror.example"',
    ]
