"""The block that reproduces a failure: what stands in it, and that a shell takes a stranger's text for text."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from janitor.domain.config.workers import parse_workers_config
from janitor.domain.evidence.cause import Image
from janitor.domain.evidence.links import bare_url, compare_url
from janitor.protocol.terms.statuses import Engine
from janitor.views.text.reproduce import reproduce_lines
from tests.unit.evidence.broken import NEW, OLD, broken

DIGEST = "sha256:" + "2" * 64
NASTY = "x'; touch broken-out; echo $(touch broken-out) `touch broken-out` \" \n touch broken-out"


def test_the_commands() -> None:
    assert reproduce_lines(broken(dockerfile="docker/Dockerfile"), "prod") == [
        "git clone -- https://github.com/acme/worker-a.git ./worker-a",
        f"git -C ./worker-a checkout {NEW}",
        "janitor validate ./worker-a",
        f"docker buildx build --load --build-context python:3.11=docker-image://python@{DIGEST}"
        " --file ./worker-a/docker/Dockerfile --tag janitor-reproduce ./worker-a",
        "docker run --rm --interactive --tty --gpus all janitor-reproduce",
        "# its instance, while a run validates it:",
        "make keep REPO=acme/worker-a FOR=30m ENV=prod",
    ]


def test_without_docker_commit_or_digest() -> None:
    lines = reproduce_lines(broken(engine=Engine.VENV, commit_sha=None), "local")
    assert [line.split()[0] for line in lines] == ["git", "janitor", "printf", "make", "#", "make"]
    assert lines[3] == "make run CONFIG=./janitor-reproduce.yaml"
    without = reproduce_lines(
        broken(images=(Image(reference="python:3.11", digest=None),), gpu_required=False), "local"
    )
    assert "docker buildx build --load --tag janitor-reproduce ./worker-a" in without
    assert "docker run --rm --interactive --tty janitor-reproduce" in without


@pytest.mark.parametrize(
    ("reference", "pinned"),
    [
        ("registry.example:5000/team/base:1", "registry.example:5000/team/base"),
        ("registry.example:5000/team/base", "registry.example:5000/team/base"),
        ("${BASE}", None),
        (f"python@{DIGEST}", None),
        ("python:3.11 --push", None),
    ],
)
def test_which_base_images_are_pinned(reference: str, pinned: str | None) -> None:
    build = next(
        line
        for line in reproduce_lines(broken(images=(Image(reference=reference, digest=DIGEST),)), "local")
        if line.startswith("docker buildx")
    )
    if pinned is None:
        assert "--build-context" not in build
    else:
        assert f"--build-context {reference}=docker-image://{pinned}@{DIGEST} " in build


def test_a_shell_runs_nothing_of_what_a_repository_says(tmp_path: Path) -> None:
    """Every program of the block is one that does nothing: what is left is what the shell itself makes of the words."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "janitor", "docker", "make"):
        program = programs / name
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> "$SEEN"\n')
        program.chmod(0o755)
    for name in ("touch",):
        os.symlink(shutil.which(name) or "/usr/bin/touch", programs / name)
    hostile = broken(
        NASTY,
        organization=NASTY,
        url=f"https://example.org/{NASTY}",
        commit_sha=NASTY,
        dockerfile=NASTY,
        images=(Image(reference=NASTY, digest=DIGEST), Image(reference="python:3.11", digest=NASTY)),
    )
    seen = tmp_path / "seen"
    subprocess.run(
        ["/bin/sh", "-c", "\n".join(reproduce_lines(hostile, "local"))],
        cwd=tmp_path,
        env={"PATH": str(programs), "SEEN": str(seen)},
        check=True,
        timeout=60,
    )
    assert not (tmp_path / "broken-out").exists()
    assert "$(touch broken-out)" in seen.read_text(), "it was handed on as text"


def test_without_docker_the_whole_validation_is_run_again(tmp_path: Path) -> None:
    lines = reproduce_lines(broken(engine=Engine.VENV, gpu_required=False), "local")
    (written,) = [line for line in lines if line.startswith("printf")]
    subprocess.run(["/bin/sh", "-c", written], cwd=tmp_path, check=True, timeout=60)
    config = parse_workers_config((tmp_path / "janitor-reproduce.yaml").read_bytes(), source="it")
    (repository,) = config.repositories
    assert (repository.organization, repository.name, repository.ref) == ("acme", "worker-a", NEW)
    assert repository.clone_url == "https://github.com/acme/worker-a.git"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://github.com/acme/worker-a.git", f"https://github.com/acme/worker-a/compare/{OLD}...{NEW}"),
        ("https://user:token@github.com/acme/worker-a", f"https://github.com/acme/worker-a/compare/{OLD}...{NEW}"),
        ("https://gitlab.com/a/b/c.git", f"https://gitlab.com/a/b/c/-/compare/{OLD}...{NEW}"),
        ("https://bitbucket.org/a/b.git", f"https://bitbucket.org/a/b/branches/compare/{NEW}%0D{OLD}"),
        ("https://git.example.com/a/b.git", None),
        ("https://github.com/", None),
        ("ssh://git@github.com/acme/worker-a.git", None),
        ("file:///srv/worker-a", None),
        ('https://github.com/a"><script>/b', f"https://github.com/a%22%3E%3Cscript%3E/b/compare/{OLD}...{NEW}"),
    ],
)
def test_pages_of_hosts(url: str, page: str | None) -> None:
    assert compare_url(url, OLD, NEW) == page
    assert compare_url(url, "HEAD", NEW) is None


def test_an_address_without_its_user() -> None:
    assert bare_url("https://user:token@git.example.com:8443/a/b.git?x=1") == "https://git.example.com:8443/a/b.git"
    for plain in ("https://github.com/a/b.git", "file:///srv/a", "ssh://git@example.com/a"):
        assert bare_url(plain) == plain
