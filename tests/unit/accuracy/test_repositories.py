"""A labelled folder is read and never written to; each case of a tests.json alone is a repository of its own."""

from __future__ import annotations

import json

import pytest

from tests.accuracy.expectation import ExpectationError
from tests.accuracy.repositories import find_labelled, make_checkout
from tests.integration.validator.conftest import git, new_repository


def labelled_folder(folder, first_line, files=None):
    folder.mkdir(parents=True)
    (folder / "EXPECTED.txt").write_text(f"{first_line}\nKind: a kind. More\n")
    for name, text in {"Dockerfile": "FROM scratch\n", **(files or {})}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def state_of(folder):
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_mtime_ns) for path in folder.rglob("*")
    }


def test_folder_is_committed_in_a_copy_with_its_modes_and_links(tmp_path):
    worker = labelled_folder(tmp_path / "cases" / "a", "success", {"start.sh": "#!/bin/sh\n", "plain.sh": "x\r\n"})
    (worker / "start.sh").chmod(0o555)
    (worker / "plain.sh").chmod(0o444)
    (worker / "link").symlink_to("start.sh")
    worker.chmod(0o555)
    before = state_of(tmp_path / "cases")
    [found] = find_labelled(tmp_path / "cases")
    checkout = make_checkout(found, tmp_path / "checkout")
    listed = git(checkout, "ls-tree", "HEAD").splitlines()
    assert [(line.split()[0], line.split("\t")[1]) for line in listed] == [
        ("100644", "Dockerfile"),
        ("120000", "link"),
        ("100644", "plain.sh"),
        ("100755", "start.sh"),
    ]
    assert git(checkout, "cat-file", "-s", "HEAD:plain.sh").strip() == "3"  # the carriage return is part of it
    assert git(checkout, "status", "--porcelain") == ""
    assert state_of(tmp_path / "cases") == before
    worker.chmod(0o755)


def test_checkout_counts_as_it_is_committed(tmp_path):
    (tmp_path / "cases").mkdir()
    repository = new_repository(tmp_path / "cases" / "b", {"Dockerfile": "FROM scratch\n"})
    sha = git(repository, "rev-parse", "HEAD")
    (repository / "EXPECTED.txt").write_text("failed: x\n")
    (repository / "Dockerfile").write_text("FROM other\n")
    before = state_of(repository)
    [found] = find_labelled(tmp_path / "cases")
    checkout = make_checkout(found, tmp_path / "checkout")
    assert git(checkout, "rev-parse", "HEAD") == sha
    assert (checkout / "Dockerfile").read_text() == "FROM scratch\n"
    assert not (checkout / "EXPECTED.txt").exists()
    assert state_of(repository) == before


def test_each_case_alone_is_a_repository_of_its_own(tmp_path):
    tests = {"tests": [{"name": "x", "input": {}}, {"input": {"a": 1}}], "config": {"cpuFlavor": "cpu3c"}}
    labelled_folder(
        tmp_path / "cases" / "c", "failed (each of its 2 cases alone, too)", {".runpod/tests.json": json.dumps(tests)}
    )
    whole, *alone = find_labelled(tmp_path / "cases")
    assert (whole.name, whole.case) == ("c", None)
    assert [(each.name, each.case) for each in alone] == [("c[x]", 0), ("c[2]", 1)]
    for each, test in zip(alone, tests["tests"], strict=True):
        checkout = make_checkout(each, tmp_path / f"checkout-{each.case}")
        assert json.loads(git(checkout, "show", "HEAD:.runpod/tests.json")) == {**tests, "tests": [test]}


def test_every_unreadable_expectation_is_named_before_anything_runs(tmp_path):
    cases = tmp_path / "cases"
    labelled_folder(cases / "a", "success")
    labelled_folder(cases / "b", "perhaps")
    labelled_folder(cases / "c", "failed (each of its 3 cases alone, too)")
    with pytest.raises(ExpectationError) as caught:
        find_labelled(cases)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{cases / 'b' / 'EXPECTED.txt'}:1: 'perhaps' says no verdict")
    assert second == f"{cases / 'c' / 'EXPECTED.txt'}:1: speaks of 3 cases, and its tests.json has 0"


def test_folder_without_any_expectation_is_an_error(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ExpectationError, match="none of its folders has an EXPECTED"):
        find_labelled(tmp_path)
