"""Lines that fit a terminal, and links where it has them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from janitor.cli.runs import print_results
from janitor.cli.terminal.console import Console, wrapped_lines
from janitor.cli.terminal.terminal_settings import TerminalSettings
from janitor.settings import load_settings
from tests.unit.cli.sample_views import ended, run_of

ROOT = Path(__file__).resolve().parents[3]
ADDRESS = "http://127.0.0.1:8080/dags/validate_workers/runs/janitor__3dd4dd64-0596-5ffd-acf7-419ef6e2d81d"


def test_lines_are_broken_between_words_and_keep_their_indent() -> None:
    text = "✗ slow-worker: timed out (30m0s, $0.12, environment) in handler_local [still failing since 2024-01-15]"
    lines = list(wrapped_lines(f"short\n  {text}", 40))
    assert lines[0] == "short"
    assert all(len(line) <= 40 for line in lines)
    assert lines[1].startswith("  ✗ slow-worker:")
    assert all(line.startswith("      ") for line in lines[2:])
    assert " ".join(line.strip() for line in lines[1:]) == text


def test_a_word_that_does_not_fit_stays_whole() -> None:
    assert ADDRESS in list(wrapped_lines(f"Web UI: {ADDRESS} (login)", 40))[1]


def test_only_a_person_s_terminal_is_fitted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    for interactive in (True, False):
        Console(terminal=TerminalSettings(interactive=interactive, colour=False)).answer("one two three four five six")
    assert capsys.readouterr().out == "one two three four\n    five six\none two three four five six\n"


def test_why_lines_of_a_run_fit_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings("local", environ={}, project_root=ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    summary = "runpod-workers/worker-basic does not work: build: " + "the build of this image ended in an error " * 4
    run = run_of(ended("worker-basic", "failed", 1, failing_check="build", summary=summary), status="failed")
    for interactive, length in ((True, 80), (False, 100)):
        console = Console(terminal=TerminalSettings(interactive=interactive, colour=False))
        print_results(console, settings, run, as_json_text=False)
        lines = capsys.readouterr().out.splitlines()
        why = lines[lines.index("Why:") + 1 : lines.index("", lines.index("Why:"))]
        assert len(why) == 1
        assert length - 12 < len(why[0]) <= length
        assert why[0].endswith("(make logs REPO=worker-basic)")


def test_the_end_of_every_followed_run_has_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    """`follow`, `rerun` and `validate-all-workers` as `run`: all end by this function."""
    settings = load_settings("local", environ={}, project_root=ROOT)
    known = settings.model_copy(update={"airflow_url": "https://airflow.example/"})
    run = run_of(ended("worker-basic", "success", 1), status="success", airflow_run_id="manual__a+b")
    print_results(Console(), known, run, as_json_text=False)
    page = "https://airflow.example/dags/validate_workers/runs/manual__a%2Bb"
    assert f"\nWeb UI: {page} (login: make status)\n" in capsys.readouterr().out
    print_results(Console(), known, run, as_json_text=True)
    assert "Web UI" not in capsys.readouterr().out
    print_results(Console(), settings.model_copy(update={"airflow_url": None}), run, as_json_text=False)
    assert "Web UI" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("columns", "interactive", "shown"),
    [
        ("80", True, f"Web UI:\n{ADDRESS}\n(login: make status)\n"),
        ("200", True, f"Web UI: {ADDRESS} (login: make status)\n"),
        ("80", False, f"Web UI: {ADDRESS} (login: make status)\n"),
    ],
)
def test_an_address_stands_in_one_piece_where_there_are_no_links(
    columns: str, interactive: bool, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    console = Console(terminal=TerminalSettings(interactive=interactive, colour=False))
    console.link("Web UI: ", ADDRESS, shown="this run", after=" (login: make status)")
    assert capsys.readouterr().out == shown


def test_a_link_shows_a_short_text(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(terminal=TerminalSettings(interactive=True, colour=False, links=True))
    console.link("Web UI: ", ADDRESS + "\x1b]8;;evil", shown="this run\x1b[2J", after=" (login: make status)")
    out = capsys.readouterr().out
    assert out.startswith(f"Web UI: \x1b]8;;{ADDRESS}")
    assert out.endswith("this run\x1b]8;;\x1b\\ (login: make status)\n")
    # What is quoted can neither end the link nor steer the terminal.
    assert out.count("\x1b") == 4


def test_nothing_is_linked_or_wrapped_where_only_results_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    Console(quiet=True).link("Web UI: ", ADDRESS, shown="this run")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("environ", "links"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4600"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "new"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.4"}, True),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.3a"}, False),
        ({"TERM": "screen", "TMUX": "/tmp/x", "VTE_VERSION": "7600"}, False),
        ({"TERM": "dumb", "VTE_VERSION": "7600"}, False),
    ],
)
def test_which_terminals_have_links(environ: dict[str, str], links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    try:
        with open(slave, "w", closefd=False) as stream:
            assert TerminalSettings.of(stream, environ).links is links
    finally:
        os.close(master)
        os.close(slave)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert TerminalSettings.of(None, environ).links is False
