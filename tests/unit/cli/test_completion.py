"""Completion: quick, silent, and nothing but words to complete."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.main import main
from janitor.cli.registry import COMMANDS

ROOT = Path(__file__).resolve().parents[3]


def completed(tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What fish is answered at the end of these words; the last one is incomplete."""
    line = " ".join(("janitor", *words))
    return subprocess.run(
        [sys.executable, "-m", "janitor.cli.main"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "include"),
            "JANITOR_STATE_DIR": str(tmp_path / "state"),
            "_JANITOR_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words)),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_click_s_own(shell, capsys):
    assert main(["completion", shell]) == ExitCode.OK
    script = capsys.readouterr().out
    assert f"_JANITOR_COMPLETE={shell}_complete" in script
    assert "janitor" in script


def test_bash_takes_the_script(tmp_path):
    script = tmp_path / "completion"
    script.write_text(
        subprocess.run(
            [sys.executable, "-m", "janitor.cli.main", "completion", "bash"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include")},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    )
    answer = subprocess.run(
        ["bash", "--norc", "-c", f". {script}; complete -p janitor"], capture_output=True, text=True, check=True
    )
    assert "-F _janitor_completion janitor" in answer.stdout


def test_the_user_s_shell_is_the_default(capsys, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert main(["completion"]) == ExitCode.OK
    assert "#compdef janitor" in capsys.readouterr().out
    for unknown in ("/bin/tcsh", ""):
        monkeypatch.setenv("SHELL", unknown)
        assert main(["completion"]) == ExitCode.USAGE
        assert "give one of bash, zsh, fish" in capsys.readouterr().err


def test_commands_are_completed_without_importing_them(tmp_path):
    answer = completed(tmp_path, "")
    assert [line.partition(",")[2] for line in answer.stdout.split()] == list(COMMANDS)
    assert completed(tmp_path, "query").stdout.split() == ["plain,query-parallel-run", "plain,query-db"]
    assert "plain,--limit" in completed(tmp_path, "runs", "--").stdout.split()


@pytest.mark.parametrize(
    "words",
    [
        ("query-db", ""),
        ("query-parallel-run", "5"),
        ("cancel", ""),
        ("terminate", "i-"),
        ("run", "--repo", ""),
        ("--env", "nowhere", "query-db", ""),
        ("nonsense", ""),
        ("query-db", "'unclosed"),
    ],
)
def test_a_stack_that_is_down_is_completed_with_silence(tmp_path, words):
    answer = completed(tmp_path, *words)
    assert (answer.returncode, answer.stdout.strip(), answer.stderr) == (0, "", "")


def test_a_ledger_that_hangs_is_given_up_at_once(tmp_path):
    began = time.monotonic()
    answer = completed(
        tmp_path,
        "query-db",
        "",
        JANITOR_STACK="external",
        JANITOR_ENGINE="docker",
        JANITOR_DEPLOYMENT="x",
        JANITOR_BUCKET="x",
        JANITOR_READER_DATABASE_URL="postgresql://nobody@192.0.2.1:5432/none",  # TEST-NET-1: nobody answers
    )
    assert (answer.returncode, answer.stdout.strip(), answer.stderr) == (0, "", "")
    assert time.monotonic() - began < 20
