"""The commands as a person runs them: runs in processes of their own, lists, files, refusals."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from janitor.settings import Settings
from tests.support.maintenance import ROOT, Broken, broken_run


class Command:
    """`janitor` in this test's deployment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment | {"PYTHONPATH": str(ROOT / "include"), "JANITOR_ENV": "local"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "janitor.cli.main", *words]
        return subprocess.Popen(
            argv, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __call__(self, *words: str, code: int = 0) -> str:
        return "".join(self._ended(words, code))

    def document(self, *words: str, code: int = 0) -> Any:
        """What it answers with --json; what it says beside that isn't of it."""
        return json.loads(self._ended((*words, "--json"), code)[0])

    def _ended(self, words: tuple[str, ...], code: int) -> tuple[str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, (out, err)
        return out, err


@pytest.fixture
def janitor(environment: dict[str, str]) -> Command:
    """Runs it."""
    return Command(environment)


def test_runs_side_by_side_from_the_first_look_to_the_file(
    settings: Settings, janitor: Command, tmp_path: Path
) -> None:
    broken_run(settings, tmp_path / "origins", *(Broken(name=each, reason=f"KeyError: '{each}'") for each in "ab"))
    foreseen = janitor.document("maintain", "--run-ids", "n1,n2", "--dry-run")
    assert [each["repository"] for each in foreseen["shards"]] == ["acme/a", "acme/b"]
    assert "would be worked on" in janitor("maintain", "--run-ids", "n1", "--dry-run")

    said = janitor("maintain", "--run-ids", "n1,n2", "--workers", "2", "--per-run-sqlite")
    assert "run n1: exit code 0" in said
    assert "run n2: exit code 0" in said
    assert said.count("abstained: no model") >= 2

    shards = janitor.document("shards")["shards"]
    assert {each["repository"]: each["status"] for each in shards} == {"acme/a": "completed", "acme/b": "completed"}
    files = list(settings.runs_root.glob("*/*.db"))
    assert sorted(path.name for path in files) == ["n1.db", "n2.db"]
    kept = 0
    for path in files:
        with sqlite3.connect(path) as connection:
            kept += connection.execute("select count(*) from shard_status").fetchone()[0]
    assert kept == 2
    exported = tmp_path / "shard_status.db"
    for _ in "first", "again":
        assert "2 shards" in janitor("shards", "export", "--sqlite", str(exported))
    other = tmp_path / "letters.db"
    other.write_text("Dear Ada")
    assert "is no file of shards" in janitor("shards", "export", "--sqlite", str(other), code=2)
    assert other.read_text() == "Dear Ada"
    with sqlite3.connect(exported) as connection:
        assert connection.execute("select count(*) from shard_status where status = 'completed'").fetchone() == (2,)

    [first, _] = janitor.document("repairs")["repairs"]
    assert (first["state"], first["patch"]) == ("abstained", None)
    assert first["reason"] in janitor("repairs", "show", first["repair_id"][:8])
    assert "No working tree." in janitor("maintain", "--list-worktrees")
    assert janitor.document("maintain", "--cleanup") == {"leases": [], "shards_ended": []}
    left = janitor.document("maintain", "--run-ids", "n3", "--dry-run")
    assert [len(left["shards"]), len(left["left_alone"])] == [0, 2]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--run-ids", "a", "--list-worktrees"], 2, "give one of"),
        ([], 2, "give one of"),
        (["--run-ids", "a,a"], 2, "no different names of runs"),
        (["--run-ids", "../a"], 2, "no different names of runs"),
        (["--run-ids", "a", "--workers", "64"], 2, "more than the"),
        (["--run-ids", "a", "--repositories", "typo"], 2, "nothing is broken that is called typo"),
        (["--run-ids", "a", "--max-cost-usd", "-1"], 2, "no amount"),
        (["--cleanup", "--older-than", "yesterday"], 2, "no age"),
        (["--run-ids", "a", "--older-than", "1h"], 2, "belongs to --cleanup"),
        (["--run-ids", "a,b", "--inline"], 2, "carries out one run"),
        (["--stop", "nobody"], 2, "no process carries out run nobody"),
        (["--force-unlock", "550e8400-e29b-41d4-a716-446655440000"], 2, "there is no lease"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_is_refused_says_why(
    settings: Settings, janitor: Command, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="a"))
    assert says in janitor("maintain", *words, code=code)


def test_ctrl_c_ends_the_runs_in_order(settings: Settings, janitor: Command, tmp_path: Path) -> None:
    names = [f"a{n}" for n in range(30)]
    broken_run(settings, tmp_path / "origins", *(Broken(name=name, reason=name) for name in names))
    process = janitor.start("maintain", "--run-ids", "n1")
    assert process.stdout is not None
    while "looking for a repair" not in process.stdout.readline():
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "nothing is leased any more" in err
    assert "No working tree." in janitor("maintain", "--list-worktrees")
    shards = janitor.document("shards", "--last", "100")["shards"]
    assert {each["status"] for each in shards} <= {"completed", "failed"}
