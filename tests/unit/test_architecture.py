"""The import contract of pyproject.toml holds, and each of its rules can fail."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_MODULES = 16
MOST_LINES_OF_A_FUNCTION = 60
ENVIRONMENT_READERS = {
    "include/janitor/settings/process.py",
    "include/janitor/cli/terminal/terminal_settings.py",
    # Programs of their own, which import nothing of the control plane.
    "include/janitor/guest/pod_guard.py",
    "include/janitor/agent/settings.py",
    "include/janitor/validator/settings.py",
    "include/janitor/validator/agent/settings.py",
    "include/localcloud/settings.py",
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "include"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_layers_depend_downward_only() -> None:
    answer = _lint(ROOT)
    assert answer.returncode == 0, answer.stdout
    assert "0 broken" in answer.stdout


def test_an_upward_import_is_noticed(tmp_path: Path) -> None:
    import shutil

    shutil.copytree(ROOT / "include", tmp_path / "include", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    guilty = tmp_path / "include" / "janitor" / "domain" / "states.py"
    guilty.write_text(guilty.read_text() + "\nimport janitor.services.launch.plan\nimport boto3\n")
    answer = _lint(tmp_path)
    assert answer.returncode == 1, answer.stdout
    assert "2 broken" in answer.stdout or "3 broken" in answer.stdout


def test_the_environment_is_read_in_settings_alone() -> None:
    pattern = re.compile(r"os\.(environ|getenv|environb)\b")
    readers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "include").rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert readers == ENVIRONMENT_READERS


def test_no_folder_is_a_heap_of_modules() -> None:
    folders = {path.parent for path in (ROOT / "include").rglob("__init__.py")}
    modules = {folder: len(list(folder.glob("*.py"))) - 1 for folder in folders}
    assert {str(folder.relative_to(ROOT)): count for folder, count in modules.items() if count > MOST_MODULES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in (ROOT / "include").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_one_place_connects_to_postgres() -> None:
    """So that every connection has a timeout, a word while it is waited for, and the true cause where there is none."""
    found = {
        path.name
        for path in (ROOT / "include" / "janitor" / "stores").rglob("*.py")
        if "psycopg.connect(" in path.read_text(encoding="utf-8")
    }
    assert found == {"database.py"}


_SUPPRESSION = re.compile(r"# (?:noqa|type: ignore)\b(?::\s*[A-Z0-9, ]+|\[[a-z, -]+\])?(?P<reason>.*)")


def test_each_suppressed_warning_says_why() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("include", "infra", "dags", "bench")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := _SUPPRESSION.search(line)) and len(match["reason"].strip(" #-()")) < 5
    ]
    assert silent == []
