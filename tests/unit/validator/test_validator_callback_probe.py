"""The module that calls what a worker gives the SDK, beside a few lines in place of the SDK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from janitor.validator.checks.handler.callback_probe import MARK, PROBE

SDK = {
    "runpod/__init__.py": "from . import serverless\n",
    "runpod/serverless/__init__.py": """\
        from .modules.rp_fitness import register_fitness_check

        def start(config):
            raise SystemExit("the real start")
        """,
    "runpod/serverless/modules/__init__.py": "",
    "runpod/serverless/modules/rp_fitness.py": """\
        _fitness_checks = []

        def register_fitness_check(function):
            _fitness_checks.append(function)
            return function
        """,
}


def answers(
    tmp_path: Path, program: str, more: dict[str, str] | None = None
) -> tuple[list[dict[str, Any]] | None, str]:
    """What the module said of a program's callbacks, and all that was printed."""
    files = {**SDK, "program.py": program, **(more or {})}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    probe = tmp_path / "probe"
    probe.mkdir()
    (probe / "sitecustomize.py").write_text(PROBE.replace("TOKEN", repr("abc")))
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{probe}:{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    said = done.stdout + done.stderr
    line = next((line for line in said.splitlines() if f"{MARK} abc " in line), None)
    return (None if line is None else json.loads(line.partition(" abc ")[2])), said


@pytest.mark.parametrize(
    ("modifier", "outcome"),
    [
        ("lambda current: current + 1", {}),
        ("lambda current: True", {}),
        ("lambda: 1", {"raised"}),
        ("lambda current: 1 / 0", {"raised"}),
        ("lambda current: None", {"wrong"}),
        ("lambda current: '2'", {"wrong"}),
        ("lambda current: 2.5", {"wrong"}),
        ("lambda current: 2.0", {"odd"}),
        ("lambda current: 0", {"odd"}),
        ("5", {"raised"}),
    ],
)
def test_a_concurrency_modifier_is_called_once(tmp_path: Path, modifier: str, outcome: set[str]) -> None:
    program = f'import runpod\nrunpod.serverless.start({{"handler": print, "concurrency_modifier": {modifier}}})\n'
    found, said = answers(tmp_path, program)
    assert found is not None, said
    assert [set(each) - {"name", "label"} for each in found] == [set(outcome)]


def test_a_coroutine_is_told_as_one(tmp_path: Path) -> None:
    program = """\
        from runpod.serverless import start

        async def scale(current):
            return 2

        start({"handler": print, "concurrency_modifier": scale})
        """
    found, said = answers(tmp_path, program)
    assert found == [
        {
            "name": "concurrency_modifier",
            "label": "concurrency_modifier",
            "wrong": "is a coroutine, which the SDK doesn't await",
        }
    ]
    assert "never awaited" not in said


def test_fitness_checks_fail_by_slips_and_not_by_the_machine(tmp_path: Path) -> None:
    program = """\
        import runpod

        @runpod.serverless.register_fitness_check
        def slip():
            return missing_name

        @runpod.serverless.register_fitness_check
        async def disk():
            raise RuntimeError("less than a terabyte")

        @runpod.serverless.register_fitness_check
        def fine():
            return None

        runpod.serverless.start({"handler": print})
        """
    found, said = answers(tmp_path, program)
    assert found is not None, said
    assert [set(each) & {"raised", "odd"} for each in found] == [{"raised"}, {"odd"}, set()]


def test_a_program_that_never_starts_the_sdk_is_left_alone(tmp_path: Path) -> None:
    assert answers(tmp_path, "import runpod\nprint('done')\n") == (None, "done\n")


def test_what_the_image_has_under_the_same_name_is_loaded_too(tmp_path: Path) -> None:
    program = 'import runpod\nrunpod.serverless.start({"handler": print})\n'
    found, said = answers(tmp_path, program, {"sitecustomize.py": "print('the image\\'s own')\n"})
    assert found == []
    assert "the image's own" in said
