"""`janitor-validate.pyz` alone: any Python runs it, with nothing of the product or its packages around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

from janitor.prepush.archive import build_archive, main
from tests.corpus.workers import BASE, DOCKERFILE
from tests.integration.validator.conftest import new_repository

BROKEN = DOCKERFILE.replace("COPY handler.py", "COPY gone.txt handler.py")
_LARGEST_BYTES = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    return build_archive(tmp_path_factory.mktemp("program")).path


def run(program: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", "-S", str(program), *map(str, arguments)]
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": "/nowhere"}
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_holds_the_checks_and_nothing_of_the_control_plane(program):
    with zipfile.ZipFile(program) as archive:
        packages = {name.split("/")[1] for name in archive.namelist() if name.startswith("janitor/")}
    assert packages == {"__init__.py", "diagnosis", "guest", "inspection", "protocol", "validator", "prepush"}
    assert program.stat().st_size < _LARGEST_BYTES
    assert os.access(program, os.X_OK)


def test_same_sources_give_the_same_bytes(program, tmp_path):
    assert build_archive(tmp_path / "again.pyz").path.read_bytes() == program.read_bytes()


def test_good_and_bad_worker(program, tmp_path):
    good = new_repository(tmp_path / "good", BASE)
    answer = run(program, cwd=good)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "✓ python_static" in answer.stdout
    bad = new_repository(tmp_path / "bad", {**BASE, "Dockerfile": BROKEN})
    junit, summary = tmp_path / "out.xml", tmp_path / "summary.md"
    answer = run(program, bad, "--github", "--junit", junit, "--summary", summary, cwd=tmp_path)
    assert answer.returncode == 1
    assert "✗ dockerfile_parse: copy_source_missing" in answer.stdout
    assert "::error file=Dockerfile,line=5,title=dockerfile_parse::" in answer.stdout
    assert ElementTree.parse(junit).getroot().get("failures") == "1"
    assert summary.read_text().startswith("### janitor validate: bad does not pass")
    document = json.loads(run(program, bad, "--json", cwd=tmp_path).stdout)
    assert document["status"] == "fail"


def test_answers_are_those_of_the_whole_product(program, tmp_path):
    worker = new_repository(tmp_path / "worker", {**BASE, "Dockerfile": BROKEN})
    argv = [sys.executable, "-m", "janitor.cli.main", "validate", "--json", str(worker)]
    whole = json.loads(subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout)
    alone = json.loads(run(program, worker, "--json", cwd=tmp_path).stdout)
    shown = [(check["name"], check["status"], check["reason"], check["places"]) for check in whole["checks"]]
    assert [(check["name"], check["status"], check["reason"], check["places"]) for check in alone["checks"]] == shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gone"], 2, "gone is not a folder"),
        (["."], 2, "is no git checkout, and no Dockerfile lies in it"),
        (["--nonsense"], 2, "unrecognized arguments"),
        (["--", "--json"], 2, "--json is not a folder"),
    ],
)
def test_bad_usage(program, tmp_path, arguments, code, words):
    (tmp_path / "empty").mkdir()
    answer = run(program, *arguments, cwd=tmp_path / "empty")
    assert (answer.returncode, answer.stdout) == (code, "")
    assert words in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gone", "--json"], 2, "gone is not a folder"),
        (["--json", "."], 2, "is no git checkout, and no Dockerfile lies in it"),
        (["--json", "--github", "."], 2, "not allowed with argument"),
        (["--json", "--nonsense"], 2, "unrecognized arguments"),
        (["--json", "--junit"], 2, "expected one argument"),
        (["--json", "--junit", "/nowhere/x.xml", "../worker"], 3, "/nowhere/x.xml: No such file or directory"),
    ],
)
def test_an_error_is_json_for_who_asked_for_json(program, tmp_path, arguments, code, words):
    (tmp_path / "empty").mkdir()
    new_repository(tmp_path / "worker", BASE)
    answer = run(program, *arguments, cwd=tmp_path / "empty")
    document = json.loads(answer.stdout)
    assert set(document) == {"error"}
    assert set(document["error"]) == {"message", "next_step", "exit_code"}
    assert (answer.returncode, document["error"]["exit_code"]) == (code, code)
    assert words in document["error"]["message"]
    assert words in answer.stderr


def test_file_that_cannot_be_written_says_nothing_of_the_worker(program, tmp_path):
    worker = new_repository(tmp_path / "worker", BASE)
    answer = run(program, "--junit", "/nowhere/x.xml", worker, cwd=tmp_path)
    assert answer.returncode == 3
    assert "/nowhere/x.xml: No such file or directory" in answer.stderr


def test_reader_that_goes_away_is_no_traceback(program, tmp_path):
    worker = new_repository(tmp_path / "worker", BASE)
    reader, writer = os.pipe()
    os.close(reader)
    argv = [sys.executable, "-I", str(program), str(worker)]
    answer = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (answer.returncode, answer.stderr) == (141, "")


def test_help_loads_none_of_the_checks(program):
    listing = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        "try: runpy.run_path(sys.path.pop(), run_name='__main__')\n"
        "except SystemExit as end: print(end.code, sum(name.startswith('janitor.') for name in sys.modules))\n"
    )
    argv = [sys.executable, "-I", "-c", f"import sys; sys.path.append({str(program)!r})\n{listing}"]
    shown = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    assert shown.startswith("usage: janitor-validate")
    code, loaded = shown.splitlines()[-1].split()
    assert code == "0"
    assert int(loaded) < 15


def test_program_of_the_makefile_says_what_it_has_made(tmp_path, capsys):
    assert main([str(tmp_path / "made" / "x.pyz")]) == 0
    assert str(tmp_path / "made" / "x.pyz") in capsys.readouterr().out
    assert main([]) == 2
