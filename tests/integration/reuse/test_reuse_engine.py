"""An engine that many tasks use: what one has left in it goes, what was there stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.protocol.reuse.manifest import EngineSeen
from janitor.validator.docker.client import DockerClient
from janitor.validator.reuse.engine import clear_engine, clear_validation, look_at_engine
from janitor.validator.settings import Settings
from tests.support.docker_engine import WHY_NOT, docker_program, own_engine, why_no_own_engine

pytestmark = pytest.mark.docker

_LABEL = "janitor.validation"
_LIMIT_SECONDS = 120


class Engine:
    """An engine of the tests' own: everything in it may be removed."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder
        self.tool = _compiled(folder)
        program = docker_program(environment)
        assert program is not None
        self.program = program
        names = {"HOME": str(folder), "TMPDIR": str(folder), "PATH": environment["PATH"]}
        self.client = DockerClient(Settings.from_environment({**names, "DOCKER_HOST": environment["DOCKER_HOST"]}))

    def call(self, *words: str) -> str:
        done = subprocess.run(
            [self.program, *words],
            env={**self.environment, "DOCKER_BUILDKIT": "1"},
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def build(self, dockerfile: str, *words: str) -> str:
        """Build from a context that has the program; what the build said."""
        context = self.folder / uuid4().hex
        context.mkdir()
        shutil.copy(self.tool, context / "tool")
        (context / "Dockerfile").write_text(dockerfile)
        done = subprocess.run(
            [self.program, "build", "--progress", "plain", *words, str(context)],
            env={**self.environment, "DOCKER_BUILDKIT": "1"},
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr


_PROGRAM = """\
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    if (count > 2 && !strcmp(words[1], "touch")) return open(words[2], O_WRONLY | O_CREAT, 0644) < 0;
    if (count > 2 && !strcmp(words[1], "absent")) return access(words[2], F_OK) == 0;
    return sleep(600) != 0;
}
"""
_BASE = "FROM scratch\nCOPY tool /tool\n"
_MOUNT = 'RUN --mount=type=cache,id=pip,target=/shared ["/tool", "WORD", "/shared/wheel"]\n'


def _spoils() -> str:
    """A Dockerfile that puts a file into a cache mount; none is like another, so that none is found in the cache."""
    return f"{_BASE}ENV AT={time.time_ns()}\n{_MOUNT.replace('WORD', 'touch')}"


def _trusts() -> str:
    """One that fails where the file is there."""
    return f"{_BASE}ENV AT={time.time_ns()}\n{_MOUNT.replace('WORD', 'absent')}"


def _compiled(folder: Path) -> Path:
    """A program that needs no system around it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to make a program for empty images")
    source, program = folder / "tool.c", folder / "tool"
    source.write_text(_PROGRAM)
    done = subprocess.run(
        [compiler, "-static", "-o", str(program), str(source)], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no static program can be made here: {done.stderr.strip()[-200:]}")
    return program


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    reason = why_no_own_engine()
    if reason is not None:
        pytest.skip(f"no Docker engine of its own: {os.environ.get(WHY_NOT) or reason}")
    with own_engine(dict(os.environ), apart=True) as environment:
        yield Engine(dict(environment), tmp_path_factory.mktemp("engine"))


def test_what_a_task_has_made_goes_and_what_was_there_stays(engine: Engine) -> None:
    engine.build(f'{_BASE}CMD ["/tool"]\n', "--tag", "of-the-machine")
    kept = engine.call("create", "of-the-machine")
    before = look_at_engine(engine.client)
    assert before is not None
    assert kept in before.containers
    for kind in ("network", "volume"):
        engine.call(kind, "create", f"left-{kind}")
    engine.build(f"{_BASE}ENV MADE=here\n", "--tag", "made-here")
    left = engine.call("run", "--detach", "--network", "none", "--volume", "left-volume:/data", "of-the-machine")
    cleared = clear_engine(engine.client, before)
    assert cleared.left == []
    assert any(left[:40] in each for each in cleared.survivors)
    assert sum(each.startswith(("networks", "volumes")) for each in cleared.survivors) == 2
    assert cleared.warm.build_cache
    after = look_at_engine(engine.client)
    assert after is not None
    assert (after.containers, after.networks, after.volumes, set(after.images)) == (
        before.containers,
        before.networks,
        before.volumes,
        set(before.images),
    )


def test_a_cache_mount_is_empty_for_the_next_task(engine: Engine) -> None:
    before = look_at_engine(engine.client)
    engine.build(_spoils())
    with pytest.raises(AssertionError):
        engine.build(_trusts())  # it would have been there
    cleared = clear_engine(engine.client, before)
    assert any("type=exec.cachemount" in each for each in cleared.removed)
    engine.build(_trusts())


def test_a_repository_under_another_name_does_not_see_a_cache_mount(engine: Engine) -> None:
    engine.build(_spoils(), "--build-arg", "BUILDKIT_CACHE_MOUNT_NS=one")
    with pytest.raises(AssertionError):
        engine.build(_trusts(), "--build-arg", "BUILDKIT_CACHE_MOUNT_NS=one")
    assert "not consumed" not in engine.build(_trusts(), "--build-arg", "BUILDKIT_CACHE_MOUNT_NS=two")


def test_in_an_engine_of_others_only_the_validations_own_goes(engine: Engine) -> None:
    validation = str(uuid4())
    engine.build(f"{_BASE}ENV OF=others\n", "--tag", "of-others")
    engine.build(f"{_BASE}ENV OF=it\n", "--tag", "of-it", "--label", f"{_LABEL}={validation}")
    others, own = engine.call("create", "of-others", "/x"), engine.call("create", "of-it", "/x")
    assert own == engine.call("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={_LABEL}={validation}")
    cleared = clear_validation(engine.client, validation)
    assert cleared.left == []
    assert [each.split()[0] for each in cleared.survivors] == ["containers", "images"]
    there = engine.call("ps", "--all", "--quiet", "--no-trunc").split()
    assert (others in there, own in there) == (True, False)


def test_an_engine_that_answers_no_more_is_told() -> None:
    nowhere = Settings.from_environment({"PATH": "/nowhere", "DOCKER_HOST": "unix:///nowhere/docker.sock"})
    client = DockerClient(nowhere)
    assert look_at_engine(client) is None
    assert clear_engine(client, None).left == []
    assert clear_engine(client, EngineSeen()).left[0].startswith("the container engine answers no more")
