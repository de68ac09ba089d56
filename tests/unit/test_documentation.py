"""What the documents say is there: every command, target, file and decision that they name, and each one named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from janitor.cli.registry import COMMANDS, GROUPS, every_command
from janitor.domain.config.sequential import SequentialConfig
from janitor.domain.config.workers import WorkersConfig, parse_as
from janitor.domain.snapshot.alerts import AlertCode
from janitor.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "runbook.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, flags=re.MULTILINE)
DOCUMENTS = {
    "README.md": README,
    "runbook.md": RUNBOOK,
    "docs/deploy.md": (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8"),
    **{
        f"docs/{path.parent.name}/{path.name}": path.read_text(encoding="utf-8")
        for path in (ROOT / "docs").glob("*/*.md")
    },
}
_FILE = re.compile(
    r"`((?:\.ci|dags|include|infra|tests|docs|bench|domain|services|validator|guest|inspection|diagnosis|views|cli|stack)"
    r"/[\w./-]+|[\w-]+\.(?:md|sh|toml|lock))`"
)


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_is_documented(target: str) -> None:
    assert f"`make {target}" in README


@pytest.mark.parametrize("command", every_command())
def test_every_command_is_documented(command: str) -> None:
    targets = (command, command.replace(" ", "-"), command.removesuffix(" status"))
    assert f"`janitor {command}" in README or any(f"`make {target}" in README for target in targets)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_name_only_what_is_there(document: str) -> None:
    text = DOCUMENTS[document]
    for target in re.findall(r"`make ([a-z][a-z-]+)", text):
        assert target in TARGETS, f"{document} names make {target}"
    for command in re.findall(r"`(?:\.venv/bin/)?janitor ([a-z][a-z-]+)", text):
        assert command in COMMANDS, f"{document} names janitor {command}"
    for group, command in re.findall(r"`(?:\.venv/bin/)?janitor ([a-z][a-z-]+) ([a-z][a-z-]+)", text):
        assert command in GROUPS.get(group, (command,)), f"{document} names janitor {group} {command}"
    for name in _FILE.findall(text):
        places = (ROOT / name, ROOT / "include" / "janitor" / name)
        assert any(place.exists() for place in places), f"{document} names {name}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    for target in re.findall(r"\]\(([^)#\s]+)", DOCUMENTS[document]):
        assert "://" in target or (folder / target).exists(), f"{document} links to {target}"


_LOCAL = ROOT / "infra" / "local"
_COMMAND = re.compile(r"\bmake ([a-z][a-z-]+)((?: +[A-Z_]+=[^\s`#)]+)+)")
_OWN = {"docs/notes/your-own-repository.md": {"my-worker"}}
"""Names that the reader's own config has."""


def _commands(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each `make` with values that are no placeholders: its target, and the values."""
    for target, given in _COMMAND.findall(text):
        values = dict(word.split("=", 1) for word in given.split())
        yield target, {name: value for name, value in values.items() if "…" not in value and "<" not in value}


def _repositories(target: str, values: dict[str, str]) -> set[str]:
    """Of the config that such a command uses, or of all that are here where it uses none by itself."""
    environment = values.get("ENV", "local")
    # The local stack's names are its own, whether it was ever started in this checkout or not.
    named = {} if environment == "local" else {"JANITOR_BUCKET": "b", "JANITOR_DEPLOYMENT": "d"}
    settings = load_settings(environment, environ=named, project_root=ROOT)
    if target == "run-janitor":
        return _names(SequentialConfig, values.get("REPOS_FILE", settings.default_repos_file))
    if target in ("validate-all-workers", "run", "estimate") or environment != "local":
        return _names(WorkersConfig, values.get("CONFIG", settings.default_config))
    # The list of the sequential run has keys of its own; what others say of pools says nothing in it.
    models = {path: SequentialConfig if path.name == "repos.yaml" else WorkersConfig for path in _LOCAL.glob("*.yaml")}
    return {name for path, model in models.items() for name in _names(model, str(path))}


def _names(model: type[WorkersConfig], path: str) -> set[str]:
    content = (ROOT / path).read_bytes()
    config = parse_as(model, content, source=path, substitutions={"state_dir": "/state"})
    return {each.name for each in config.repositories if each.enabled}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_name_repositories_that_their_config_has(document: str) -> None:
    for target, values in _commands(DOCUMENTS[document]):
        if "REPO" in values and values["REPO"] not in _OWN.get(document, ()):
            known = _repositories(target, values)
            assert values["REPO"] in known, f"{document}: make {target} {values}: {sorted(known)}"


def test_the_way_to_aws_names_a_repository() -> None:
    named = [values["REPO"] for _, values in _commands(DOCUMENTS["docs/deploy.md"]) if "REPO" in values]
    assert named


def test_containers_get_no_override_file_and_that_is_said() -> None:
    compose = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    assert [line.split()[-1] for line in compose.splitlines() if "env_file:" in line] == [".env}.env"]
    assert "infra/env/*.override.env" in (ROOT / "infra/docker/airflow/Dockerfile.dockerignore").read_text()
    assert "never see an override file" in " ".join(DOCUMENTS["docs/deploy.md"].split())
    for name in ("dev", "prod"):
        assert "Containers never see the override file" in (ROOT / f"infra/env/{name}.env").read_text()


def test_every_runbook_entry_is_whole() -> None:
    entries = RUNBOOK.split("\n## ")[1:]
    assert len(entries) >= 5
    for entry in entries:
        for part in ("Symptom", "Severity", "Query", "Action", "False positives"):
            assert f"- **{part}**" in entry, f"{entry.splitlines()[0]} has no {part}"


def test_every_alert_of_the_dashboard_leads_to_an_entry() -> None:
    rows = [line for line in RUNBOOK.splitlines() if line.startswith("| `")]
    titles = {
        re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
        for line in RUNBOOK.splitlines()
        if line.startswith("## ")
    }
    for code in AlertCode:
        [row] = [row for row in rows if f"`{code.value}`" in row.split("|")[1]]
        anchors = re.findall(r"\(#([a-z0-9-]+)\)", row)
        assert anchors, row
        assert set(anchors) <= titles, row


def test_every_runbook_entry_that_a_message_names_exists() -> None:
    titles = set(re.findall(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE))
    named = {
        title
        for path in (ROOT / "include").rglob("*.py")
        for title in re.findall(r'runbook \\?"([^"\\]+)', path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= titles


def test_decisions_are_numbered_and_whole() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04d}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        for part in ("Status:", "## Context", "## Decision", "## Rejected", "## Consequences"):
            assert part in text or (part == "## Rejected" and "rather than" in text), f"{path.name} has no {part}"


def test_the_readme_has_two_commands_for_a_newcomer() -> None:
    start = README.split("## Start", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^(make \S+)", start, flags=re.MULTILINE) == ["make run", "make test"]
