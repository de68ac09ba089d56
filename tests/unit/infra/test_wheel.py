"""An installed wheel finds its files: environments, prices, configurations, DAGs; and carries nobody's secrets."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("include", "dags", "plugins", "infra", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the tree, with settings of its owner's beside the committed ones."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheels")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "dist")
            )
        else:
            shutil.copy(ROOT / name, tree)
    (tree / "infra/env/prod.override.env").write_text("JANITOR_AIRFLOW_PASSWORD=of-the-owner\n")
    built = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--no-index", "--wheel-dir", str(out), str(tree)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(out.glob("janitor-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an installer makes of it: its files, and no checkout above them."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def janitor(site: Path, folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command of the installed package, whose dependencies are this environment's."""
    return subprocess.run(
        [sys.executable, "-m", "janitor.cli.main", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(site), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_carries_what_it_needs_and_no_override(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    carried = {name.removeprefix("janitor/project/") for name in names if name.startswith("janitor/project/")}
    assert {
        *("infra/env/local.env", "infra/env/dev.env", "infra/env/prod.env", "infra/prices.yaml"),
        *("infra/workers-config.yaml", "dags/validate_workers.py", "plugins/airflow_local_settings.py"),
        *("infra/policies/instance.json", "infra/lambda/reaper.py", "infra/local/workers/echo-worker/handler.py"),
    } <= carried
    assert not [name for name in carried if "override" in name or "__pycache__" in name]
    assert "janitor/stores/migrations/0001_runs_validations_instances.sql" in names


def test_its_command_answers_from_any_folder(installed: Path, tmp_path: Path) -> None:
    told = janitor(installed, tmp_path, "--help")
    assert told.returncode == 0, told.stderr
    assert "check-config" in told.stdout
    checked = janitor(installed, tmp_path, "check-config", "infra/workers-config.yaml", "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["valid"] is True
    own = tmp_path / "own.yaml"
    own.write_text("repositories: nothing\n")
    assert janitor(installed, tmp_path, "check-config", "own.yaml").returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["own.yaml"]


def test_it_knows_its_environments_and_a_folder_that_is_named(installed: Path, tmp_path: Path) -> None:
    unknown = janitor(installed, tmp_path, "check-config", "--env", "stage")
    assert (unknown.returncode, "environments here: dev, local, prod" in unknown.stderr) == (2, True)
    folder = tmp_path / "elsewhere"
    (folder / "infra" / "env").mkdir(parents=True)
    (folder / "infra/env/stage.env").write_text("JANITOR_BUCKET=b\nJANITOR_DEPLOYMENT=stage\n")
    (folder / "fleet.yaml").write_text((ROOT / "infra/workers-config.yaml").read_text())
    named = {"JANITOR_PROJECT_ROOT": str(folder), "JANITOR_ENV": "stage"}
    checked = janitor(installed, tmp_path, "check-config", "fleet.yaml", **named)
    assert checked.returncode == 0, checked.stderr
    wrong = janitor(installed, tmp_path, "check-config", JANITOR_PROJECT_ROOT=str(tmp_path))
    assert wrong.returncode == 2
    assert "there is no folder infra/env in it" in wrong.stderr


def test_its_dags_and_plugins_are_those_of_the_checkout(installed: Path) -> None:
    for name in ("dags/validate_workers.py", "dags/reap_instances.py", "plugins/airflow_local_settings.py"):
        assert (installed / "janitor/project" / name).read_bytes() == (ROOT / name).read_bytes()


def declared() -> set[str]:
    block = (ROOT / "pyproject.toml").read_text().split("\ncommand = [", 1)[1].split("\n]", 1)[0]
    return {canonicalize_name(Requirement(each).name) for each in re.findall(r'"([^"]+)"', block)}


def test_its_dependencies_are_among_the_locked_ones() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    named = {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}
    assert declared() <= named
    assert len(declared()) > 10


# Who imports these has them from elsewhere: a component of Airflow from Airflow, the agent from its image.
BROUGHT = {
    "airflow": ("orchestration/",),
    "fastapi": ("orchestration/", "web/"),
    "anthropic": ("agent/",),
    "openai": ("agent/",),
    "pydantic-ai-slim": ("agent/",),
}
# A distribution that comes with another, because the other is built on it.
COMES_WITH = {"botocore": "boto3", "pydantic-core": "pydantic", "typing-extensions": "pydantic"}


def test_what_it_imports_is_declared() -> None:
    of_module = packages_distributions()
    package = ROOT / "include/janitor"
    missing: set[tuple[str, str]] = set()
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package).as_posix()
        for module in _imported(ast.parse(path.read_text())) - set(sys.stdlib_module_names) - {"janitor"}:
            if place.startswith(BROUGHT.get(module, ())):
                continue
            names = {canonicalize_name(name) for name in of_module[module]}
            if not any(place.startswith(BROUGHT.get(name, ())) for name in names):
                missing.update(
                    (place, name) for name in {COMES_WITH.get(name, name) for name in names} if name not in declared()
                )
    assert missing == set()


def _imported(tree: ast.AST) -> set[str]:
    """The first names of all absolute imports, those inside of functions as well."""
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in plain | named}


def test_of_a_whole_checkout_airflow_parses_the_dags_alone(tmp_path: Path) -> None:
    from airflow._shared.module_loading.file_discovery import find_path_from_directory

    tree = tmp_path / "dags_folder"
    tree.mkdir()
    for name in (*SOURCES[:-1], ".airflowignore", "tests", "bench", "docs"):
        (tree / name).symlink_to(ROOT / name)
    found = {Path(path) for path in find_path_from_directory(tree, ".airflowignore", "glob")}
    parsed = {path.relative_to(tree).as_posix() for path in found if path.suffix == ".py"}
    assert parsed == {
        *("dags/gpu_pool.py", "dags/parallel_maintenance_poc.py", "dags/reap_instances.py", "dags/run_janitor.py"),
        *("dags/sweep_workspaces.py", "dags/validate_workers.py"),
    }
