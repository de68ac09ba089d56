"""A real `docker build` takes the patch as the venv engine does: the old version is what the image has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from janitor.domain.culprit.difference import UNKNOWN, Way
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.order.patch import Patch
from janitor.protocol.order.repository import RepositorySpec
from janitor.services.culprit.put_back import put_back
from tests.corpus.culprits.catalogue import calls, good
from tests.integration.validator.conftest import DockerHost, docker_host
from tests.support.docker_images import WORKER_BASE
from tests.support.package_index import Wheel

__all__ = ["docker_host"]
pytestmark = pytest.mark.docker

SPEC = RepositorySpec(name="worker", organization="acme", url="https://example.com/worker")
SHOW = "import alpha, core, importlib.metadata as m; print(m.version('alpha'), m.version('core'), sep=' ')"
TAG = "janitor-test/put-back:1"
HEAD = f"FROM {WORKER_BASE}\nWORKDIR /app\nCOPY wheels wheels\nCOPY r.txt .\n"
PIP = "pip install --no-index --find-links wheels"
IN_PLACE = HEAD + f"RUN {PIP} -r r.txt\n"
IN_ENVIRONMENT = HEAD + f"RUN python -m venv --system-site-packages /v && . /v/bin/activate && {PIP} -r r.txt\n"
CORE = PartChange(part=Changed.PACKAGE, name="core", before="1.0", after="2.0")
CAME = PartChange(part=Changed.PACKAGE, name="came", before=None, after="1.0")
RELEASES = (calls("alpha", "1.0", "core"), calls("alpha", "2.0", "core"), good("core", "1.0"), good("core", "2.0"))
UNBUILDABLE = Wheel(name="core", version="3.0", is_buildable=False)


@pytest.mark.parametrize(
    ("dockerfile", "python", "way", "changes", "releases"),
    [
        (IN_PLACE, "python3", Way.INSTALLED, (CORE,), RELEASES),
        (IN_PLACE, "python3", Way.INSTALLED, (CORE, CAME), (*RELEASES, good("came", "1.0"))),
        (IN_ENVIRONMENT, "/v/bin/python", Way.INSTALLED, (CORE,), RELEASES),
        (
            IN_PLACE,
            "python3",
            Way.BOUND,
            (PartChange(part=Changed.PACKAGE, name="core", before="1.0", after=UNKNOWN),),
            (*RELEASES, UNBUILDABLE),
        ),
    ],
    ids=["installed", "one came", "in an environment", "bound"],
)
def test_the_old_version_is_in_the_image(
    docker_host: DockerHost,
    tmp_path: Path,
    dockerfile: str,
    python: str,
    way: Way,
    changes: tuple[PartChange, ...],
    releases: tuple[Wheel, ...],
) -> None:
    (tmp_path / "wheels").mkdir()
    for release in releases:
        release.write(tmp_path / "wheels")
    (tmp_path / "Dockerfile").write_text(dockerfile)
    (tmp_path / "r.txt").write_text("alpha\n" + ("came\n" if CAME in changes else ""))
    (tmp_path / ".dockerignore").write_text("*\n!wheels\n!r.txt\n")
    patch = put_back(RepositoryTree(tmp_path), SPEC, changes, way)
    assert isinstance(patch, Patch), patch
    applied = subprocess.run(
        ["git", "apply", "-"], cwd=tmp_path, input=patch.text, text=True, capture_output=True, check=False
    )
    assert applied.returncode == 0, applied.stderr
    built = docker_host.call("build", "--tag", TAG, str(tmp_path))
    assert built.returncode == 0, built.stderr[-2_000:]
    try:
        shown = docker_host.call("run", "--rm", TAG, python, "-c", SHOW)
        assert shown.stdout.split() == ["2.0", "1.0"], shown.stderr
        if CAME in changes:
            assert docker_host.call("run", "--rm", TAG, python, "-c", "import came").returncode != 0
    finally:
        docker_host.call("image", "rm", "--force", TAG)
