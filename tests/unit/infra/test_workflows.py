"""`make check-workflows`: the workflows are well, and each kind of fault that is planted into them is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CHECK = ROOT / "infra" / "scripts" / "check_workflows.py"
TOOLS = ("check-jsonschema", "actionlint", "zizmor")
WORKFLOWS = ("ci.yml", "image.yml", "nightly.yml")
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what is checked."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    for file in (ROOT / "Makefile", ROOT / "action.yml", *ROOT.glob("docker-compose*.yaml")):
        shutil.copy(file, tmp_path)
    return tmp_path


def check(root: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CHECK, root, *names], capture_output=True, text=True, timeout=300, check=False, cwd=root
    )


def plant(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


def test_the_checks_pass(checkout: Path) -> None:
    done = check(checkout)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == [
        f"{name}: all well" for name in ("schema", "actionlint", "zizmor", "pins", "targets")
    ]


@pytest.mark.parametrize(
    ("file", "before", "after", "finder", "word"),
    [
        pytest.param(
            *(".github/workflows/ci.yml", "timeout-minutes: 90", "timeout: 90", "schema", "timeout"), id="unknown key"
        ),
        pytest.param(
            *("docker-compose.yaml", "    user: redis", "    users: redis", "schema", "users"), id="compose file"
        ),
        pytest.param(
            *(".github/workflows/image.yml", "steps.images.outputs.agent_digest", "steps.image.outputs.agent_digest"),
            *("actionlint", "image"),
            id="step that isn't there",
        ),
        pytest.param(
            *(".github/workflows/nightly.yml", "- run: make setup", '- run: echo "${{ github.head_ref }}"'),
            *("zizmor", "template-injection"),
            id="injection",
        ),
        pytest.param(
            *(".github/workflows/ci.yml", "on:\n  pull_request:", "on:\n  pull_request_target:"),
            *("zizmor", "dangerous-triggers"),
            id="trigger with rights",
        ),
        pytest.param(
            *(".github/workflows/ci.yml", CHECKOUT, "actions/checkout@v7", "pins", "actions/checkout@v7"), id="tag"
        ),
        pytest.param(
            *("action.yml", "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2"),
            *("actions/upload-artifact@v4", "pins", "action.yml: actions/upload-artifact@v4"),
            id="tag in the action",
        ),
        pytest.param(
            *("action.yml", "# zizmor: ignore[github-env]", "", "zizmor", "github-env"), id="environment of the action"
        ),
        pytest.param(
            *("action.yml", "  using: composite", "  used: composite", "schema", "action.yml"), id="action's key"
        ),
        pytest.param(
            *(".github/workflows/ci.yml", " # v7.0.1", "", "pins", "doesn't say its version"), id="no version"
        ),
        pytest.param(
            *(".github/workflows/ci.yml", "make ci", "make everything", "targets", "no target everything"), id="target"
        ),
        pytest.param(
            *(".github/workflows/nightly.yml", "make run-janitor", "make run-doorman"),
            *("targets", "no target run-doorman"),
            id="target in a script",
        ),
    ],
)
def test_a_planted_fault_is_found(checkout: Path, file: str, before: str, after: str, finder: str, word: str) -> None:
    plant(checkout / file, before, after)
    done = check(checkout, finder)
    assert done.returncode == 1, done.stdout
    assert f"{finder}: wrong" in done.stdout
    assert word in done.stdout.split(f"{finder}: wrong", 1)[1]


@pytest.mark.parametrize("is_there", [False, True], ids=["not there", "of a Python that has gone"])
def test_a_tool_that_is_missing_is_named(checkout: Path, tmp_path: Path, is_there: bool) -> None:
    # Tools are looked for beside the interpreter.
    (tmp_path / "bin").mkdir()
    for tool in TOOLS if is_there else ():
        (tmp_path / "bin" / tool).write_text("#!/nowhere/bin/python\n")
        (tmp_path / "bin" / tool).chmod(0o755)
    script = (
        f"import runpy, sys; sys.executable = {str(tmp_path / 'bin' / 'python')!r};"
        f" sys.argv = ['x', {str(checkout)!r}]; runpy.run_path({str(CHECK)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3, done.stdout + done.stderr
    for tool in TOOLS:
        assert f"NOT CHECKED: {tool} is not installed; `make setup` installs it" in done.stdout
    assert "pins: all well" in done.stdout


def test_a_check_that_is_not_there_is_bad_usage(checkout: Path) -> None:
    done = check(checkout, "spelling")
    assert done.returncode == 2
    assert "there is no check spelling; there are schema, " in done.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_workflow_has_more_rights_than_it_needs(name: str) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    rights = {"ci.yml": {"contents": "read"}}.get(name, {})
    assert workflow["permissions"] == rights
    for job in workflow["jobs"].values():
        granted = job.get("permissions", rights)
        assert granted.get("contents") in (None, "read")
        assert {right for right, value in granted.items() if value == "write"} <= {"id-token", "attestations"}
        assert job["timeout-minutes"] <= 360


def test_pull_requests_see_no_secret_and_no_account() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "secrets." not in text
    assert "vars." not in text
    assert "id-token" not in text


def test_the_nightly_run_is_off_until_it_is_asked_for_and_never_cut_off() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert job["if"] == "vars.JANITOR_NIGHTLY == 'true'"
    assert job["environment"] == "prod"
    assert workflow["concurrency"]["cancel-in-progress"] is False
    (step,) = [each for each in job["steps"] if "make run-janitor" in each.get("run", "")]
    assert "make validate-all-workers" in step["run"]
    assert step["env"]["KIND"] == "${{ vars.JANITOR_NIGHTLY_KIND }}"
