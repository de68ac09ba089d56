"""Which engine a validation gets, and that a demanded one is never replaced."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.redaction import Redactor
from janitor.inspection.repository.layout import read_layout
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.terms.statuses import CheckStatus, Engine, EngineChoice
from janitor.validator.checks.running.host import check_host, describe_host
from janitor.validator.context import CheckContext, ReportHead
from janitor.validator.engine import EngineError, MachineFacts
from janitor.validator.engines.choose import choose_engine
from janitor.validator.facts import CheckoutFacts, RepositoryFacts, SourceFacts
from janitor.validator.findings import EvidenceMaker, Finding
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

DEAD = "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1"
"""What the docker command says before its engine has started."""


MACHINE = MachineFacts(host=describe_host(Path(__file__).parent), gpu=None)


def nothing_stated(folder: Path) -> SourceFacts:
    """A repository without any of a worker's parts."""
    tree = RepositoryTree(folder)
    checkout = CheckoutFacts(tree=tree, commit_sha=None, unfetched_files=())
    layout = read_layout(tree, dockerfile=None)
    return SourceFacts(RepositoryFacts(checkout=checkout, layout=layout), None, None, None, None, None)


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., CheckContext]:
    """Makes a context whose machine has this docker command, or none."""

    def make(choice: EngineChoice, docker: str | None, *, wait: str = "0") -> CheckContext:
        programs = tmp_path / "bin"
        programs.mkdir()
        if docker is not None:
            (programs / "docker").write_text(f"#!/bin/sh\n{docker}\n")
            (programs / "docker").chmod(0o755)
        redactor, deadline = Redactor(), datetime.now(timezone.utc) + timedelta(minutes=5)
        path = f"{programs}:/usr/bin:/bin" if docker is not None else str(programs)
        environment = {"PATH": path, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
        return CheckContext(
            spec=ValidationSpec(
                validation_id=str(uuid.uuid4()),
                run_id=str(uuid.uuid4()),
                repository=RepositorySpec(name="w", organization="o", url="https://example.org/w.git"),
                prompt="p",
                gpu_required=False,
                engine=choice,
                deadline=deadline,
                grace=timedelta(0),
            ),
            settings=Settings.from_environment({**environment, "JANITOR_DOCKER_WAIT_SECONDS": wait}),
            workspace=Workspace.make(tmp_path),
            journal=Journal(redactor),
            evidence=EvidenceMaker(redactor),
            interrupts=Interrupts(deadline),
        )

    return make


def test_dead_docker_is_never_replaced_where_docker_is_demanded(context, tmp_path):
    made = context(EngineChoice.DOCKER, DEAD, wait="3")
    began = time.monotonic()
    told: list[ReportHead] = []
    finding = check_host(replace(made, tell=told.append), nothing_stated(tmp_path / "bin"))
    assert isinstance(finding, Finding)  # no engine, so nothing is built
    assert (finding.status, finding.reason_code) == (CheckStatus.ERROR, "engine_missing")
    assert "Cannot connect to the Docker daemon" in (finding.reason or "")
    assert [head.engine for head in told] == [None]
    assert made.cleanups.carry_out() == ([], [])
    # Asked for as long as a further pause of two seconds fits, however long a loaded machine takes for each question.
    assert 1 <= time.monotonic() - began < 30


def test_docker_that_still_starts_is_waited_for(context, tmp_path):
    count = tmp_path / "count"
    starting = f"echo x >> {count}; [ $(wc -l < {count}) -gt 1 ] || {{ {DEAD}; }}; echo '20.10.24 20.10.24'"
    assert choose_engine(context(EngineChoice.DOCKER, starting, wait="30"), MACHINE).kind is Engine.DOCKER


def test_docker_that_is_not_installed_is_not_waited_for(context):
    made = context(EngineChoice.DOCKER, None, wait="300")
    began = time.monotonic()
    with pytest.raises(EngineError, match="no Docker engine can be used"):
        choose_engine(made, MACHINE)
    assert time.monotonic() - began < 120


def test_only_a_spec_that_leaves_the_choice_gets_another_engine(context):
    assert choose_engine(context(EngineChoice.AUTO, DEAD, wait="300"), MACHINE).kind is Engine.VENV
