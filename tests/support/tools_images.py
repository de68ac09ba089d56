"""What the tools' container is built from, made of this machine's own programs: no registry may be reachable."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from janitor.infrastructure.terraform import find_mirror
from tests.support.compose_images import build_options
from tests.support.docker_images import PYTHON_BASE, NoImageError

BASE = "janitor-test/tools-base:1"
TERRAFORM = "janitor-test/terraform:1"
PACKER = "janitor-test/packer:1"
_BUILD_SECONDS = 1200
# With make and git it asks for no network where the container itself is built; the mirror is where Terraform's
# provider is found on this machine.
_BASE_DOCKERFILE = f"""\
FROM {PYTHON_BASE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make && rm -rf /var/lib/apt/lists/*
COPY mirror /opt/terraform-mirror
"""


def make_tools_images(docker: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Make the three images; returns the variables that name them for `make TOOLS=docker`.

    Raises:
        NoImageError: A program isn't here, or an image can't be made.
    """
    path = environment.get("PATH", "")
    programs = {name: shutil.which(name, path=path) for name in ("terraform", "packer")}
    if missing := [name for name, program in programs.items() if program is None]:
        raise NoImageError(f"not installed, and so not to be put into a container: {', '.join(missing)}")
    mirror = find_mirror(None)
    if mirror is None:
        raise NoImageError("there is no mirror of Terraform's provider on this machine")
    _build(docker, environment, BASE, _BASE_DOCKERFILE, {"mirror": mirror})
    for image, name in ((TERRAFORM, "terraform"), (PACKER, "packer")):
        program = Path(str(programs[name])).resolve()
        _build(docker, environment, image, f"FROM scratch\nCOPY {name} /bin/{name}\n", {name: program})
    return {"TOOLS_BASE": BASE, "TERRAFORM_IMAGE": TERRAFORM, "PACKER_IMAGE": PACKER}


def _build(
    docker: str, environment: Mapping[str, str], image: str, dockerfile: str, content: Mapping[str, Path]
) -> None:
    own = {**environment, "DOCKER_BUILDKIT": "1"}
    there = subprocess.run([docker, "image", "inspect", image], env=own, capture_output=True, timeout=60, check=False)
    if there.returncode == 0:
        return
    with tempfile.TemporaryDirectory(prefix="janitor-tools-") as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(dockerfile)
        for name, source in content.items():
            if source.is_dir():
                # Hard links: the provider is large.
                shutil.copytree(source, context / name, copy_function=_linked)
            else:
                _linked(str(source), str(context / name))
        done = subprocess.run(
            [docker, "build", "--progress=plain", *build_options(environment), "--tag", image, folder],
            env=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_BUILD_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        raise NoImageError(f"{image}: {done.stdout.strip()[-1500:]}")


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
