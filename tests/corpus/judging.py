"""Makes a case's repository, has it judged, and compares what was seen with the truth."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from janitor.diagnosis.handler.log_judge import judge_local_run
from janitor.diagnosis.handler.verdict import Outcome
from janitor.protocol.terms.rollup import roll_up
from janitor.protocol.terms.statuses import CheckName, CheckStatus, ReportStatus
from tests.accuracy.side_by_side import Place
from tests.corpus.case import WEB, Case, Expected, Kind
from tests.corpus.web import web_server
from tests.corpus.workers import BASE
from tests.integration.validator.conftest import WORKERS, git, validators

STATIC_NAMES = frozenset(
    {
        *(CheckName.CHECKOUT, CheckName.LAYOUT, CheckName.DOCKERFILE_PARSE, CheckName.HUB_SCHEMA),
        *(CheckName.TESTS_SCHEMA, CheckName.CONFIG_CONSISTENCY, CheckName.TEST_INPUT, CheckName.PYTHON_STATIC),
        *(CheckName.PINS, CheckName.CI_REFS),
    }
)
NETWORK_NAMES = frozenset({CheckName.BASE_IMAGE_EXISTS, CheckName.MODEL_URLS, CheckName.DEPS_RESOLVE})
_OF_LOG = {
    Outcome.PASS: ReportStatus.SUCCESS,
    Outcome.FAIL: ReportStatus.FAILED,
    Outcome.ERROR: ReportStatus.ERROR,
    Outcome.INCONCLUSIVE: ReportStatus.INCOMPLETE,
}
_SMI = """\
#!/bin/sh
case "$*" in
  *memory.used*) echo "10, 0" ;;
  *query-gpu*) echo "NVIDIA A10G, 550.54.15, 23028 MiB, 8.6" ;;
  *) echo "| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |" ;;
esac
"""
_LIMIT_SECONDS = 240
_HANDED_ON = ("SSL_CERT_FILE", "https_proxy", "HTTPS_PROXY", "PYTHONPATH")
"""Variables by which the validator reaches the network, and is the one of this checkout."""


@dataclass(frozen=True)
class SeenCheck:
    """What a check said."""

    status: CheckStatus
    code: str | None
    required: bool
    reason: str | None
    remarks: frozenset[str] = frozenset()
    """The codes of its notes."""


@dataclass(frozen=True)
class Seen:
    """What was seen of a case."""

    status: ReportStatus
    checks: Mapping[str, SeenCheck]
    output: str

    def differs(self, case: Case) -> list[str]:
        """How it differs from the truth, in words; empty if it doesn't."""
        wrong = []
        if self.status is not case.truth:
            wrong.append(f"is {case.truth.value}, seen as {self.status.value}")
        return wrong + [text for expected in case.expected if (text := self._differs(expected, case))]

    def _differs(self, expected: Expected, case: Case) -> str | None:
        seen = self.checks.get(expected.check.value)
        if case.kind is Kind.LOG:
            return None
        if seen is None:
            return f"{expected.check.value} was not run"
        wanted = (expected.status, expected.code)
        if (seen.status, seen.code) != wanted or expected.is_required not in (None, seen.required):
            return (
                f"{expected.check.value} must be {expected.status.value} {expected.code or ''}, "
                f"is {seen.status.value} {seen.code or ''} (required: {seen.required}): {seen.reason}"
            )
        if expected.remarks not in (None, seen.remarks):
            wanted_notes, got = sorted(expected.remarks or ()), sorted(seen.remarks)
            return f"{expected.check.value} must have notes {wanted_notes}, has {got}"
        if expected.note is not None and expected.note not in seen.remarks:
            got = sorted(seen.remarks)
            return f"{expected.check.value} must carry a note {expected.note}, has {got}"
        return None


def asks_network(case: Case) -> bool:
    """Whether its truth is about the network; other cases name images and addresses that don't all exist."""
    return any(each.check in NETWORK_NAMES for each in case.expected)


def judge(case: Case, place: Place) -> Seen:
    """Judge a case as its kind asks for."""
    if case.kind is Kind.LOG:
        text, exit_code = case.log or ("", 0)
        verdict = judge_local_run(text, exit_code)
        return Seen(status=_OF_LOG[verdict.outcome], checks={}, output=verdict.reason or "")
    with web_server(case.web) as web:
        repository = make_repository(case, place.folder / "worker", web)
        environment = {name: value.replace(WEB, web) for name, value in case.environment.items()}
        environment = {
            name: value.replace("{fresh}", str(place.folder / "fresh")) for name, value in environment.items()
        }
        environment["JANITOR_PRIVATE_HOSTS"] = "127.0.0.1"
        if case.gpu:
            environment["PATH"] = f"{_with_gpu(place.folder)}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        if case.kind is Kind.STATIC:
            return judge_statically(repository, case, environment, place.packages, network=asks_network(case))
        return _judge_wholly(case, repository, web, environment, place)


def make_repository(case: Case, folder: Path, web: str) -> Path:
    """A git repository with one commit of the case's files."""
    if case.like is not None:
        shutil.copytree(WORKERS / case.like, folder)
        files = dict(case.files)
    else:
        folder.mkdir()
        files = {**BASE, **case.files}
    for name, content in files.items():
        path = folder / name
        if content is None:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_text(content.replace(WEB, web))
            if content.startswith("#!") and name not in case.not_executable:
                path.chmod(0o755)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all", "--force")
    for words in case.git:
        git(folder, *words)
    git(folder, "commit", "--quiet", "--message", "state")
    return folder


def judge_statically(
    repository: Path, case: Case, environment: Mapping[str, str], packages: Path, *, network: bool
) -> Seen:
    """What `janitor validate` says."""
    argv = [str(Path(sys.executable).parent / "janitor"), "validate", "--json", *(["--network"] if network else [])]
    argv += ["--gpu"] if case.spec.get("gpu_required") else []
    home = repository.parent / "home"
    home.mkdir(exist_ok=True)
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "UV_CACHE_DIR": str(packages),
        **{name: os.environ[name] for name in _HANDED_ON if name in os.environ},
        **environment,
    }
    shown = subprocess.run(
        [*argv, str(repository)], env=env, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
    )
    document: dict[str, Any] = json.loads(shown.stdout)
    checks = {check["name"]: _seen(check) for check in document["checks"]}
    rolled = roll_up(_Check(name, seen.status, seen.required, seen.code) for name, seen in checks.items())
    # No handler is run here: nothing that decides means that nothing speaks against the repository.
    status = ReportStatus.SUCCESS if rolled.failing_check is None else rolled.status
    assert shown.returncode == (0 if status is ReportStatus.SUCCESS else 1), shown.stdout + shown.stderr
    return Seen(status=status, checks=checks, output=shown.stdout + shown.stderr)


def _judge_wholly(case: Case, repository: Path, web: str, environment: dict[str, str], place: Place) -> Seen:
    with validators(place.artefact, place.packages, place.folder) as start:
        url = repository if case.url is None else case.url.replace(WEB, web)
        validation = start(url, environment=environment, repository=dict(case.repository), **case.spec)
        result = validation.result(_LIMIT_SECONDS)
    assert result.report is not None, result.output
    checks = {check["name"]: _seen(check) for check in result.report.to_dict()["checks"]}
    return Seen(status=result.report.status, checks=checks, output=result.output)


@dataclass(frozen=True)
class _Check:
    name: str
    status: CheckStatus
    required: bool
    reason_code: str | None


def _seen(check: Mapping[str, Any]) -> SeenCheck:
    remarks = frozenset(note["code"] for note in check.get("notes") or ())
    return SeenCheck(CheckStatus(check["status"]), check["reason_code"], check["required"], check["reason"], remarks)


def _with_gpu(folder: Path) -> Path:
    programs = folder / "programs"
    programs.mkdir()
    (programs / "nvidia-smi").write_text(_SMI)
    (programs / "nvidia-smi").chmod(0o755)
    return programs
