"""What a validation was made of: read from words that nobody vouches for, told on one line, or not at all."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from janitor.diagnosis.build_log import images_taken
from janitor.guest.redaction import MASK, Redactor
from janitor.inspection.dockerfile.stages import parse_dockerfile
from janitor.inspection.dockerfile.usage import used_images
from janitor.protocol.terms.provenance import (
    MAX_NOTES,
    MAX_PACKAGES,
    MAX_SUBJECT_CHARACTERS,
    BaseImage,
    Provenance,
    ResolvedBy,
)
from janitor.validator.packaging import build_artefact
from janitor.validator.provenance.artefact import artefact_sha256
from janitor.validator.provenance.base_images import base_images
from janitor.validator.provenance.commit import read_commit
from janitor.validator.provenance.joining import joined
from janitor.validator.provenance.packages import PACKAGES_PROBE, listed_packages, read_packages
from janitor.validator.provenance.telling import teller

SECRET = "hunter2-hunter2-hunter2"
TELL = teller(Redactor([SECRET]).clean)
ONE, TWO, THREE = ("sha256:" + digit * 64 for digit in "123")

# As docker build --progress plain printed it, with another digest: stages are built side by side, and names come again.
BUILD_LOG = f"""\
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s

#2 [internal] load metadata for docker.io/library/python:3.11-slim
#2 DONE 0.6s

#5 [stage-1 1/4] FROM docker.io/library/python:3.11-slim@{ONE}
#5 resolve docker.io/library/python:3.11-slim@{ONE} 0.0s done
#5 ...

#6 FROM ghcr.io/astral-sh/uv:latest@{TWO}
#6 DONE 4.3s

#5 [stage-1 1/4] FROM docker.io/library/python:3.11-slim@{ONE}
#5 extracting sha256:b1a20e2fae4cdafe596f3275baf250182347549a39d648abbad68a25f2e151fd 0.2s done
#5 DONE 4.3s

#7 [stage-1 2/4] RUN cat log
#7 0.212 #5 [stage-1 1/4] FROM docker.io/library/python:3.11-slim@{THREE}
#5 [stage-1 1/4] FROM docker.io/library/python:3.11-slim@{THREE}
"""


class TestCommit:
    def test_it_is_read(self):
        commit = read_commit("1767225600\0Ada Lovelace\0Use torch 2.2\n", TELL)
        assert commit is not None
        assert (commit.author, commit.subject) == ("Ada Lovelace", "Use torch 2.2")
        assert commit.committed_at == datetime(2026, 1, 1, tzinfo=timezone.utc)

    def test_what_it_says_is_on_one_line_without_controls_and_secrets_and_no_longer_than_it_may_be(self):
        commit = read_commit(f"0\0\x1b[31mEve\u202e\n::error::x\0use {SECRET}\t now {'y' * 5_000}", TELL)
        assert commit is not None
        assert commit.author == "Eve ::error::x"
        assert commit.subject.startswith(f"use {MASK} now yyy")
        assert len(commit.subject) == MAX_SUBJECT_CHARACTERS

    @pytest.mark.parametrize("shown", ["", "soon\0a\0b", "9" * 30 + "\0a\0b", "-99999999999999\0a\0b", "0", "0\0a"])
    def test_what_makes_no_sense_is_no_commit(self, shown):
        assert read_commit(shown, TELL) is None


class TestBaseImages:
    def test_the_builder_says_what_it_took_first(self):
        assert images_taken(BUILD_LOG) == {
            "docker.io/library/python:3.11-slim": ONE,
            "ghcr.io/astral-sh/uv:latest": TWO,
        }

    def test_each_image_has_the_digest_of_who_knows_best(self):
        dockerfile = parse_dockerfile(
            "ARG BASE=python:3.11-slim\n"
            "FROM alpine:3.20 AS unused\n"
            f"FROM pinned@{THREE} AS tools\n"
            "FROM nvcr.io/cuda:12 AS cuda\n"
            "FROM ${BASE}\n"
            "COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/\n"
            "COPY --from=tools /a /a\n"
            "COPY --from=cuda /b /b\n"
            "COPY --from=private.example/base:1 /c /c\n",
            build_args={},
        )
        asked = {"python:3.11-slim": THREE, "nvcr.io/cuda:12": TWO, "private.example/base:1": "no digest"}
        found = base_images(dockerfile, taken=images_taken(BUILD_LOG), registry=asked, tell=TELL)
        assert found == (
            BaseImage(reference=f"pinned@{THREE}", stage="tools", digest=THREE, resolved_by=ResolvedBy.REFERENCE),
            BaseImage(reference="nvcr.io/cuda:12", stage="cuda", digest=TWO, resolved_by=ResolvedBy.REGISTRY),
            BaseImage(reference="python:3.11-slim", stage="3", digest=ONE, resolved_by=ResolvedBy.BUILD),
            BaseImage(reference="ghcr.io/astral-sh/uv:latest", stage=None, digest=TWO, resolved_by=ResolvedBy.BUILD),
            BaseImage(reference="private.example/base:1", stage=None, digest=None, resolved_by=None),
        )

    def test_what_comes_from_nowhere_is_no_image(self):
        dockerfile = parse_dockerfile("FROM scratch AS a\nFROM ${UNKNOWN} AS b\nCOPY --from=a /a /a\n", build_args={})
        assert used_images(dockerfile) == []


class TestPackages:
    def test_the_probe_lists_what_its_interpreter_has(self, tmp_path: Path):
        for name, version in (("Torch", "2.2.0+cu121"), ("runpod", "1.7.0")):
            folder = tmp_path / f"{name}-{version}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (tmp_path / "broken-1.dist-info").mkdir()
        done = subprocess.run(
            [sys.executable, "-S", "-c", PACKAGES_PROBE],
            env={"PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        packages = read_packages(f"a banner of some start-up file\n{done.stdout}", TELL)
        assert packages is not None
        assert packages.versions == {"runpod": "1.7.0", "Torch": "2.2.0+cu121"}
        assert list(packages.versions) == ["runpod", "Torch"]
        assert packages.python == ".".join(map(str, sys.version_info[:3]))
        assert packages.left_out == 0

    def test_of_too_many_the_first_are_kept_and_the_others_counted(self):
        listed = [[f"p{number:05}", "1"] for number in range(MAX_PACKAGES + 7)]
        facts = {"python": "3.11.9", "versions": listed[:MAX_PACKAGES], "count": len(listed)}
        packages = read_packages(json.dumps(facts), TELL)
        assert packages is not None
        assert (len(packages.versions), packages.left_out) == (MAX_PACKAGES, 7)

    def test_names_that_would_fill_the_report_are_counted_only(self):
        listed = [[f"{number:04}" + "\U0001f40d" * 196, "1" * 100] for number in range(MAX_PACKAGES)]
        packages = read_packages(json.dumps({"python": "3.11.9", "versions": listed, "count": MAX_PACKAGES}), TELL)
        assert packages is not None
        assert 0 < len(packages.versions) < 400
        assert len(packages.versions) + packages.left_out == MAX_PACKAGES

    def test_what_an_interpreter_says_is_cleaned(self):
        listed = [["a\x1b[2J", "1\n2"], [SECRET, SECRET], ["", "1"], ["b", ""], ["c", 1], "d", ["e"], None]
        packages = read_packages(json.dumps({"python": "3.9.1 \n!", "versions": listed, "count": 10**30}), TELL)
        assert packages is not None
        assert packages.versions == {"a": "1 2", MASK: MASK}
        assert (packages.python, packages.left_out) == ("3.9.1 !", 10**6)

    @pytest.mark.parametrize(
        "output",
        [
            "",
            "python3: command not found",
            "{",
            "[]",
            "{}",
            '{"python": 3, "versions": [], "count": 0}',
            '{"python": " ", "versions": [], "count": 0}',
            '{"python": "3.11", "versions": {}, "count": 0}',
            '{"a": ' + "[" * 100_000,
        ],
    )
    def test_what_is_no_list_is_none(self, output):
        assert read_packages(output, TELL) is None


def test_the_artefact_knows_its_own_digest(tmp_path: Path):
    assert artefact_sha256() is None  # from its sources
    artefact = build_artefact(tmp_path)
    program = "import sys; sys.path.insert(0, sys.argv[1])\n"
    program += "from janitor.validator.provenance.artefact import artefact_sha256; print(artefact_sha256())"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(artefact.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == artefact.sha256 == hashlib.sha256(artefact.path.read_bytes()).hexdigest()


class TestJoined:
    def test_what_is_found_out_later_knows_better_and_nothing_is_forgotten(self):
        def image(name: str, digest: str | None, by: ResolvedBy | None = ResolvedBy.REGISTRY) -> BaseImage:
            return BaseImage(reference=name, stage=None, digest=digest, resolved_by=by if digest else None)

        commit = read_commit("0\0a\0b", TELL)
        one = Provenance(commit=commit, base_images=(image("a", ONE), image("b", None)), notes=("no b",))
        two = Provenance(
            base_images=(image("a", None), image("b", TWO, ResolvedBy.BUILD), image("c", None)), notes=("no b", "no c")
        )
        found = joined(joined(Provenance(), one), two)
        assert found == Provenance(
            commit=commit,
            base_images=(image("a", ONE), image("b", TWO, ResolvedBy.BUILD), image("c", None)),
            notes=("no b", "no c"),
        )
        assert len(joined(found, Provenance(notes=tuple(map(str, range(99))))).notes) == MAX_NOTES


@pytest.mark.parametrize("error", [OSError("no\nroom"), RuntimeError("a mistake of ours")])
def test_packages_that_cannot_be_listed_are_a_note_and_no_error(error: Exception):
    def run(_program: str, limit: timedelta) -> str:
        assert limit <= timedelta(seconds=30)
        raise error

    found = listed_packages(run, TELL)
    assert found.packages is None
    (note,) = found.notes
    assert note.startswith("the packages could not be listed: ")


def test_an_image_that_the_dockerfile_does_not_name_is_told_as_the_builder_names_it():
    dockerfile = parse_dockerfile("ARG BASE\nFROM ${BASE}\n", build_args={})
    found = base_images(dockerfile, taken={"docker.io/library/python:3.11-slim": ONE}, registry={}, tell=TELL)
    assert found == (
        BaseImage(reference="docker.io/library/python:3.11-slim", stage=None, digest=ONE, resolved_by=ResolvedBy.BUILD),
    )
