"""Checks the workflows, the action and the compose files with the tools that know them: `make check-workflows`.

    schema       check-jsonschema, with its own copies of the schemas
    actionlint   what a workflow means: contexts, inputs of actions, shell
    zizmor       what a workflow gives away, offline
    pins         every action by a commit's number, with its version beside it
    targets      every `make` that a workflow runs is there

    python infra/scripts/check_workflows.py [CHECKOUT [CHECK...]]

Ends with 1 where something is wrong, with 3 where a tool is not there, which is said by name: nothing passes unseen.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TOOL_SECONDS = 300
WRONG, USAGE, TROUBLE = 1, 2, 3
_USES = re.compile(r"^\s*(?:-\s+)?uses:\s*(\S+)(.*)$", re.MULTILINE)
_PINNED = re.compile(r"^(?:\./.*|[\w.-]+/[\w./-]+@[0-9a-f]{40})$")
_VERSION = re.compile(r"^\s+# v\d+\.\d+\.\d+$")
_MAKE = re.compile(r"(?:^|[\s;&|(])make((?:[ \t]+[\w.-]+(?:=(?:\"[^\"]*\"|\S*))?)*)")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


class MissingTool(Exception):  # its message is the tool's name
    """A tool isn't installed."""


def main(arguments: list[str]) -> int:
    """Check a checkout (default: this one), by all checks or by those that are named."""
    root = Path(arguments[0]).resolve() if arguments else ROOT
    workflows = sorted((root / ".github" / "workflows").glob("*.y*ml"))
    # What others' workflows use of this repository is theirs to trust, too.
    actions = sorted([*root.glob("action.y*ml"), *(root / ".github" / "actions").rglob("action.y*ml")])
    compose = sorted(root.glob("docker-compose*.y*ml"))
    if not workflows:
        _say(f"error: {root} has no workflows")
        return WRONG
    checks: dict[str, Callable[[], list[str]]] = {
        "schema": lambda: [
            *schema(workflows, "vendor.github-workflows"),
            *schema(actions, "vendor.github-actions"),
            *schema(compose, "vendor.compose-spec"),
        ],
        "actionlint": lambda: told_by(["actionlint", *map(str, workflows)]),
        "zizmor": lambda: told_by(
            ["zizmor", "--offline", "--no-progress", "--quiet", *map(str, [*workflows, *actions])]
        ),
        "pins": lambda: [problem for file in [*workflows, *actions] for problem in unpinned(file)],
        "targets": lambda: [problem for file in workflows for problem in unknown_targets(file, root / "Makefile")],
    }
    chosen = arguments[1:] or list(checks)
    if unknown := [name for name in chosen if name not in checks]:
        _say(f"error: there is no check {', '.join(unknown)}; there are {', '.join(checks)}")
        return USAGE
    code = 0
    for name in chosen:
        try:
            problems = checks[name]()
        except MissingTool as exc:
            _say(f"{name}: NOT CHECKED: {exc} is not installed; `make setup` installs it")
            code = code or TROUBLE
            continue
        _say(f"{name}: {'all well' if not problems else 'wrong'}")
        for problem in problems:
            _say(f"  {problem}")
        code = WRONG if problems else code
    return code


def schema(files: list[Path], name: str) -> list[str]:
    """What a schema says of files."""
    return told_by(["check-jsonschema", "--builtin-schema", name, *map(str, files)]) if files else []


def told_by(command: list[str]) -> list[str]:
    """A tool's words where it isn't content. Raises MissingTool where it isn't there."""
    program = Path(sys.executable).parent / command[0]
    if not program.exists():
        raise MissingTool(command[0])
    try:
        done = subprocess.run(  # a list of words
            [str(program), *command[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TOOL_SECONDS,
            check=False,
        )
    except OSError as exc:
        # Installed by a Python that has gone, or for another machine.
        raise MissingTool(command[0]) from exc
    if done.returncode == 0:
        return []
    return done.stdout.strip().splitlines() or [f"{command[0]} ended with {done.returncode}, without a word"]


def unpinned(file: Path) -> Iterator[str]:
    """The actions of a workflow that are not by a commit's number, or don't say which version that is."""
    for match in _USES.finditer(file.read_text(encoding="utf-8")):
        action, rest = match[1], match[2]
        if not _PINNED.match(action):
            yield f"{file.name}: {action} is not pinned by a commit's number"
        elif not action.startswith("./") and not _VERSION.match(rest):
            yield f"{file.name}: {action} doesn't say its version, as `# v1.2.3`"


def unknown_targets(file: Path, makefile: Path) -> Iterator[str]:
    """The targets that a workflow calls make for, and that the Makefile hasn't."""
    known = set(_TARGET.findall(makefile.read_text(encoding="utf-8")))
    for command in commands(file):
        for match in _MAKE.finditer(command):
            for word in match[1].split():
                if "=" not in word and word not in known:
                    yield f"{file.name}: the Makefile has no target {word}"


def commands(file: Path) -> Iterator[str]:
    """What a workflow's steps run. A file that isn't one is the schema's to tell."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        steps = [step for job in document["jobs"].values() for step in job.get("steps", ())]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError):
        return
    yield from (str(step["run"]) for step in steps if isinstance(step, dict) and "run" in step)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
