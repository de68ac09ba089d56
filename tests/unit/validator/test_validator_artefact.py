"""The one file that travels to the instance."""

from __future__ import annotations

import ast
import hashlib
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from janitor.validator import VERSION
from janitor.validator.packaging import ARTEFACT_NAME, build_artefact

ROOMS = ("diagnosis", "guest", "inspection", "protocol", "validator")


@pytest.fixture(scope="module")
def artefact(tmp_path_factory) -> Path:
    return build_artefact(tmp_path_factory.mktemp("artefact")).path


def test_same_sources_give_the_same_bytes(tmp_path):
    first = build_artefact(tmp_path / "one" / "a.pyz")
    second = build_artefact(tmp_path / "two.pyz")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert first.size == first.path.stat().st_size


def test_folder_gets_the_artefact_by_its_name(tmp_path):
    assert build_artefact(tmp_path).path == tmp_path / ARTEFACT_NAME


def test_it_holds_the_rooms_of_the_instance_alone(artefact):
    with zipfile.ZipFile(artefact) as archive:
        names = archive.namelist()
        assert {name.split("/")[1] for name in names if name.startswith("janitor/")} == {
            "__init__.py",
            *ROOMS,
        }
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())
        assert not any("__pycache__" in name for name in names)


def test_it_needs_the_standard_library_alone(artefact):
    allowed = set(sys.stdlib_module_names) | {"janitor"}
    with zipfile.ZipFile(artefact) as archive:
        for name in archive.namelist():
            for node in ast.walk(ast.parse(archive.read(name))):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"{name} has a relative import"
                    modules = [node.module or ""]
                for module in modules:
                    assert module.split(".")[0] in allowed, f"{name} imports {module}"
                    assert not module.startswith("janitor.") or module.split(".")[1] in ROOMS


def run(artefact: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    # -I: without the tests' own PYTHONPATH, as on the instance.
    argv = [sys.executable, "-I", str(artefact), *arguments]
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_it_starts_at_once(artefact):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = run(artefact, "--version")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert outcome.stdout.strip() == f"janitor-validator {VERSION}"
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert taken < 5  # seconds of CPU, which a busy machine takes none of: a hang, not a benchmark


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        ((), ""),
        (("run",), ""),
        (("frobnicate",), ""),
        (("run", "--spec", "-"), "not json"),
        (("run", "--spec", "-"), "{}"),
        (("run", "--spec", "/nonexistent/spec.json"), ""),
    ],
)
def test_bad_usage_and_bad_specs_end_with_2_and_a_message(artefact, arguments, stdin):
    outcome = run(artefact, *arguments, stdin=stdin)
    assert outcome.returncode == 2
    assert outcome.stderr.strip()
    assert "Traceback" not in outcome.stderr


def test_help_has_examples(artefact):
    assert "run --spec -" in run(artefact, "--help").stdout
