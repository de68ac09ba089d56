"""Repositories made to cost: whatever they hold, static checks end soon and find words for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from janitor.inspection.dockerfile.patterns import DockerIgnore
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.pipeline.static_run import validate_checkout
from janitor.validator.settings import Settings
from janitor.validator.workspace import remove_tree
from tests.support.cpu_time import cpu_time_below

FROM = "FROM python:3.11-slim\n"
START = "import runpod\ndef handler(job):\n    return 1\nrunpod.serverless.start({'handler': handler})\n"
MOST_CPU_SECONDS = 10
"""Far above what any of them takes, and far below what each took or would take."""
GPU_HUB = (
    '{"title": "t", "description": "d", "type": "serverless", "category": "image", "config": '
    '{"runsOn": "GPU", "containerDiskInGb": 5, "gpuCount": 1, "gpuIds": "ADA_24", "x": 0}}'
)


def many(count: int, text: str) -> str:
    return "".join(text.replace("#", str(number)) for number in range(count))


DOCKERFILES = {
    "variables_that_double": "ENV A=aaaaaaaa\n" + "ENV A=$A$A\n" * 60 + "CMD python $A\n",
    "variables_times_commands": "ENV " + many(20_000, "a#=1 ") + "\n" + "RUN x\n" * 900,
    "stages_on_stages": "FROM a AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\nCOPY . /a\n" for n in range(990)),
    "copies": many(1_900, "COPY . /a#\n"),
    "patterns": "COPY " + "*a*b*c*d*e*f " * 15_000 + " /x/\n",
    "flags": "COPY " + "--a=b " * 40_000 + " a b\n",
    "mounts": "RUN " + "--mount=" * 30_000 + "\n",
    "folders": "RUN mkdir " + many(20_000, "/d# ") + "\nRUN mkdir " + "/a" * 20_000 + "\n",
    "deep_destination": "COPY handler.py " + "/a" * 100_000 + "/\n",
    "two_slashes": "WORKDIR //app\nCOPY handler.py //app/x/\nRUN mkdir //y\n",
    "deep_json": "CMD " + "[" * 200_000 + "\n",
    "heredocs": "RUN " + "<<A " * 1_000 + "\n" + "A\n" * 1_000 + "RUN " + "'" * 99_999 + "<<X\n",
    "instructions": "RUN x\n" * 3_000,
}
FILES: Mapping[str, Mapping[str, str]] = {
    **{name: {"Dockerfile": FROM + text} for name, text in DOCKERFILES.items()},
    "arguments_that_double": {"Dockerfile": "ARG A=aaaaaaaa\n" + "ARG A=$A$A\n" * 60 + "FROM python:$A\n"},
    "ignore_rules": {
        ".dockerignore": "\n".join(["*a" * 30 + "b", "**/" * 30 + "x", "**a" * 30 + "b"] * 300),
        **{"a" * 240 + str(number): "" for number in range(500)},
    },
    "scripts": {
        "Dockerfile": f"{FROM}COPY . /\nCMD /a0.sh\n",
        **{f"a{n}.sh": f"/a{n + 1}.sh\n" * 2_000 for n in range(6)},
    },
    "script_that_starts_itself": {"Dockerfile": f"{FROM}COPY . /\nCMD /a.sh\n", "a.sh": "/a.sh\n" * 20_000},
    "script_of_blank_lines": {"Dockerfile": f"{FROM}COPY . /\nCMD /a.sh\n", "a.sh": "\n" * 2_000_000},
    "keys": {".runpod/hub.json": "{" + many(200_000, '"k#":1,') + '"k199999":2}'},
    "pools": {".runpod/hub.json": GPU_HUB.replace("ADA_24", "," * 2_000_000)},
    "nested_value": {".runpod/hub.json": GPU_HUB.replace('"GPU"', "[" * 800 + "]" * 800)},
    "many_problems": {".runpod/hub.json": GPU_HUB.replace('"x": 0', '"env": [' + "[]," * 200_000 + "[]]")},
    "digits_of_another_script": {
        ".runpod/hub.json": GPU_HUB.replace('"x": 0', '"allowedCudaVersions": ["12.²", "१२.४"]')
    },
    "a_long_number": {".runpod/tests.json": '{"tests": ' + "1" * 2_000_000 + "}"},
    "requirements": {"requirements.txt": ("pkg" + "<1" * 2_000 + "(\n") * 200 + ("a" + "==" * 2_000 + "1(\n") * 100},
    "same_requirement": {"requirements.txt": "a==1\n" * 500_000},
    "blanks": {"requirements.txt": ("a==1" + " " * 15_000 + "x\n") * 200},
    "requirements_in_circles": {
        "Dockerfile": f"{FROM}COPY . .\nRUN pip install -r r0.txt\n",
        **{f"r{n}.txt": many(200, "-r r#.txt\n") for n in range(200)},
    },
    "project": {
        "Dockerfile": f"{FROM}COPY . .\nRUN pip install -r pyproject.toml\n",
        "pyproject.toml": "[project]\ndependencies = [" + "\n" * 2_000_000,
    },
    "start_calls": {"handler.py": START + "runpod.serverless.start(c)\n" * 18_000},
    "names_of_names": {
        "handler.py": "import runpod\n" + "".join(f"a{n}=a{n + 1}\n" for n in range(20_000)) + "a0.start()\n" * 10_000
    },
    "names_in_circles": {"handler.py": "import runpod\n" + "a=b\nb=a\na=c\nc=b\n" * 5_000 + "a.start(b)\n" * 1_000},
    "imports": {"handler.py": START + many(40_000, "import m#\n")},
    "long_source": {"handler.py": START + "x = 1\n" * 650_000},
    "folders_of_steps": {".github/workflows/a.yml": "- run: x\n  working-directory: a\n" * 2_400},
    "long_workflow": {".github/workflows/a.yml": ("- run: " + "curl cp " * 200 + "\n") * 2_000},
    "references": {".github/workflows/a.yml": "- run: python a.py && python b.py\n" * 4_000},
    "symlinks": {f"l{n}": f"-> l{n + 1}" for n in range(1_500)},
    "more_ignore_rules": {".dockerignore": many(50_000, "a*b*c*#\n"), **{f"d/f{n}.txt": "" for n in range(200)}},
    "long_ignore_rules": {
        ".dockerignore": ("*a" * 120 + "b\n") * 2_000,
        **{"a" * 200 + str(n): "" for n in range(200)},
    },
    "workflows": {
        f".github/workflows/w{n}.yml": "jobs:\n  a:\n    steps:\n" + "      - run: python tools/a.py b.sh\n" * 500
        for n in range(3_000)
    },
    "keys_of_hub": {
        ".runpod/hub.json": GPU_HUB.replace('"x": 0', ", ".join(f'"k{n}": {n}' for n in range(300_000))),
    },
}


@pytest.mark.parametrize("name", FILES)
def test_hostile_repository_costs_little(name, tmp_path):
    files = {"Dockerfile": f'{FROM}COPY . .\nRUN pip install -r requirements.txt\nCMD ["python", "handler.py"]\n'}
    files |= {"handler.py": START, "requirements.txt": "runpod==1.12.0\n", **FILES[name]}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            (tmp_path / path).symlink_to(content[3:])
        else:
            (tmp_path / path).write_text(content)
    assert_judged_soon(tmp_path)


def deep_folders(root: Path, name: str, depth: int) -> None:
    """Make folders in each other; a path of so many can't be given to the kernel at once."""
    here = os.open(root, os.O_RDONLY)
    try:
        for _ in range(depth):
            os.mkdir(name, dir_fd=here)
            inner = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(os.open("handler.py", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    finally:
        os.close(here)


@pytest.mark.parametrize(
    ("name", "depth", "is_known_to_git"),
    [("d", 3_000, False), ("x" * 200, 60, False), ("d", 300, True)],
    ids=["deep", "long", "known to git"],
)
def test_folders_that_lie_too_deep_are_the_repository_s_fault(name, depth, is_known_to_git, tmp_path):
    root = tmp_path / "worker"
    root.mkdir()
    (root / "Dockerfile").write_text(f'{FROM}COPY . .\nCMD ["python", "handler.py"]\n')
    (root / "handler.py").write_text(START)
    if is_known_to_git:
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    deep_folders(root, name, depth)
    try:
        with cpu_time_below(MOST_CPU_SECONDS):
            result = validate_checkout(root, settings=Settings.from_environment(), network=False)
        checks = {each.check.name: each.check for each in result.checks}
        assert [each.name for each in checks.values() if each.status is CheckStatus.ERROR] == []
        assert checks["layout"].status is CheckStatus.FAIL
        assert checks["layout"].reason_code == "tree_too_deep"
        assert checks["layout"].reason
        assert "200 deep" in checks["layout"].reason
        assert checks["dockerfile_parse"].status is CheckStatus.PASS
    finally:
        # pytest removes its folders by recursion.
        assert remove_tree(root)


def test_folders_that_git_can_t_read_hide_no_other_file(tmp_path):
    root = tmp_path / "worker"
    root.mkdir()
    (root / "Dockerfile").write_text(f'{FROM}COPY . .\nCMD ["python", "handler.py"]\n')
    (root / "handler.py").write_text(START)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    deep_folders(root, "x" * 200, 60)
    try:
        result = validate_checkout(root, settings=Settings.from_environment(), network=False)
        checks = {each.check.name: each.check.status for each in result.checks}
        assert CheckStatus.ERROR not in checks.values()
        assert checks["dockerfile_parse"] is CheckStatus.PASS
    finally:
        assert remove_tree(root)


def test_usual_depth_is_no_fault(tmp_path):
    folder = tmp_path.joinpath(*["package"] * 100)
    folder.mkdir(parents=True)
    (folder / "a.py").write_text("")
    tree = RepositoryTree(tmp_path)
    assert tree.too_deep is None
    assert len(tree.entries) == 1


def test_rules_beyond_the_budget_are_said_to_be_unknown():
    ignore = DockerIgnore("a*b*c*d\n" * 50_000)
    with cpu_time_below(MOST_CPU_SECONDS):
        assert not any(ignore.excludes(PurePosixPath(f"d/{'a' * 100}{n}")) for n in range(206))
    assert ignore.is_cut


def test_huge_files_cost_nothing(tmp_path):
    for name in ("Dockerfile", "handler.py", "hub.json", "tests.json", "test_input.json", ".dockerignore"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(10 * 1024**3)
    assert_judged_soon(tmp_path)


def assert_judged_soon(folder: Path) -> None:
    with cpu_time_below(MOST_CPU_SECONDS):
        result = validate_checkout(folder, settings=Settings.from_environment(), network=False)
    assert [each.check.name for each in result.checks if each.check.status is CheckStatus.ERROR] == []
