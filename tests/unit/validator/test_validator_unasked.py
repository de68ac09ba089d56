"""A question that nobody could be asked is listed as unproven, with the line that it stands in."""

from __future__ import annotations

import uuid
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
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckName, CheckStatus, EngineChoice
from janitor.validator.checks.static.declared.model_urls import check_model_urls
from janitor.validator.checks.static.dockerfile.base_image_exists import check_base_image_exists
from janitor.validator.checks.static.dockerfile.dockerfile_parse import check_dockerfile_parse
from janitor.validator.checks.static.python.deps_resolve import check_deps_resolve
from janitor.validator.context import CheckContext
from janitor.validator.facts import CheckoutFacts, ImageFacts, RepositoryFacts, SourceFacts, StatedFacts
from janitor.validator.findings import EvidenceMaker, Finding, Produced, passed, skipped
from janitor.validator.pipeline.recording import Recorder
from janitor.validator.pipeline.results import Met
from janitor.validator.pipeline.static_checks import DEPS_RESOLVE
from janitor.validator.pipeline.steps import Phase, Step
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace


def context_in(folder: Path) -> CheckContext:
    redactor, deadline = Redactor(), datetime.now(timezone.utc) + timedelta(minutes=5)
    return CheckContext(
        spec=ValidationSpec(
            validation_id=str(uuid.uuid4()),
            run_id=str(uuid.uuid4()),
            repository=RepositorySpec(name="w", organization="o", url="https://example.org/w.git"),
            prompt="p",
            gpu_required=False,
            engine=EngineChoice.VENV,
            deadline=deadline,
            grace=timedelta(0),
        ),
        settings=Settings.from_environment({"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)}),
        workspace=Workspace.make(folder),
        journal=Journal(redactor),
        evidence=EvidenceMaker(redactor),
        interrupts=Interrupts(deadline),
    )


def source_of(context: CheckContext, folder: Path, dockerfile: str) -> SourceFacts:
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "handler.py").write_text("import runpod\n")
    tree = RepositoryTree(folder)
    repository = RepositoryFacts(
        checkout=CheckoutFacts(tree=tree, commit_sha=None, unfetched_files=()),
        layout=read_layout(tree, dockerfile=None),
    )
    read = check_dockerfile_parse(context, repository)
    assert isinstance(read, Produced)
    assert isinstance(read.facts, ImageFacts)
    return SourceFacts(repository, read.facts, None, None, None, None)


def stated_in(context: CheckContext, folder: Path, dockerfile: str) -> StatedFacts:
    source = source_of(context, folder / "worker", dockerfile)
    return StatedFacts(source.repository, source.image, None, None)


def test_images_of_a_registry_that_is_not_reached_are_listed(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    text = (
        "FROM registry.invalid/team/tool:1 AS tool\nFROM registry.invalid/team/base:2\n"
        'COPY --from=tool /t /t\nCOPY handler.py /\nCMD ["python", "/handler.py"]\n'
    )
    finding = check_base_image_exists(context, source_of(context, tmp_path / "worker", text))
    assert finding.status is CheckStatus.SKIP
    assert [(each.kind, each.file, each.line) for each in finding.unproven] == [
        (UnprovenKind.NOT_ASKED, "Dockerfile", 1),
        (UnprovenKind.NOT_ASKED, "Dockerfile", 2),
    ]
    assert "registry.invalid/team/base:2" in finding.unproven[1].text


def test_models_of_a_host_that_is_not_reached_are_listed(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    text = (
        "FROM python:3.11\nRUN wget https://models.invalid/a/weights.safetensors\nCOPY handler.py /\n"
        'CMD ["python", "/handler.py"]\n'
    )
    finding = check_model_urls(context, source_of(context, tmp_path / "worker", text))
    assert finding.status is CheckStatus.SKIP
    (told,) = finding.unproven
    assert (told.kind, told.file, told.line) == (UnprovenKind.NOT_ASKED, "Dockerfile", 2)
    assert "https://models.invalid/a/weights.safetensors" in told.text


REQUIRING = 'FROM python:3.11\nRUN pip install {}\nCOPY handler.py /\nCMD ["python", "/handler.py"]\n'


@pytest.fixture
def no_uv_beside_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python3"))


@pytest.mark.usefixtures("no_uv_beside_python")
@pytest.mark.parametrize(
    ("required", "code"),
    [
        ("reqeusts==2.32.0", ReasonCode.INSTALLER_MISSING),
        ("git+https://example.org/tool.git", ReasonCode.NEEDS_BUILD),
        ("--index-url http://10.0.0.1/simple reqeusts", ReasonCode.HOST_REFUSED),
    ],
)
def test_packages_that_no_index_was_asked_for_are_listed(tmp_path: Path, required: str, code: ReasonCode) -> None:
    context = context_in(tmp_path)
    context = replace(context, settings=replace(context.settings, path=str(tmp_path / "bin")))
    finding = check_deps_resolve(context, stated_in(context, tmp_path, REQUIRING.format(required)))
    assert (finding.status, finding.reason_code) == (CheckStatus.SKIP, code)
    (told,) = finding.unproven
    assert (told.kind, told.file, told.line) == (UnprovenKind.NOT_ASKED, "Dockerfile", 2)
    assert told.text.startswith("whether an index has every required package, by that name and version: ")
    assert finding.reason is not None
    assert told.text.endswith(finding.reason)


def test_where_nothing_is_required_nothing_is_left_open(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    finding = check_deps_resolve(context, stated_in(context, tmp_path, 'FROM python:3.11\nCMD ["python"]\n'))
    assert (finding.reason_code, finding.unproven) == (ReasonCode.ABSENT, ())


@pytest.mark.parametrize("is_built", [True, False])
def test_a_build_answers_what_no_index_was_asked(tmp_path: Path, is_built: bool) -> None:
    context = context_in(tmp_path)
    run = Recorder(context=context, redactor=Redactor())
    left = skipped(ReasonCode.INSTALLER_MISSING, "no uv").left_unproven(UnprovenKind.NOT_ASKED, "the packages")

    def build(_context: CheckContext, _need: None) -> Finding:
        return passed() if is_built else skipped(ReasonCode.NO_NETWORK, "offline")

    run(DEPS_RESOLVE, lambda _context, _need: left, Met(None))
    run(Step(CheckName.BUILD, Phase.BUILD), build, Met(None))
    assert [each.text for each in run.unproven] == ([] if is_built else ["the packages"])
