"""Questions: asked of a person at a terminal, never of a script."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from janitor.cli.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
import click
from janitor.cli import main, registry

@click.command(cls=registry.ExampleCommand, examples=())
@click.option("--json", "as_json_text", is_flag=True)
@click.option("--yes", is_flag=True)
def ask(as_json_text, yes):
    from janitor.cli.terminal.asking import require_yes
    require_yes("End \\x1b[31mit?", yes=yes, as_json_text=as_json_text)
    print("done")

class Entry:
    summary = "x"
    def load(self): return ask

registry.COMMANDS["ask"] = Entry()
sys.exit(main.main(["ask", *sys.argv[1:]]))
"""


def at_a_terminal(answer: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output (a pipe), and what a person saw who typed the answer."""
    controller, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include"), "TERM": "xterm"},
            stdin=terminal,
            stderr=terminal,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            os.close(terminal)
            os.write(controller, f"{answer}\n".encode())
            out, _ = process.communicate(timeout=60)
            seen = b""
            while True:
                try:
                    part = os.read(controller, 65536)
                except OSError:
                    break
                if not part:
                    break
                seen += part
    finally:
        os.close(controller)
    return process.returncode, out, seen.decode()


def test_a_yes_goes_on():
    code, out, seen = at_a_terminal("y")
    assert (code, out) == (ExitCode.OK, "done\n")
    assert "End it? [y/N]:" in seen


@pytest.mark.parametrize("answer", ["n", ""])
def test_everything_else_changes_nothing(answer):
    code, out, seen = at_a_terminal(answer)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "you said no: nothing was changed" in seen


@pytest.mark.parametrize("option", ["--yes", "--json"])
def test_nobody_is_asked_who_said_it_before_or_is_a_script(option):
    code, out, seen = at_a_terminal("n", option)
    assert (code, out) == (ExitCode.OK, "done\n")
    assert "[y/N]" not in seen


def test_nobody_is_asked_without_a_terminal():
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (ExitCode.OK, "done\n", "")
