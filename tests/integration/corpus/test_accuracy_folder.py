"""`python -m tests.accuracy` on real folders: a wrong verdict is named and ends it with 1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.workers import BASE, handler

ROOT = Path(__file__).parents[3]
RAISES = handler('raise RuntimeError("no weights")')


def judge(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'include'}", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    argv = [sys.executable, "-m", "tests.accuracy", *options, str(folder)]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=400, check=False)


def put(folder: Path, expected: str, **files: str) -> None:
    folder.mkdir(parents=True)
    for name, text in {**BASE, **files, "EXPECTED.txt": expected}.items():
        assert text is not None
        (folder / name).write_text(text)


def test_right_and_wrong_verdicts_of_real_runs(tmp_path):
    cases = tmp_path / "cases"
    put(cases / "healthy", "success: it counts words\nKind: control. More\n")
    put(cases / "raises", "success: it is said to work\nKind: handler", **{"handler.py": RAISES})
    shown = judge(cases, "--engine", "venv", "--jobs", "2", "--json")
    assert shown.returncode == 1, shown.stdout + shown.stderr
    found = json.loads(shown.stdout)
    healthy, raises = found["cases"]
    assert (healthy["status"], healthy["mark"], healthy["proof_level"]) == ("success", "right", "environment")
    assert (raises["status"], raises["mark"]) == ("failed", "false blame")
    assert (raises["check"], raises["reason_code"]) == ("handler_local", "handler_raised")
    assert "✗ raises: failed by handler_local, handler_raised" in shown.stderr
    assert {kind["kind"]: kind["false_blames"] for kind in found["kinds"]} == {"control": 0, "handler": 1}
    assert sorted(path.name for path in (cases / "healthy").iterdir()) == sorted([*BASE, "EXPECTED.txt"])


@pytest.mark.parametrize(
    ("expected", "options", "code", "words"),
    [
        ("perhaps: who knows", (), 2, "EXPECTED.txt:1: 'perhaps' says no verdict"),
        ("failed: x", ("--only", "nothing"), 2, "has 'nothing' in its name"),
        ("failed: x", ("--jobs", "0"), 2, "'0' is not a number of repositories at a time"),
        ("failed: x", ("--engine", "docker"), 3, "ENGINE=docker: no engine can be used"),
    ],
)
def test_what_can_not_be_judged_ends_before_anything_runs(tmp_path, expected, options, code, words):
    put(tmp_path / "cases" / "a", expected)
    shown = judge(tmp_path / "cases", *options)
    assert (shown.returncode, shown.stdout) == (code, "")
    assert words in shown.stderr
