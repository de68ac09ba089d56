"""What a real validation was made of: in its report, and of no weight in its verdict."""

from __future__ import annotations

import hashlib
import json

import jsonschema

from janitor.protocol.report_schema import report_schema
from janitor.protocol.terms.proven import ProofLevel, UnprovenKind
from janitor.protocol.terms.provenance import BaseImage, Machine, ResolvedBy
from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.validator.conftest import DOCKERFILE, SDK, commit_all, git, handler

ECHO = handler("return job['input']")
MACHINE = {"instance_type": "g5.xlarge", "image_id": "ami-0c10ca1ca10ca1ca1"}


def test_a_report_says_what_it_is_about(validate, make_worker, artefact):
    dockerfile = (
        DOCKERFILE.replace("FROM", "FROM --platform=linux/amd64").rstrip() + '\nRUN python -c "import runpod"\n'
    )
    repository = make_worker(ECHO, {"Dockerfile": dockerfile})
    git(repository, "commit", "--quiet", "--amend", "--author", "Ada\x1b[31m <a@example.com>", "-m", "One\n\nBody")
    sha = git(repository, "rev-parse", "HEAD").strip()
    result = validate(repository, machine=MACHINE)
    assert result.status is ReportStatus.SUCCESS, result.output
    report = result.report
    jsonschema.validate(json.loads(report.to_json()), report_schema())
    provenance = report.provenance
    assert report.repository.commit_sha == sha
    assert (provenance.commit.author, provenance.commit.subject) == ("Ada", "One")
    assert abs((provenance.commit.committed_at - report.started_at).total_seconds()) < 600
    assert provenance.packages.versions["runpod"] == SDK.strip().partition("==")[2]
    assert provenance.packages.python.startswith("3.")
    assert provenance.packages.left_out == 0
    assert provenance.validator_sha256 == hashlib.sha256(artefact.read_bytes()).hexdigest()
    assert provenance.machine == Machine(**MACHINE)
    (image,) = provenance.base_images
    assert (image.reference, image.stage) == ("python:3.11-slim", "0")
    assert (image.digest is None) == (image.resolved_by is None)
    assert provenance.notes == ()
    # How far the green reaches: a place without an image runs no other line than installations.
    assert report.proof_level is ProofLevel.ENVIRONMENT
    not_run = [(each.file, each.line) for each in report.unproven if each.kind is UnprovenKind.NOT_RUN]
    assert not_run == [("Dockerfile", dockerfile.count("\n"))]
    measured = {check.name: check.measurements for check in report.checks}
    assert measured["checkout"]["files"] == 5
    assert measured["checkout"]["content_bytes"] > 200
    assert measured["build"]["process_seconds"] > 0
    assert measured["handler_local"]["output_bytes"] > 0
    # Nobody follows the list live.
    assert "annotated" not in result.output.partition("check build …")[2]


def test_an_interpreter_that_lists_nothing_costs_no_verdict(validate, make_worker):
    # The image's own start-up file ends the interpreter whenever a program is given on its command line.
    files = {
        "Dockerfile": DOCKERFILE.replace("WORKDIR /app\n", "WORKDIR /app\nENV PYTHONPATH=/app/start\n"),
        "start/sitecustomize.py": "import os, sys\nif '-c' in sys.orig_argv:\n    print('no list'); os._exit(3)\n",
    }
    result = validate(make_worker(ECHO, files))
    assert result.status is ReportStatus.SUCCESS, result.output
    assert result.check("build").status is CheckStatus.PASS
    provenance = result.report.provenance
    assert provenance.packages is None
    assert provenance.notes == ("the packages could not be listed: no list",)


def test_a_secret_in_a_commit_s_words_is_masked(validate, make_repository):
    repository = make_repository({"README.md": "# no worker\n"})
    commit_all(repository, "use hunter2-hunter2-hunter2\x07 now")
    result = validate(repository, repository={"env": {"TOKEN": "hunter2-hunter2-hunter2"}})
    assert result.report.provenance.commit.subject == "use [redacted] now"
    assert result.report.provenance.packages is None


def test_without_a_checkout_nothing_is_known(validate, make_repository):
    result = validate(make_repository({"README.md": "x\n"}), repository={"ref": "nowhere"})
    assert result.status is ReportStatus.FAILED
    provenance = result.report.provenance
    assert (provenance.commit, provenance.base_images, provenance.packages) == (None, (), None)
    assert provenance.machine is None
    assert provenance.validator_sha256 is not None


def test_the_registry_that_was_asked_anyway_names_the_digest(validate, make_repository, serve):
    digest = "sha256:" + "a" * 64

    def answer(method: str, path: str, _count: int) -> tuple[int, dict[str, str]]:
        is_there = (method, path) == ("GET", "/v2/team/base/manifests/1")
        return (200, {"Docker-Content-Digest": digest}) if is_there else (404, {})

    registry = serve(answer).url.removeprefix("http://")
    dockerfile = (
        f"ARG TAG=1\nFROM {registry}/team/base:${{TAG}} AS base\nFROM base\nCOPY --from={registry}/gone:2 /a /a\n"
    )
    repository = make_repository({"Dockerfile": dockerfile + 'CMD ["python", "handler.py"]\n', "handler.py": ""})
    result = validate(repository, environment={"JANITOR_PRIVATE_HOSTS": "127.0.0.1"})
    assert result.check("base_image_exists").reason_code == "base_missing"
    assert result.report.provenance.base_images == (
        BaseImage(reference=f"{registry}/team/base:1", stage="base", digest=digest, resolved_by=ResolvedBy.REGISTRY),
        BaseImage(reference=f"{registry}/gone:2", stage=None, digest=None, resolved_by=None),
    )
