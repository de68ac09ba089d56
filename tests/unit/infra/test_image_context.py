"""The image's build context holds what its Dockerfile copies, as the rules of its own ignore file have it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from janitor.inspection.dockerfile.patterns import DockerIgnore
from janitor.inspection.dockerfile.stages import Copy, parse_dockerfile

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "infra" / "docker"
COPIED = [
    source
    for stage in parse_dockerfile((FOLDER / "Dockerfile").read_text(), build_args={}).stages
    for step in stage.steps
    if isinstance(step, Copy) and step.from_ is None
    for source in step.sources
]


@pytest.mark.parametrize("source", COPIED)
def test_what_is_copied_is_in_the_context(source: str) -> None:
    ignore = DockerIgnore((FOLDER / "Dockerfile.dockerignore").read_text())
    path = ROOT / source
    files = [path] if path.is_file() else [each for each in path.rglob("*.py") if "__pycache__" not in each.parts]
    assert files
    for file in files:
        assert not ignore.excludes(PurePosixPath(file.relative_to(ROOT).as_posix())), file


def test_every_room_of_the_instance_is_copied() -> None:
    rooms = {"guest", "inspection", "diagnosis", "protocol", "validator", "agent"}
    assert {source.rpartition("/")[2] for source in COPIED} >= rooms
