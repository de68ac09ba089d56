"""The labelled culprits: a few really searched for by each run of the tests, all of them by `make test-full`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.culprits.case import CulpritCase, Truth
from tests.corpus.culprits.catalogue import CASES, SMOKE
from tests.corpus.culprits.judging import judge, why_not


def test_the_cases_are_many_and_each_says_what_is_true() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 30
    assert set(SMOKE) <= set(names)
    assert sum(case.truth is Truth.FOUND for case in CASES) >= 20
    for case in CASES:
        assert case.truth is Truth.FOUND or case.says, f"{case.name}: what is said where nothing is named?"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


def assert_as_said(case: CulpritCase, folder: Path, cache: Path) -> None:
    if (reason := why_not(case, cache)) is not None:
        pytest.skip(f"{case.name}: {reason}")
    judged = judge(case, folder, cache)
    assert judged.problem is None, judged.problem


@pytest.mark.parametrize("case", [case for case in CASES if case.name in SMOKE], ids=lambda case: case.name)
def test_a_few(case: CulpritCase, tmp_path: Path, cache: Path) -> None:
    assert_as_said(case, tmp_path, cache)


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in SMOKE], ids=lambda case: case.name)
def test_the_others(case: CulpritCase, tmp_path: Path, cache: Path) -> None:
    assert_as_said(case, tmp_path, cache)
