"""The patch that puts a part of the old world back: git takes it, and the Dockerfile says what it is to say."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from janitor.domain.culprit.difference import UNKNOWN, Way
from janitor.domain.repair.proposal import Abstained
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.order.patch import Patch
from janitor.protocol.order.repository import RepositorySpec
from janitor.services.culprit.put_back import BOUNDS, put_back

SPEC = RepositorySpec(name="worker", organization="acme", url="https://example.com/worker")
DIGEST = f"sha256:{'1' * 64}"
PLAIN = "FROM python:3.11-slim\nCOPY r.txt .\nRUN pip install -r r.txt\nCOPY . .\n"


def package(name: str, before: str | None, after: str | None = "2.0") -> PartChange:
    return PartChange(part=Changed.PACKAGE, name=name, before=before, after=after)


ALPHA = package("alpha", "1.0")


def repository(folder: Path, dockerfile: str, **files: str) -> Path:
    for name, text in {"Dockerfile": dockerfile, "r.txt": "alpha\n", **files}.items():
        (folder / name).write_text(text)
    return folder


def answer(
    folder: Path, *changes: PartChange, way: Way = Way.INSTALLED, spec: RepositorySpec = SPEC
) -> Patch | Abstained:
    return put_back(RepositoryTree(folder), spec, changes, way)


def patched(folder: Path, *changes: PartChange, way: Way = Way.INSTALLED) -> str:
    """The Dockerfile with the patch, as git applies it."""
    patch = answer(folder, *changes, way=way)
    assert isinstance(patch, Patch), patch
    argv = ["git", "apply", "--whitespace=nowarn", "-"]
    done = subprocess.run(
        argv, cwd=folder, input=patch.text, text=True, capture_output=True, env={"PATH": "/usr/bin:/bin"}, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\n{patch.text}"
    return (folder / "Dockerfile").read_text()


def added(folder: Path, dockerfile: str, *changes: PartChange, **files: str) -> list[str]:
    """The lines that came to a Dockerfile."""
    before = repository(folder, dockerfile, **files).joinpath("Dockerfile").read_text().splitlines()
    after = patched(folder, *(changes or (ALPHA,))).splitlines()
    assert [line for line in after if line in before] == before
    return [line for line in after if line not in before]


def test_old_versions_follow_the_last_installation(tmp_path: Path) -> None:
    repository(tmp_path, PLAIN)
    assert patched(tmp_path, ALPHA, package("beta", "0.9"), package("came", None)) == (
        "FROM python:3.11-slim\nCOPY r.txt .\nRUN pip install -r r.txt\n"
        "RUN pip install --no-deps alpha==1.0 beta==0.9\nRUN pip uninstall -y came\nCOPY . .\n"
    )


@pytest.mark.parametrize(
    ("install", "line"),
    [
        ("RUN python3 -m pip install -r r.txt", "RUN python3 -m pip install --no-deps alpha==1.0"),
        ("RUN uv pip install --system -r r.txt", "RUN uv pip install --no-deps --system alpha==1.0"),
        ("RUN pip install --user -r r.txt", "RUN pip install --no-deps --user alpha==1.0"),
        (
            "RUN --mount=type=cache,target=/root/.cache pip install -r r.txt",
            "RUN --mount=type=cache,target=/root/.cache pip install --no-deps alpha==1.0",
        ),
        (
            "RUN . /opt/v/bin/activate && pip install -r r.txt",
            "RUN . /opt/v/bin/activate && pip install --no-deps alpha==1.0",
        ),
        (
            "RUN pip install -r r.txt --extra-index-url https://$TOKEN@one.example",
            'RUN pip install --no-deps --extra-index-url "https://$TOKEN@one.example" alpha==1.0',
        ),
        (
            "RUN pip install torch --index-url https://one.example\nRUN pip install -r r.txt",
            'RUN pip install --no-deps --extra-index-url "https://one.example" alpha==1.0',
        ),
        (
            "RUN uv pip install -i https://one.example -r r.txt --index https://two.example",
            'RUN uv pip install --no-deps --index-url "https://one.example" --extra-index-url "https://two.example"'
            " --index-strategy unsafe-best-match alpha==1.0",
        ),
        ('RUN ["pip", "install", "-r", "r.txt"]', "RUN pip install --no-deps alpha==1.0"),
        ("RUN apt-get update \\\n  # a word\n  && pip install -r r.txt", "RUN pip install --no-deps alpha==1.0"),
        ("RUN <<EOF\nset -e\npip install -r r.txt\nEOF", "RUN pip install --no-deps alpha==1.0"),
    ],
)
def test_by_the_same_command_from_the_same_indexes(tmp_path: Path, install: str, line: str) -> None:
    assert added(tmp_path, PLAIN.replace("RUN pip install -r r.txt", install)) == [line]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ('CMD ["/v/bin/python", "a.py"]', "RUN /v/bin/pip install --no-deps alpha==1.0"),
        ('CMD ["/w/bin/python3.11", "a.py"]', "RUN . /w/bin/activate && pip install --no-deps alpha==1.0"),
        ("CMD python -u a.py", "RUN pip install --no-deps alpha==1.0"),
        ('CMD ["/start.sh"]', "RUN . /w/bin/activate && pip install --no-deps alpha==1.0"),
    ],
)
def test_for_the_python_that_the_image_starts(tmp_path: Path, command: str, line: str) -> None:
    installs = "RUN /v/bin/pip install a\nRUN pip install -r r.txt\nRUN . /w/bin/activate && pip install b\n"
    text = f"FROM python:3.11-slim\nCOPY r.txt .\n{installs}{command}\n"
    assert added(tmp_path, text) == [line]


def test_indexes_of_the_requirements_file_are_asked_as_well(tmp_path: Path) -> None:
    text = "--extra-index-url https://two.example/${TOKEN}\nalpha\n"
    assert added(tmp_path, PLAIN, **{"r.txt": text}) == [
        'RUN pip install --no-deps --extra-index-url "https://two.example/${TOKEN}" alpha==1.0'
    ]


def test_a_file_without_a_newline_at_its_end(tmp_path: Path) -> None:
    repository(tmp_path, "FROM python:3.11-slim\nCOPY r.txt .\nRUN pip install -r r.txt")
    assert patched(tmp_path, ALPHA).endswith("RUN pip install -r r.txt\nRUN pip install --no-deps alpha==1.0")


@pytest.mark.parametrize(
    ("dockerfile", "reason"),
    [
        (PLAIN.replace("install", "install --target /deps"), r"folder of its own \(--target\)"),
        (PLAIN.replace("install", "install --prefix=/deps"), r"folder of its own \(--prefix=/deps\)"),
        ("FROM python:3.11-slim\nRUN uv sync\n", "no command of the Dockerfile is known to install any"),
        ("FROM python:3.11-slim\nRUN conda install x\n", "no command of the Dockerfile is known to install any"),
        ("FROM python:3.11-slim\nRUN pip install -r r.txt -i 'https://a\"b'\n", "can't be written down"),
        ("NONSENSE\n", "the Dockerfile can't be read: line 1"),
    ],
)
def test_where_it_is_not_possible_it_says_why(tmp_path: Path, dockerfile: str, reason: str) -> None:
    given = answer(repository(tmp_path, dockerfile), ALPHA)
    assert isinstance(given, Abstained)
    assert re.search(reason, given.reason), given.reason


def test_without_a_dockerfile_or_with_a_bake_target(tmp_path: Path) -> None:
    given = answer(tmp_path, ALPHA)
    assert isinstance(given, Abstained)
    assert "no Dockerfile" in given.reason
    given = answer(repository(tmp_path, PLAIN), ALPHA, spec=replace(SPEC, bake_target="gpu"))
    assert isinstance(given, Abstained)
    assert "bake target gpu" in given.reason


def test_a_base_image_is_named_by_its_digest(tmp_path: Path) -> None:
    text = "ARG TAG=3.11\nFROM python:${TAG} AS one\nRUN true\nFROM python:3.11\nCOPY --from=python:3.11 /a /a\n"
    repository(tmp_path, text)
    image = PartChange(part=Changed.BASE_IMAGE, name="python:3.11", before=DIGEST, after=f"sha256:{'2' * 64}")
    named = f"python:3.11@{DIGEST}"
    assert patched(tmp_path, image) == (
        f"ARG TAG=3.11\nFROM {named} AS one\nRUN true\nFROM {named}\nCOPY --from={named} /a /a\n"
    )
    other = PartChange(part=Changed.BASE_IMAGE, name="debian:12", before=DIGEST, after=None)
    given = answer(tmp_path, other)
    assert isinstance(given, Abstained)
    assert "debian:12" in given.reason


@pytest.mark.parametrize(
    ("base", "was"),
    [
        ("python:3-slim", "python:3.11-slim"),
        ("python", "python:3.11"),
        ("python:latest", "python:3.11"),
        ("docker.io/python:3.12-bookworm", "docker.io/python:3.11-bookworm"),
        ("nvidia/cuda:12.1.0-runtime", None),
    ],
)
def test_a_python_is_named_by_its_tag(tmp_path: Path, base: str, was: str | None) -> None:
    repository(tmp_path, f"FROM {base} AS x\n")
    python = PartChange(part=Changed.PYTHON, before="3.11.4", after="3.12.1")
    if was is None:
        given = answer(tmp_path, python)
        assert isinstance(given, Abstained)
        assert base in given.reason
    else:
        assert patched(tmp_path, python) == f"FROM {was} AS x\n"


def test_a_file_that_is_there_and_empty_is_no_new_one(tmp_path: Path) -> None:
    repository(tmp_path, "FROM python:3.11\nRUN pip install torch\n", **{".dockerignore": ""})
    patched(tmp_path, package("alpha", "1.0", UNKNOWN), way=Way.BOUND)
    assert (tmp_path / ".dockerignore").read_text() == f"!{BOUNDS}\n"


def test_bounds_are_read_by_each_installer_of_each_stage(tmp_path: Path) -> None:
    text = (
        "FROM python:3.11 AS a\nRUN pip install torch\nFROM python:3.11\nCOPY r.txt .\n"
        'RUN apt-get update && \\\n  python -m pip install -r r.txt\nRUN ["pip", "install", "x"]\n# pip install y\n'
    )
    repository(tmp_path, text, **{".dockerignore": "*\n!r.txt"})
    place = f"/tmp/{BOUNDS}"
    assert patched(tmp_path, package("alpha", "1.0", UNKNOWN), way=Way.BOUND) == (
        f"FROM python:3.11 AS a\nCOPY {BOUNDS} {place}\nRUN pip install -c {place} torch\n"
        f"FROM python:3.11\nCOPY {BOUNDS} {place}\nCOPY r.txt .\n"
        f"RUN apt-get update && \\\n  python -m pip install -c {place} -r r.txt\n"
        f'RUN ["pip", "install", "-c", "{place}", "x"]\n# pip install y\n'
    )
    assert (tmp_path / BOUNDS).read_text() == "alpha==1.0\n"
    assert (tmp_path / ".dockerignore").read_text() == f"*\n!r.txt\n!{BOUNDS}\n"
