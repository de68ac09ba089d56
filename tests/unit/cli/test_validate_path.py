"""`janitor validate PATH`: the static checks on a checkout as it lies there, in every form of answer."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from janitor.cli.main import main
from janitor.guest.processes.confinement import owns_descendants
from janitor.validator.checkout.local_checkout import NoCheckoutError, require_checkout
from janitor.validator.settings import Settings
from tests.corpus.workers import BASE, DOCKERFILE, hub
from tests.integration.validator.conftest import new_repository

ROOT = Path(__file__).resolve().parents[3]
JANITOR = (sys.executable, "-m", "janitor.cli.main")
SOURCES = {"PYTHONPATH": str(ROOT / "include")}
BROKEN = DOCKERFILE.replace("COPY handler.py", "COPY gone,1.txt handler.py")


@pytest.fixture
def worker(tmp_path):
    """Makes a worker's checkout."""

    def make(files: dict[str, str | None] | None = None) -> Path:
        return new_repository(tmp_path / "worker", {**BASE, **(files or {})})

    return make


def validate(path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    home = path.parent / "home"
    home.mkdir(exist_ok=True)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "NO_COLOR": "1",
        **SOURCES,
        **environment,
    }
    argv = [*JANITOR, "validate", *arguments, str(path)]
    answer = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert list(home.glob("janitor-*")) == []
    return answer


def test_good_worker(worker):
    path = worker()
    answer = validate(path)
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    assert lines[0].startswith(f"{path} at ")
    assert "not committed" not in lines[0]
    assert "✓ python_static" in lines
    assert "The network was not asked." in lines[-1]
    assert "checkout 0." in lines[-1]
    assert "static 0." in lines[-1]


def test_bad_worker_is_told_with_its_places(worker):
    answer = validate(worker({"Dockerfile": BROKEN}))
    assert answer.returncode == 1
    assert "✗ dockerfile_parse: copy_source_missing: " in answer.stdout
    assert "    Dockerfile:5: the build context doesn't hold gone,1.txt" in answer.stdout
    assert "1 fail" in answer.stdout


def test_what_does_not_count_is_told_apart(worker):
    answer = validate(worker({"requirements.txt": "runpod\n"}))
    assert answer.returncode == 0
    assert "! pins: unpinned: runpod is not pinned" in answer.stdout
    assert "    requirements.txt:1: warning: runpod is not pinned" in answer.stdout
    assert "1 worth a look" in answer.stdout


def test_dirty_tree_is_allowed_and_said(worker):
    path = worker()
    (path / "handler.py").write_text("def (\n")
    (path / "new.txt").write_text("x")
    answer = validate(path)
    assert answer.returncode == 1
    assert "with 2 changes that are not committed: handler.py, new.txt" in answer.stdout
    assert "✗ python_static: syntax_error" in answer.stdout


def test_what_git_ignores_does_not_count(worker):
    path = worker({".gitignore": "venv/\nmodel.bin\n", "Dockerfile": f"{DOCKERFILE}COPY model.bin /\n"})
    (path / "venv").mkdir()
    (path / "venv" / "python").symlink_to("/usr/bin/python3")
    (path / "model.bin").write_text("x")
    answer = validate(path)
    # It is on this machine alone: a build of the commit would not find it.
    assert "copy_source_missing" in answer.stdout
    assert "✓ layout" in answer.stdout


def test_folder_outside_of_git_and_folder_within_a_repository(tmp_path, worker):
    plain = tmp_path / "plain"
    plain.mkdir()
    for name, content in BASE.items():
        (plain / name).write_text(content or "")
    answer = validate(plain, GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert answer.returncode == 0
    assert "checkout: no_git" in answer.stdout
    inner = worker({f"workers/a/{name}": content for name, content in BASE.items()}) / "workers" / "a"
    answer = validate(inner)
    assert (answer.returncode, answer.stdout.splitlines()[1]) == (0, "✓ checkout")


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_folder_that_is_no_checkout_is_refused_at_once_with_the_next_step(tmp_path, arguments):
    large, empty = tmp_path / "large", tmp_path / "empty"
    empty.mkdir()
    for number in range(60):
        (large / f"folder-{number}").mkdir(parents=True)
        for name in range(100):
            (large / f"folder-{number}" / f"file-{name}").touch()
    (large / "Dockerfile").write_text(DOCKERFILE)
    for path, why in ((large, "holds more than a worker's files"), (empty, "no Dockerfile lies in it")):
        began = time.monotonic()
        answer = validate(path, *arguments, GIT_CEILING_DIRECTORIES=str(tmp_path))
        assert answer.returncode == 2
        assert f"{path} is no git checkout, and {why}" in answer.stderr
        assert "name a worker's folder, as in `janitor validate path/to/worker`" in answer.stderr
        assert time.monotonic() - began < 20  # a second of it on a quiet machine, Python's start included
        if arguments:
            assert json.loads(answer.stdout)["error"]["exit_code"] == 2


def test_time_of_a_look_at_a_folder_is_bounded(tmp_path):
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    for number in range(300):
        (tmp_path / f"{number}" / "a" / "b").mkdir(parents=True)
    began = time.monotonic()
    require_checkout(tmp_path, Settings.from_environment({"PATH": "/nowhere"}), tmp_path)
    assert time.monotonic() - began < 5
    for number in range(6_000):
        (tmp_path / f"x{number}").touch()
    with pytest.raises(NoCheckoutError, match="holds more than a worker's files"):
        require_checkout(tmp_path, Settings.from_environment({"PATH": "/nowhere"}), tmp_path)


def test_inside_of_a_repository_and_a_folder_that_git_ignores_are_refused(worker):
    path = worker({".gitignore": "made/\n"})
    answer = validate(path / ".git")
    assert (answer.returncode, "is the inside of a git repository" in answer.stderr) == (2, True)
    (path / "made").mkdir()
    (path / "made" / "Dockerfile").write_text(DOCKERFILE)
    answer = validate(path / "made")
    assert (answer.returncode, "git lists no file in" in answer.stderr) == (2, True)


def test_summary_is_appended_as_markdown_in_which_the_repository_writes_nothing(worker, tmp_path):
    target = tmp_path / "summary.md"
    target.write_text("before\n")
    broken = DOCKERFILE.replace("COPY handler.py", "COPY gone|<b>1</b>.txt handler.py")
    answer = validate(worker({"Dockerfile": broken, "requirements.txt": "runpod\n"}), "--summary", str(target))
    assert answer.returncode == 1
    before, heading, *rest = target.read_text().splitlines()
    assert (before, heading.startswith("### janitor validate: worker does not pass at ")) == ("before", True)
    rows = [line for line in rest if line.startswith("| ") and "check |" not in line]
    assert [row.split(" | ")[:2] for row in rows] == [["| ❌", "dockerfile\\_parse"], ["| ⚠️", "pins"]]
    assert "gone\\|\\<b\\>1" in rows[0]
    assert "Dockerfile:5" in rows[0]
    assert "<b>" not in target.read_text()


def test_files_are_named_as_they_lie(worker):
    answer = validate(worker({".runpod/hub.json": hub({"runsOn": "CPU"})}), "--gpu")
    assert ".runpod/hub.json says runsOn CPU, and this validation requires a GPU" in answer.stdout


def test_nothing_of_the_repository_is_executed(worker, tmp_path):
    marker = tmp_path / "executed"
    hostile = f"import pathlib\npathlib.Path({str(marker)!r}).write_text('x')\n"
    path = worker({"handler.py": hostile, "setup.py": hostile, "sitecustomize.py": hostile, "conftest.py": hostile})
    script = tmp_path / "hook.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    config = path / ".git" / "config"
    hooks = f"[core]\n\tfsmonitor = {script}\n\thooksPath = {tmp_path}\n[diff]\n\texternal = {script}\n"
    config.write_text(config.read_text() + hooks)
    before = sorted(str(each) for each in path.rglob("*"))
    validate(path)
    assert not marker.exists()
    assert sorted(str(each) for each in path.rglob("*")) == before


def test_json_is_one_document(worker):
    answer = validate(worker({"Dockerfile": BROKEN}), "--json")
    assert answer.returncode == 1
    document = json.loads(answer.stdout)
    assert (document["status"], document["changes"]) == ("fail", [])
    assert len(document["commit_sha"]) == 40
    assert set(document["phases"]) == {"checkout", "static"}
    checks = {check["name"]: check for check in document["checks"]}
    broken = checks["dockerfile_parse"]
    assert (broken["status"], broken["reason_code"], broken["required"]) == ("fail", "copy_source_missing", True)
    assert broken["places"][0]["path"] == "Dockerfile"
    assert broken["evidence"]


def test_junit_is_xml_that_counts(worker, tmp_path):
    target = tmp_path / "out.xml"
    answer = validate(worker({"Dockerfile": BROKEN, "requirements.txt": "runpod\n"}), "--junit", str(target))
    assert answer.returncode == 1
    root = ElementTree.parse(target).getroot()
    (suite,) = root.findall("testsuite")
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert suite.get("tests") == str(len(cases))
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    failure = cases["dockerfile_parse"].find("failure")
    assert failure is not None
    assert failure.get("type") == "copy_source_missing"
    assert (cases["dockerfile_parse"].get("file"), cases["dockerfile_parse"].get("line")) == ("Dockerfile", "5")
    assert cases["hub_schema"].find("skipped") is not None
    assert "unpinned" in (cases["pins"].findtext("system-out") or "")
    assert cases["pins"].find("failure") is None
    assert all(float(case.get("time", "")) >= 0 for case in cases.values())


def test_annotations_are_escaped_and_have_file_and_line(worker):
    answer = validate(worker({"Dockerfile": BROKEN, "requirements.txt": "runpod\n"}), "--github")
    assert answer.returncode == 1
    lines = answer.stdout.splitlines()
    message = "the build context doesn't hold gone,1.txt"
    assert f"::error file=Dockerfile,line=5,title=dockerfile_parse::{message}" in lines
    assert any(line.startswith("::warning file=requirements.txt,line=1,title=pins::") for line in lines)
    below = lines[lines.index(next(line for line in lines if line.startswith("::"))) :]
    assert all(line.startswith(("::error ", "::warning ")) for line in below)
    # People who read the log see the list that they know.
    assert "✗ dockerfile_parse: copy_source_missing: " in answer.stdout
    assert "1 fail" in answer.stdout


def test_annotations_name_files_from_the_root_of_the_repository(worker, tmp_path):
    bad = {**BASE, "Dockerfile": BROKEN, "requirements.txt": "runpod\n"}
    inner = worker({f"workers/a/{name}": content for name, content in bad.items()}) / "workers" / "a"
    lines = validate(inner, "--github", GITHUB_WORKSPACE=str(tmp_path / "worker")).stdout.splitlines()
    assert any(line.startswith("::error file=workers/a/Dockerfile,line=5,title=dockerfile_parse::") for line in lines)
    assert any(line.startswith("::warning file=workers/a/requirements.txt,line=1,title=pins::") for line in lines)
    # People who have named the folder read its own paths.
    assert "    Dockerfile:5: the build context doesn't hold gone,1.txt" in lines


def test_changes_of_the_worktree_are_no_annotations(worker):
    path = worker()
    (path / "requirements.txt").write_text("runpod==1.7.7\n")
    answer = validate(path, "--github")
    assert "with 1 change that is not committed: requirements.txt" in answer.stdout
    assert "::" not in answer.stdout


def test_name_with_a_comma_or_a_newline_stays_one_property(worker):
    path = worker({"Dockerfile": None})
    (path / ".runpod").mkdir()
    answer = validate(path, "--github")
    annotations = [line for line in answer.stdout.splitlines() if line.startswith("::")]
    assert annotations[0].startswith("::error title=dockerfile_parse::dockerfile_missing: ")


def test_a_check_that_counts_and_could_not_be_made_is_no_good_answer(worker, tmp_path):
    path = worker({"Dockerfile": None, "gpu/Dockerfile": "FROM python:3.11-slim\n"})
    answer = validate(path, "--junit", str(tmp_path / "junit.xml"))
    assert answer.returncode == 1
    assert "1 could not tell" in answer.stdout
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (root.get("failures"), root.get("errors")) == ("0", "1")
    assert root.find(".//error").get("type") == "dockerfile_not_named"
    assert "::error title=dockerfile_parse::dockerfile_not_named: " in validate(path, "--github").stdout


@pytest.mark.parametrize(
    "arguments", [["gone"], ["."], ["--json", "--github"], ["--junit", "/nowhere/x.xml"], ["--nonsense"]]
)
def test_bad_usage(worker, arguments):
    path = worker()
    if arguments == ["gone"]:
        answer = validate(path / "gone")
    elif arguments == ["."]:
        answer = validate(path / "handler.py")
    else:
        answer = validate(path, *arguments)
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: ")


def test_little_is_imported(worker):
    program = (
        "import sys; from janitor.cli.main import main; code = main(sys.argv[1:]); "
        "heavy = {'pydantic', 'yaml', 'boto3', 'airflow', 'psycopg', 'urllib.request', 'rich'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); sys.exit(code)"
    )
    argv = [sys.executable, "-c", program, "validate", str(worker())]
    answer = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (answer.returncode, answer.stderr.strip()) == (0, "[]")


def test_a_disk_without_room_is_no_bad_usage(worker):
    answer = validate(worker(), "--junit", "/dev/full")
    assert answer.returncode == 3
    assert answer.stderr == "error: /dev/full can't be written: no space left on device\n"


@pytest.mark.parametrize("target", ["/nowhere/x.xml", "/dev/null/x.xml", "a" * 300])
def test_a_file_that_can_never_be_is_bad_usage(worker, target):
    answer = validate(worker(), "--junit", target)
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"error: {target} can't be written: ")
    assert "Usage: janitor validate" in answer.stderr


def test_a_reader_of_the_junit_file_that_goes_away_is_a_closed_pipe(worker, tmp_path):
    """As with `--junit >(head -1)`."""
    reader, writer = os.pipe()
    os.close(reader)
    argv = [*JANITOR, "validate", str(worker()), "--junit", f"/dev/fd/{writer}"]
    try:
        answer = subprocess.run(
            argv,
            env=os.environ | SOURCES,
            pass_fds=(writer,),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert (answer.returncode, answer.stderr) == (141, "")


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENOSPC, 3, "error: a temporary folder can't be made: no space left on device\n"),
        (errno.EACCES, 2, "set TMPDIR to a writable folder"),
    ],
)
def test_a_temporary_folder_that_cant_be_made(worker, monkeypatch, capsys, number, code, words):
    def fail(**_: object) -> str:
        raise OSError(number, os.strerror(number))

    path = worker()
    monkeypatch.setattr(tempfile, "mkdtemp", fail)
    assert main(["validate", str(path)]) == code
    assert words in capsys.readouterr().err
    assert not owns_descendants()  # what this process has started besides is left alone
