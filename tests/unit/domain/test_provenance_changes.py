"""What changed between what two reports are about: only what both say, the packages last and bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from janitor.domain.result.provenance_changes import (
    MAX_CHANGES,
    Changed,
    CommitRange,
    PartChange,
    ProvenanceChanges,
    changes_between,
)
from janitor.protocol.report import Report
from janitor.protocol.terms.provenance import BaseImage, Machine, Packages, ResolvedBy
from janitor.protocol.terms.statuses import Engine
from janitor.protocol.values import Place

PROTOCOL = Path(__file__).parent.parent / "protocol"
REPORT = Report.from_json((PROTOCOL / "report_v2.golden.json").read_bytes())
V1 = Report.from_json((PROTOCOL / "report_v1.golden.json").read_bytes())
PROVENANCE = REPORT.provenance
assert PROVENANCE is not None


def about(**parts: object) -> Report:
    """The golden report with another provenance."""
    return replace(REPORT, provenance=replace(PROVENANCE, **parts))


def at(sha: str) -> Report:
    return replace(REPORT, repository=replace(REPORT.repository, commit_sha=sha))


def image(reference: str, digit: str | None = "1", stage: str | None = "0") -> BaseImage:
    digest = None if digit is None else "sha256:" + digit * 64
    return BaseImage(reference=reference, stage=stage, digest=digest, resolved_by=ResolvedBy.BUILD if digest else None)


def packages(python: str = "3.11.9", left_out: int = 0, **versions: str) -> Packages:
    return Packages(python=python, versions=versions, left_out=left_out)


def changed(before: Report, after: Report) -> list[tuple[Changed, str | None, str | None, str | None]]:
    return [(each.part, each.name, each.before, each.after) for each in changes_between(before, after).parts]


def test_nothing_changed_is_the_same_commit_and_no_part():
    changes = changes_between(REPORT, REPORT)
    assert changes == ProvenanceChanges(
        commits=CommitRange(
            before="0123456789abcdef0123456789abcdef01234567", after="0123456789abcdef0123456789abcdef01234567"
        )
    )
    assert changes.commits is not None
    assert changes.commits.is_same


def test_another_commit_is_a_range():
    commits = changes_between(at("a" * 40), at("b" * 40)).commits
    assert commits == CommitRange(before="a" * 40, after="b" * 40)
    assert not commits.is_same
    unknown = replace(REPORT, repository=replace(REPORT.repository, commit_sha=None))
    assert changes_between(unknown, REPORT).commits is None
    assert changes_between(REPORT, unknown).commits is None


def test_every_single_thing_is_named():
    after = replace(
        about(
            validator_sha256="f" * 64,
            machine=Machine(instance_type="g6.xlarge", image_id="ami-1"),
            packages=replace(PROVENANCE.packages, python="3.11.10"),
        ),
        engine=Engine.DOCKER,
        validator_version="0.2.0",
        host=replace(REPORT.host, gpu_names=("NVIDIA L4",), driver_version="560.1", cuda_version="12.6"),
    )
    assert changed(REPORT, after) == [
        (Changed.ENGINE, None, "venv", "docker"),
        (Changed.PYTHON, None, "3.11.9", "3.11.10"),
        (Changed.GPU, None, "NVIDIA A10G", "NVIDIA L4"),
        (Changed.DRIVER, None, "550.54.15", "560.1"),
        (Changed.CUDA, None, "12.4", "12.6"),
        (Changed.INSTANCE_TYPE, None, "g5.xlarge", "g6.xlarge"),
        (Changed.MACHINE_IMAGE, None, "ami-0abcdef1234567890", "ami-1"),
        (Changed.VALIDATOR, None, "0.1.0", "0.2.0"),
        (Changed.ARTEFACT, None, "e" * 64, "f" * 64),
    ]


def test_what_one_of_them_does_not_know_is_no_change():
    nothing = about(validator_sha256=None, machine=None, packages=None, base_images=(image("python:3.11-slim", None),))
    known = about(base_images=(image("python:3.11-slim"),))
    for before, after in ((nothing, known), (known, nothing)):
        assert changed(before, after) == []
    assert changed(V1, REPORT) == changed(REPORT, V1) == []


def test_several_gpus_of_one_kind_are_that_kind():
    def with_gpus(*names: str) -> Report:
        return replace(REPORT, host=replace(REPORT.host, gpu_names=names))

    assert changed(with_gpus("NVIDIA A10G"), with_gpus("NVIDIA A10G", "NVIDIA A10G")) == []
    assert changed(with_gpus(), with_gpus("NVIDIA A10G")) == []


class TestBaseImages:
    def test_another_digest_of_the_same_reference(self):
        before, after = about(base_images=(image("a:1", "1"),)), about(base_images=(image("a:1", "2"),))
        assert changed(before, after) == [(Changed.BASE_IMAGE, "a:1", "sha256:" + "1" * 64, "sha256:" + "2" * 64)]

    def test_another_reference_for_the_same_stage(self):
        before = about(base_images=(image("a:1", stage="build"), image("b:1", stage="1")))
        after = about(base_images=(image("a:2", stage="build"), image("b:1", stage="1")))
        assert changed(before, after) == [(Changed.BASE_IMAGE, "stage build", "a:1", "a:2")]

    def test_images_that_come_and_go(self):
        before = about(base_images=(image("a:1", stage="0"), image("tool:1", stage=None)))
        after = about(base_images=(image("b:1", stage="other"), image("tool:2", stage=None)))
        assert changed(before, after) == [
            (Changed.BASE_IMAGE, None, None, "b:1"),
            (Changed.BASE_IMAGE, None, None, "tool:2"),
            (Changed.BASE_IMAGE, None, "a:1", None),
            (Changed.BASE_IMAGE, None, "tool:1", None),
        ]


class TestPackages:
    @pytest.mark.parametrize(
        ("before", "after", "told"),
        [
            ({"torch": "2.1"}, {"torch": "2.2"}, [("torch", "2.1", "2.2")]),
            ({}, {"b": "1", "a": "2"}, [("a", None, "2"), ("b", None, "1")]),
            ({"a": "1"}, {}, [("a", "1", None)]),
            ({"Typing_Extensions": "4"}, {"typing-extensions": "4"}, []),
            ({"Typing_Extensions": "4"}, {"typing-extensions": "5"}, [("typing-extensions", "4", "5")]),
        ],
    )
    def test_added_removed_and_of_another_version(
        self, before: Mapping[str, str], after: Mapping[str, str], told: list[tuple[str, str | None, str | None]]
    ):
        found = changed(about(packages=packages(**before)), about(packages=packages(**after)))
        assert found == [(Changed.PACKAGE, *each) for each in told]

    def test_of_a_list_that_was_cut_nothing_is_missed(self):
        before, after = packages(a="1", b="1"), packages(left_out=3, a="2")
        for one, other in ((before, after), (after, before)):
            names = [name for _, name, _, _ in changed(about(packages=one), about(packages=other))]
            assert names == ["a"]

    def test_more_than_are_kept_are_counted_and_displace_nothing_else(self):
        many = packages(**{f"p{number:03}": "1" for number in range(200)})
        after = replace(about(packages=many), validator_version="0.2.0")
        changes = changes_between(about(packages=packages()), after)
        assert len(changes.parts) == MAX_CHANGES
        assert changes.left_out == 201 - MAX_CHANGES
        assert changes.of(Changed.VALIDATOR) == (PartChange(part=Changed.VALIDATOR, before="0.1.0", after="0.2.0"),)
        assert changes.of(Changed.PACKAGE)[0].name == "p000"


def test_changes_are_kept_and_read_as_they_were():
    after = about(packages=packages(torch="2.2"), base_images=(image("a:1", "2"),), machine=Machine(image_id="ami-9"))
    changes = changes_between(about(packages=packages(torch="2.1"), base_images=(image("a:1"),)), after)
    assert len(changes.parts) == 3
    assert ProvenanceChanges.read(json.loads(json.dumps(changes.to_dict())), Place("", ValueError)) == changes
