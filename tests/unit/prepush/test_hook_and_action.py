"""The pre-commit hook and the GitHub action, run as those who use them run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from tests.corpus.workers import BASE, DOCKERFILE
from tests.integration.validator.conftest import new_repository

ROOT = Path(__file__).parents[3]
BROKEN = DOCKERFILE.replace("COPY handler.py", "COPY gone.txt handler.py")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
_EXPRESSION = re.compile(r"\$\{\{ *([a-z_.]+) *\}\}")
_BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c")
"""Source: GitHub's documentation of `shell: bash`."""


def run_action(worker: Path, temporary: Path, **inputs: str) -> tuple[int, str]:
    """Every `run` step with the values that GitHub's runner would put in; the exit code and what was printed."""
    values = {f"inputs.{name}": str(each["default"]) for name, each in ACTION["inputs"].items()}
    values |= {f"inputs.{name}": value for name, value in {"python": sys.executable, **inputs}.items()}
    values |= {"github.action_path": str(ROOT), "runner.temp": str(temporary)}
    printed = ""
    for step in ACTION["runs"]["steps"]:
        if "run" not in step:
            continue
        assert step["shell"] == "bash"
        assert not _EXPRESSION.search(step["run"]), "what people write must not be pasted into a shell"
        chosen = {name: _EXPRESSION.sub(lambda found: values[found[1]], text) for name, text in step["env"].items()}
        env = {"PATH": os.environ["PATH"], "HOME": str(temporary), **chosen}
        env |= {"GITHUB_STEP_SUMMARY": str(temporary / "summary.md"), "GITHUB_WORKSPACE": str(worker)}
        done = subprocess.run(
            [*_BASH, step["run"]], cwd=worker, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        printed += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, printed
    return 0, printed


def test_action_on_a_good_worker(tmp_path):
    worker = new_repository(tmp_path / "worker", BASE)
    code, printed = run_action(worker, tmp_path)
    assert code == 0, printed
    assert "::error" not in printed
    assert (tmp_path / "summary.md").read_text().startswith("### janitor validate: worker passes at ")
    assert ElementTree.parse(worker / "janitor.xml").getroot().get("failures") == "0"


def test_action_on_a_bad_worker_in_a_folder_with_an_odd_name(tmp_path):
    odd = 'a "b" $(touch pwned) c'
    repository = new_repository(tmp_path / "worker", {f"{odd}/{name}": text for name, text in BASE.items()})
    (repository / odd / "Dockerfile").write_text(BROKEN)
    code, printed = run_action(repository, tmp_path, path=odd, junit="x y.xml", gpu="true")
    assert code == 1
    # From the repository's root: GitHub would show another's lines else, or none.
    assert f"::error file={odd}/Dockerfile,line=5,title=dockerfile_parse::" in printed
    assert "❌ | dockerfile\\_parse" in (tmp_path / "summary.md").read_text()
    assert ElementTree.parse(repository / "x y.xml").getroot().get("failures") == "1"
    assert not list(tmp_path.rglob("pwned"))


def test_junit_file_is_kept_whatever_the_checks_say():
    [upload] = [step for step in ACTION["runs"]["steps"] if "uses" in step]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"] == "always()"
    assert upload["with"]["path"] == "${{ inputs.junit }}"
    assert ACTION["runs"]["using"] == "composite"


@pytest.mark.parametrize(("dockerfile", "code"), [(DOCKERFILE, 0), (BROKEN, 1)])
def test_hook_runs_the_command_that_the_package_brings(tmp_path, dockerfile, code):
    """As pre-commit does: the entry, without file names, in the repository that commits."""
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("python", False, True)
    scripts = (ROOT / "pyproject.toml").read_text()
    [(module, function)] = re.findall(rf'^{re.escape(hook["entry"])} = "([a-z_.]+):([a-z_]+)"$', scripts, re.MULTILINE)
    worker = new_repository(tmp_path / "worker", {**BASE, "Dockerfile": dockerfile})
    program = f"from {module} import {function}; {function}()"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "include")}
    # `-S`: none of the product's packages is there.
    argv = [sys.executable, "-S", "-c", program]
    done = subprocess.run(argv, cwd=worker, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert "The network was not asked." in done.stdout


def test_package_needs_no_other_so_that_a_hook_is_installed_in_seconds():
    project = (ROOT / "pyproject.toml").read_text().partition("[project]")[2].partition("\n[")[0]
    assert "dependencies" not in project
