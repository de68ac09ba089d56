"""What a worker in containers is asked beside its runs: programs of ours in its image, and what is measured of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.redaction import MASK, Redactor
from janitor.inspection.location import Location
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.order.build import BuildSpec, EarlierBuild
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.report import Check
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckName, CheckStatus, EngineChoice
from janitor.validator.checks.running.build_time import check_build_time
from janitor.validator.checks.running.host import describe_host
from janitor.validator.checks.static.declared.layout import check_layout
from janitor.validator.checks.static.dockerfile.dockerfile_parse import check_dockerfile_parse
from janitor.validator.context import CheckContext
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import BuildResult, BuildTime, MachineFacts
from janitor.validator.engines.docker.container import Containers
from janitor.validator.engines.docker.worker import DockerWorker
from janitor.validator.facts import CheckoutFacts, WorkerFacts
from janitor.validator.findings import EvidenceMaker, Finding, Produced, failed, passed
from janitor.validator.gpu.gpu_use import GpuWatch
from janitor.validator.pipeline.recording import Recorder, now
from janitor.validator.pipeline.steps import Phase, Step
from janitor.validator.provenance.packages import listed_packages
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

# Stands for the docker command: runs the program here, if it is one of the image's, and tells how it was called.
DOCKER = """\
#!/usr/bin/env python3
import json, os, subprocess, sys
folder, words = os.path.dirname(__file__), sys.argv[1:]
if words[0] == "version":
    print("20.0.0 20.0.0")
if words[:2] == ["image", "inspect"]:
    layers = {"Layers": ["a", "b", "c"]}
    image = {"Id": "sha256:" + "1" * 64, "Size": 5 * 10**9, "RootFS": layers, "Os": "linux", "Architecture": "amd64"}
    print(json.dumps([image]))
if words[0] == "run":
    with open(os.path.join(folder, "told"), "a") as file:
        file.write(json.dumps(words) + "\\n")
    program = words[words.index("--entrypoint") + 1]
    if program not in open(os.path.join(folder, "has")).read().split():
        print(f'exec: "{program}": executable file not found in $PATH', file=sys.stderr)
        sys.exit(127)
    sys.exit(subprocess.run([sys.executable, "-I", *words[-2:]]).returncode)
"""
SECRET = "hunter2-hunter2-hunter2"
CALL = Callable[[str, str], tuple[DockerWorker, Callable[[], list[list[str]]]]]


@pytest.fixture
def image(tmp_path: Path) -> CALL:
    """A worker whose image starts this and has these interpreters, and how docker was called."""

    def make(command: str, interpreters: str) -> tuple[DockerWorker, Callable[[], list[list[str]]]]:
        programs, repository = tmp_path / "bin", tmp_path / "repository"
        programs.mkdir()
        repository.mkdir()
        (programs / "docker").write_text(DOCKER)
        (programs / "docker").chmod(0o755)
        (programs / "has").write_text(interpreters)
        (repository / "handler.py").write_text("")
        (repository / "Dockerfile").write_text(f"FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nCMD {command}\n")
        path = f"{programs}:/usr/local/bin:/usr/bin:/bin"
        settings = Settings.from_environment({"PATH": path, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)})
        redactor, deadline = Redactor(), datetime.now(timezone.utc) + timedelta(minutes=5)
        context = CheckContext(
            spec=ValidationSpec(
                validation_id=str(uuid.uuid4()),
                run_id=str(uuid.uuid4()),
                repository=RepositorySpec(name="w", organization="o", url="https://example.org/w.git"),
                prompt="p",
                gpu_required=False,
                engine=EngineChoice.DOCKER,
                deadline=deadline,
                grace=timedelta(0),
            ),
            settings=settings,
            workspace=Workspace.make(tmp_path),
            journal=Journal(redactor),
            evidence=EvidenceMaker(redactor),
            interrupts=Interrupts(deadline),
        )
        checkout = CheckoutFacts(tree=RepositoryTree(repository), commit_sha=None, unfetched_files=())
        layout = check_layout(context, checkout)
        assert isinstance(layout, Produced)
        parsed = check_dockerfile_parse(context, layout.facts)
        assert isinstance(parsed, Produced)
        docker, machine = DockerClient(settings), MachineFacts(host=describe_host(tmp_path), gpu=None)
        worker = DockerWorker(
            context=context,
            docker=docker,
            machine=machine,
            containers=Containers(context, docker, machine, "image"),
            watch=GpuWatch({}),
            tag="image",
            facts=WorkerFacts(layout.facts, parsed.facts, None, None, None, None),
        )
        return worker, lambda: [json.loads(line) for line in (programs / "told").read_text().splitlines()]

    return make


@pytest.mark.parametrize(
    ("command", "interpreters", "tried"),
    [
        ('["/opt/venv/bin/python", "handler.py"]', "/opt/venv/bin/python python3", ["/opt/venv/bin/python"]),
        ('["python", "handler.py"]', "python3", ["python", "python3"]),
        ('["node", "server.js"]', "python", ["python3", "python"]),
        ('["python3", "handler.py"]', "", ["python3", "python"]),
    ],
)
def test_the_worker_s_own_interpreter_comes_first(image: CALL, command: str, interpreters: str, tried: list[str]):
    worker, called = image(command, interpreters)
    outcome = worker.run_python("print(6 * 7)", timedelta(seconds=20))
    assert [words[words.index("--entrypoint") + 1] for words in called()] == tried
    for words in called():
        assert words[words.index("--network") + 1] == "none"
        assert words.count("--network") == 1
    if interpreters:
        assert (outcome.exit_code, outcome.output.text) == (0, "42\n")
    else:
        assert outcome.exit_code == 127


def test_packages_are_listed_and_nobody_sees_the_list(image: CALL, capfd: pytest.CaptureFixture[str]):
    worker, _ = image('["python3", "handler.py"]', "python3")
    found = listed_packages(lambda program, limit: worker.run_python(program, limit).output.text, lambda text, _: text)
    assert found.packages is not None
    assert found.notes == ()
    assert '"versions"' not in "".join(capfd.readouterr())


def test_an_image_without_python_has_a_note_for_packages(image: CALL):
    worker, _ = image('["node", "server.js"]', "")
    found = listed_packages(lambda program, limit: worker.run_python(program, limit).output.text, lambda text, _: text)
    assert found.packages is None
    assert found.notes == ('the packages could not be listed: exec: "python": executable file not found in $PATH',)


@pytest.mark.parametrize("of_the_image", [None, "/opt/lib"])
def test_a_module_of_ours_is_mounted_and_comes_first(image: CALL, of_the_image: str | None):
    worker, called = image('["python3", "handler.py"]', "python3")
    config = {} if of_the_image is None else {"Env": ["PATH=/bin", f"PYTHONPATH={of_the_image}"]}
    seen: list[str] = []
    with replace(worker, config=config).start_probed("PROBE = 1\n", {"A": "b"}) as running:
        assert running.wait(timedelta(seconds=20))
        seen += called_file(running.end().argv).splitlines()
    (words,) = called()
    kind, source, target, right = words[words.index("--mount") + 1].split(",")
    assert (kind, target, right) == ("type=bind", "target=/janitor-probe", "readonly")
    assert (Path(source.removeprefix("source=")) / "sitecustomize.py").read_text() == "PROBE = 1\n"
    assert "A=b" in seen
    assert f"PYTHONPATH={':'.join(filter(None, ('/janitor-probe', of_the_image)))}" in seen


def called_file(words: tuple[str, ...]) -> str:
    """What the file holds that a container's variables are given by."""
    return Path(words[words.index("--env-file") + 1]).read_text()


def recorded(worker: DockerWorker, finding: Finding) -> Check:
    """The check that a report has of a finding."""
    run = Recorder(context=worker.context, redactor=Redactor([SECRET]))
    run.record(Step(CheckName.IMAGE, Phase.BUILD), finding, now())
    return run.checks[0]


def test_an_image_is_measured(image: CALL):
    worker, _ = image('["python3", "handler.py"]', "")
    concluded = worker.image()
    assert isinstance(concluded, Produced)
    measured = dict(recorded(worker, concluded.finding).measurements)
    assert 0 <= measured.pop("process_seconds") < 60
    assert measured.pop("output_bytes") > 100
    assert measured == {"image_bytes": 5 * 10**9, "layers": 3, "digest": "sha256:" + "1" * 64}


@pytest.mark.parametrize(
    ("earlier", "status", "usual"),
    [
        ((), CheckStatus.SKIP, {}),
        ((("cold", 10.0),), CheckStatus.SKIP, {}),
        ((("warm", 70.0), ("warm", 72.0)), CheckStatus.PASS, {"usual_seconds": 71.0}),
        ((("warm", 20.0),), CheckStatus.FAIL, {"usual_seconds": 20.0}),
    ],
)
def test_a_build_is_measured_whatever_comes_of_its_comparison(
    image: CALL, earlier: tuple[tuple[str, float], ...], status: CheckStatus, usual: dict[str, float]
):
    worker, _ = image('["python3", "handler.py"]', "")
    known = BuildSpec(earlier=tuple(EarlierBuild(cache=cache, seconds=seconds) for cache, seconds in earlier))
    context = replace(worker.context, spec=replace(worker.context.spec, build=known))
    finding = check_build_time(context, BuildResult(worker=worker, time=BuildTime(cache="warm", seconds=71.25)))
    assert finding.status is status
    assert finding.measurements == {"build_seconds": 71.25, "cache": "warm", **usual}


def test_the_place_to_look_at_first_is_data(image: CALL):
    worker, _ = image('["python3", "handler.py"]', "")
    place = Location(path="app/Dockerfile", line=7, message="no such instruction")
    note = Location(path="README.md", line=1, message="look", is_warning=True)
    code = ReasonCode.DOCKERFILE_SYNTAX
    for locations, found in (
        ((note, place), {"file": "app/Dockerfile", "line": 7}),
        ((note,), {"file": "README.md", "line": 1}),
        ((replace(place, line=None),), {"file": "app/Dockerfile"}),
        ((), {}),
    ):
        assert recorded(worker, failed(code, "reason", locations=locations)).measurements == found


def test_what_is_measured_of_a_repository_is_cleaned_and_bounded(image: CALL):
    worker, _ = image('["python3", "handler.py"]', "")
    worker = replace(worker, context=replace(worker.context, evidence=EvidenceMaker(Redactor([SECRET]))))
    finding = passed().measured(state=f"use {SECRET}\n now", long="x" * 999, nothing="\x07", line=12, unknown=None)
    assert recorded(worker, finding).measurements == {
        "state": f"use {MASK} now",
        "long": "x" * 200,
        "nothing": "unknown",
        "line": 12,
    }
