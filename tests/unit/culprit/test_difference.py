"""What can be put back, and in which order."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from janitor.domain.culprit.culprit import spelled
from janitor.domain.culprit.difference import UNKNOWN, Way, by_likelihood, differences, hunches, key_of
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.protocol.report import Report
from janitor.protocol.terms.provenance import BaseImage, Packages, Provenance, ResolvedBy
from janitor.protocol.terms.statuses import CheckStatus, Engine
from tests.support.reports import check_of, report_of

OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def image(digest: str | None) -> BaseImage:
    return BaseImage(
        reference="python:3.11",
        stage="0",
        digest=digest,
        resolved_by=None if digest is None else ResolvedBy.BUILD,
    )


def report(
    packages: dict[str, str] | None,
    *,
    digest: str | None = None,
    python: str = "3.11.4",
    engine: Engine = Engine.DOCKER,
    fails: str | None = None,
) -> Report:
    checks = [check_of("build")] if fails is None else [check_of(fails, CheckStatus.FAIL)]
    provenance = Provenance(
        base_images=(image(digest),),
        packages=None if packages is None else Packages(python=python, versions=packages),
    )
    return replace(report_of(uuid4(), uuid4(), *checks, provenance=provenance), engine=engine)


def package(name: str, before: str | None, after: str | None) -> PartChange:
    return PartChange(part=Changed.PACKAGE, name=name, before=before, after=after)


def test_packages_that_changed_came_or_went_can_be_put_back() -> None:
    good = report({"torch": "2.1", "six": "1.0", "same": "1"})
    bad = report({"torch": "2.2", "triton": "3.0", "same": "1"}, fails="handler_local")
    found = differences(good, bad)
    assert found.way is Way.INSTALLED
    assert found.candidates == (
        package("six", "1.0", None),
        package("torch", "2.1", "2.2"),
        package("triton", None, "3.0"),
    )
    assert found.kept == ()


def test_a_digest_counts_where_an_image_was_built() -> None:
    good, bad = report({"a": "1"}, digest=OLD), report({"a": "1"}, digest=NEW, fails="handler_local", python="3.11.9")
    found = differences(good, bad)
    assert [key_of(each) for each in found.candidates] == ["base_image python:3.11"]
    assert [(each.change.part, each.reason) for each in found.kept] == [
        (Changed.PYTHON, "it comes with its base image")
    ]
    elsewhere = differences(replace(good, engine=Engine.VENV), replace(bad, engine=Engine.VENV))
    assert elsewhere.candidates == ()
    assert "without an image being built" in elsewhere.kept[0].reason


@pytest.mark.parametrize(("now", "is_candidate"), [("3.12.1", True), ("3.11.9", False)])
def test_a_minor_version_of_python_counts(now: str, is_candidate: bool) -> None:
    good = report({"a": "1"}, engine=Engine.VENV)
    bad = report({"a": "1"}, engine=Engine.VENV, python=now, fails="handler_local")
    assert [each.part for each in differences(good, bad).candidates] == [Changed.PYTHON] * is_candidate


def test_where_the_installation_fails_all_that_was_there_is_bound() -> None:
    found = differences(report({"b": "1", "a": "2"}), report(None, fails="build"))
    assert found.way is Way.BOUND
    assert found.candidates == (package("a", "2", UNKNOWN), package("b", "1", UNKNOWN))


@pytest.mark.parametrize("version", ["1.0; rm -rf /", "1.0\nRUN evil", "$(id)", "-r x"])
def test_what_can_not_be_written_down_stays(version: str) -> None:
    for good, bad in (({"a": version}, {"a": "2"}), ({"a": "1"}, {"a": version})):
        found = differences(report(good), report(bad, fails="handler_local"))
        assert found.candidates == ()
        assert "can't be written into a file" in found.kept[0].reason
    assert differences(report({"a": version}), report(None, fails="build")).candidates == ()


def test_what_is_named_comes_first_then_what_is_asked_for() -> None:
    changes = [
        package("aaa", "1", "2"),
        package("came", None, "1"),
        package("direct", "1", "2"),
        package("gone", "1", None),
        package("py_named", "1", "2"),
        PartChange(part=Changed.BASE_IMAGE, name="python:3.11", before=OLD, after=NEW),
    ]
    said = 'File ".../site-packages/py_named/__init__.py": ImportError'
    ordered = by_likelihood(changes, direct={"direct"}, said=said)
    assert [each.name for each in ordered] == ["py_named", "direct", "python:3.11", "aaa", "gone", "came"]
    assert hunches(changes, direct={"direct"}, said=said) == (
        frozenset({"package py_named"}),
        frozenset({"package py_named", "package direct"}),
    )
    assert hunches(changes[:1], direct={"aaa"}, said="") == (), "all of them is no hunch"


def test_short_names_are_everywhere() -> None:
    changes = [package("b", "1", "2"), package("at", "1", "2")]
    assert hunches(changes, direct=(), said="at b line") == ()


def test_in_words() -> None:
    many = [package(f"p{number}", "1", "2") for number in range(6)]
    assert spelled(many) == "p0 1 → 2, p1 1 → 2, p2 1 → 2, p3 1 → 2 and 2 more"
    assert spelled([package("a", None, "1")]) == "a not there → 1"
    changed = PartChange(part=Changed.BASE_IMAGE, name="x", before=OLD, after=NEW)
    assert spelled([changed]) == "x sha256:111111111111 → sha256:222222222222"
    assert spelled(()) == "nothing"
