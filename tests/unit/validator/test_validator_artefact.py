"""The one file that travels to the instance."""

from __future__ import annotations

import ast
import hashlib
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from janitor.validator import VERSION, packaging
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
        for name in (each for each in archive.namelist() if each.endswith(".py")):
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


BUILD = """
import sys
from pathlib import Path
from janitor.validator.packaging import build_artefact
print(build_artefact(Path(sys.argv[1])).sha256)
"""


@pytest.mark.parametrize("environment", [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"}, {"PYTHONPYCACHEPREFIX": ""}])
def test_other_processes_make_the_same_bytes(artefact, tmp_path, environment):
    """Whatever lies in their caches: with a prefix of its own, a process has none."""
    own = {name: value or str(tmp_path / "none") for name, value in environment.items()}
    outcome = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(packaging.__file__).parents[2]), **own},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert outcome.stdout.strip() == hashlib.sha256(artefact.read_bytes()).hexdigest()


def changed(artefact: Path, folder: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The artefact with other content of its files."""
    other = folder / "other.pyz"
    with zipfile.ZipFile(artefact) as archive, zipfile.ZipFile(other, "w") as target:
        for name in archive.namelist():
            target.writestr(name, change(name, archive.read(name)))
    return other


@pytest.mark.skipif(sys.version_info < (3, 11), reason="bytecode is only packed by a Python that writes sets in order")
def test_it_starts_from_its_bytecode(artefact, tmp_path):
    def broken(name: str, content: bytes) -> bytes:
        return b"raise SystemExit(9)" if name.endswith(".py") and name.count("/") > 1 else content

    assert run(changed(artefact, tmp_path, broken), "--version").stdout.strip() == f"janitor-validator {VERSION}"


def test_another_python_starts_from_the_sources(artefact, tmp_path):
    def of_another(name: str, content: bytes) -> bytes:
        return b"\x00\x00\r\n" + content[4:] if name.endswith(".pyc") else content

    assert run(changed(artefact, tmp_path, of_another), "--version").stdout.strip() == f"janitor-validator {VERSION}"


def test_it_names_no_folder_of_the_machine_that_made_it(artefact):
    assert str(Path(packaging.__file__).parents[2]).encode() not in artefact.read_bytes()


def test_help_has_examples(artefact):
    assert "run --spec -" in run(artefact, "--help").stdout
