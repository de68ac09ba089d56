"""`make TOOLS=docker`: the container is built, and Terraform's and Packer's checks run in it, on a checkout of its own.

The official images of Terraform and Packer are stood in for by images of this machine's own programs.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.validator.conftest import DockerHost, docker_host  # noqa: F401  # a fixture
from tests.support.docker_images import NoImageError
from tests.support.tools_images import make_tools_images

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

ROOT = Path(__file__).resolve().parents[3]
IMAGE = "janitor-tools:latest"
_MAKE_SECONDS = 2000


@pytest.fixture(scope="module")
def bases(docker_host: DockerHost) -> dict[str, str]:  # noqa: F811
    try:
        return make_tools_images(docker_host.program, {**os.environ, **docker_host.environment})
    except NoImageError as exc:
        pytest.skip(f"TOOLS=docker is not tried: {exc}")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What is committed, and what of it was changed."""
    folder = tmp_path / "checkout"
    files = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split("\0")
    for name in filter(None, files):
        source = ROOT / name
        if source.is_file() and not source.is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(source.read_bytes())
            (folder / name).chmod(source.stat().st_mode)
    return folder


def make(checkout: Path, host: DockerHost, bases: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("JANITOR_", "AWS_", "TF_"))},
        **host.environment,
        **bases,
        "HOME": str(checkout.parent),
    }
    return subprocess.run(
        ["make", "TOOLS=docker", *words],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_MAKE_SECONDS,
        check=False,
    )


def test_the_checks_run_in_the_container(
    docker_host: DockerHost,  # noqa: F811
    bases: dict[str, str],
    checkout: Path,
) -> None:
    done = make(checkout, docker_host, bases, "check-packer", "check-terraform")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "NOT CHECKED" not in done.stdout + done.stderr
    assert "skipped:" not in done.stderr
    for said in ("terraform fmt", "terraform validate", "Success! The configuration is valid", "terraform test"):
        assert said in done.stdout
    # A fault in the checkout is found in there, and told outside.
    module = checkout / "infra/terraform/outputs.tf"
    module.write_text(module.read_text() + '\noutput   "fault" { value = 1 }\n')
    done = make(checkout, docker_host, bases, "check-terraform")
    assert done.returncode != 0
    assert "terraform -chdir=infra fmt -recursive" in done.stderr
    # The container has the engine's environment for its own, and what it wrote is the caller's.
    assert (checkout / ".local/tools/venv/bin/python").is_symlink()
    assert not any((checkout / ".venv").iterdir())
    assert {each.stat().st_uid for each in (checkout / ".local").rglob("*") if not each.is_symlink()} == {os.getuid()}
    left = docker_host.call("ps", "--all", "--quiet", "--filter", f"ancestor={IMAGE}").stdout
    assert left == ""
