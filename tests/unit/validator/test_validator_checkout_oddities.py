"""Checkouts as they lie on a machine: strange names, encodings, submodules, and git settings that start programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.checkout.git import Git
from janitor.validator.pipeline.static_run import StaticResult, validate_checkout
from janitor.validator.settings import Settings

DOCKERFILE = (
    'FROM python:3.11-slim\nRUN pip install runpod==1.12.0\nWORKDIR /app\nCOPY . .\nCMD ["python", "handler.py"]\n'
)
HANDLER = "import runpod\ndef handler(job):\n    return 1\nrunpod.serverless.start({'handler': handler})\n"


def git(folder: Path, *words: str) -> str:
    argv = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "protocol.file.allow=always", *words]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(argv, cwd=folder, env=env, check=True, capture_output=True, timeout=60, text=True).stdout


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "worker"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "handler.py").write_text(HANDLER)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "state")
    return folder


@pytest.fixture
def judged() -> Callable[[Path], StaticResult]:
    """What `janitor validate` finds."""
    return lambda folder: validate_checkout(folder, settings=Settings.from_environment(), network=False)


def failing(result: StaticResult) -> list[tuple[str, str | None]]:
    """What speaks against the repository, and what could not be told."""
    bad = [
        *result.with_status(CheckStatus.FAIL, required=True),
        *result.with_status(CheckStatus.ERROR, required=True),
    ]
    return [(each.check.name, each.check.reason_code) for each in bad]


def check_of(result: StaticResult, name: str):
    return next(each.check for each in result.checks if each.check.name == name)


NAMES = (b"caf\xe9.txt", b"a\nb.txt", b"-rf", b" blank ", "日本語.txt".encode(), b"x" * 255, b'"quoted"', b"tab\there")


def test_strange_names_are_files_as_any_other(worker, judged):
    for name in NAMES:
        (Path(os.fsdecode(bytes(worker))) / os.fsdecode(name)).write_text("x")
    deep = worker
    for _ in range(60):
        deep = deep / ("d" * 60)
        deep.mkdir()
    (deep / "end.txt").write_text("x")
    assert failing(judged(worker)) == []
    git(worker, "add", "--all")
    git(worker, "commit", "--quiet", "--message", "names")
    result = judged(worker)
    assert failing(result) == []
    evidence = "\n".join(each.tail for each in check_of(result, "checkout").evidence)
    assert f"{2 + len(NAMES) + 1}" in evidence.splitlines()


def test_file_whose_name_is_no_utf_8_can_be_copied(worker, judged):
    name = os.fsdecode(b"caf\xe9.json")
    (worker / name).write_text("{}")
    (worker / "Dockerfile").write_text(DOCKERFILE.replace("COPY . .", "COPY *.json handler.py ./"))
    git(worker, "add", "--all")
    result = judged(worker)
    assert failing(result) == []
    assert any(str(path) == name for path in [entry.path for entry in result_tree(worker)])


def result_tree(worker: Path):
    from janitor.validator.checkout.local_checkout import read_local_checkout

    return read_local_checkout(worker, Settings.from_environment(), worker.parent).tree.entries


def test_list_of_files_that_is_longer_than_an_output_is_read_whole(worker, judged):
    (worker / ".gitignore").write_text("ignored.py\n")
    (worker / "ignored.py").write_text("def (")
    for folder in range(45):
        (worker / f"{'f' * 200}{folder}").mkdir()
        for number in range(100):
            (worker / f"{'f' * 200}{folder}" / f"{'n' * 200}{number}").touch()
    result = judged(worker)
    assert check_of(result, "checkout").status is CheckStatus.PASS
    assert not any(path.path.name == "ignored.py" for path in result_tree(worker))


def test_source_in_another_encoding(worker, judged):
    (worker / "handler.py").write_bytes(b"# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n" + HANDLER.encode())
    assert failing(judged(worker)) == []


def test_source_that_is_no_text_is_a_fault(worker, judged):
    (worker / "handler.py").write_bytes(b"NAME = 'caf\xe9'\n" + HANDLER.encode())
    assert failing(judged(worker)) == [("python_static", "syntax_error")]


def test_submodule_that_is_not_fetched_is_nobodys_fault(worker, judged, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "setup.py").write_text("x = 1\n")
    git(other, "init", "--quiet", "--initial-branch=main")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message", "state")
    git(worker, "submodule", "--quiet", "add", str(other), "lib/other")
    (worker / "Dockerfile").write_text(
        DOCKERFILE.replace("COPY . .", "COPY lib/other/setup.py lib/other handler.py ./")
    )
    git(worker, "add", "--all")
    git(worker, "commit", "--quiet", "--message", "submodule")
    assert failing(judged(worker)) == []
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--no-local", str(worker), str(clone))
    assert list((clone / "lib" / "other").iterdir()) == []
    assert failing(judged(clone)) == []
    (clone / "Dockerfile").write_text(DOCKERFILE.replace("COPY . .", "COPY lib/gone handler.py ./"))
    assert failing(judged(clone)) == [("dockerfile_parse", "copy_source_missing")]


@pytest.mark.parametrize("as_address", [True, False])
def test_submodule_beside_its_repository(worker, tmp_path, as_address):
    other, inner = tmp_path / "other", tmp_path / "group" / "inner"
    for folder in (inner, tmp_path / "group" / "middle", other):
        folder.mkdir(parents=True)
        (folder / "lib.py").write_text("x = 1\n")
        git(folder, "init", "--quiet", "--initial-branch=main")
        if folder.name == "middle":
            git(folder, "submodule", "--quiet", "add", str(inner), "inner")
            git(folder, "config", "-f", ".gitmodules", "submodule.inner.url", "../inner")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "state")
    git(worker, "submodule", "--quiet", "add", str(tmp_path / "group" / "middle"), "middle")
    git(worker, "submodule", "--quiet", "add", str(other), "other")
    git(worker, "config", "-f", ".gitmodules", "submodule.other.url", "../other")
    git(worker, "add", "--all")
    git(worker, "commit", "--quiet", "--message", "submodule")
    neutral = tmp_path / "neutral"
    neutral.mkdir()
    target = tmp_path / "elsewhere" / "checkout"
    target.parent.mkdir()
    checkout = Git(Settings.from_environment(), neutral).checkout(
        worker.as_uri() if as_address else str(worker), None, target
    )
    assert (target / "other" / "lib.py").read_text() == "x = 1\n"
    assert (target / "middle" / "inner" / "lib.py").read_text() == "x = 1\n"
    assert len(checkout.submodules) == 3


def test_settings_of_the_repository_start_no_program(worker, judged):
    mark = worker.parent / "started"
    program = worker.parent / "program.sh"
    program.write_text(f"#!/bin/sh\ntouch '{mark}'\ncat\n")
    program.chmod(0o755)
    (worker / ".gitattributes").write_text("* filter=evil diff=evil\n")
    git(worker, "add", "--all")
    git(worker, "commit", "--quiet", "--message", "attributes")
    for key in (
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "core.fsmonitor",
        "diff.evil.textconv",
    ):
        git(worker, "config", key, str(program))
    git(worker, "config", "filter.evil.required", "true")
    git(worker, "config", "core.hooksPath", str(program.parent))
    (worker / "handler.py").write_text(HANDLER + "# changed\n")
    os.utime(worker / "Dockerfile", (1, 1))
    assert failing(judged(worker)) == []
    assert not mark.exists()


def test_symlinks_in_a_circle_lead_nowhere(worker, judged):
    (worker / "one").symlink_to("two")
    (worker / "two").symlink_to("one")
    (worker / "self").symlink_to("self")
    (worker / "folder").mkdir()
    (worker / "folder" / "up").symlink_to("..")
    assert failing(judged(worker)) == []


def test_folder_that_is_part_of_a_repository(worker, judged):
    inner = worker / "workers" / "one"
    inner.mkdir(parents=True)
    (inner / "Dockerfile").write_text(DOCKERFILE)
    (inner / "handler.py").write_text(HANDLER)
    git(worker, "add", "--all")
    result = judged(inner)
    assert failing(result) == []
    assert result.commit_sha is not None


@pytest.mark.parametrize("may_run", [True, False])
def test_where_the_file_system_keeps_no_modes_those_of_git_count(worker, judged, *, may_run):
    (worker / "run.sh").write_text("#!/bin/sh\nexec python handler.py\n")
    (worker / "run.sh").chmod(0o644 if may_run else 0o755)
    (worker / "Dockerfile").write_text(
        'FROM python:3.11-slim\nWORKDIR /app\nRUN pip install runpod\nCOPY . .\nCMD ["./run.sh"]\n'
    )
    git(worker, "config", "core.fileMode", "false")
    git(worker, "add", "--all")
    git(worker, "update-index", f"--chmod={'+' if may_run else '-'}x", "run.sh")
    assert failing(judged(worker)) == ([] if may_run else [("dockerfile_parse", "command_not_executable")])
