"""What `make test` leaves out is there, and is named with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import NOT_FULL, TOGETHER, Order, folder_of, group_of
from tests.durations import seconds_of_modules, write
from tests.selection import REST, Part, part_of

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("part", REST, ids=lambda part: part.name)
def test_each_part_is_there_and_says_why(part: Part) -> None:
    for path in part.paths:
        file, _, name = path.partition("::")
        assert (TESTS / file).exists(), path
        assert not name or f"def {name.rpartition('::')[2].partition('[')[0]}(" in (TESTS / file).read_text(), path
    assert part.why
    assert part.minutes > 0


def test_a_part_is_called_by_its_name() -> None:
    assert len({part.name for part in REST}) == len(REST)


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("tests/acceptance/test_fresh_clone.py::test_x", "fresh clone"),
        ("tests/dags/kills/test_kills.py::test_x[a-b]", "kills"),
        ("tests/dags/test_runs.py::test_x", None),
        ("tests/dags/test_pages.py::test_x", "whole stacks"),
        ("tests/integration/localcloud/test_cloud_restart.py::test_x", "local cloud"),
        ("tests/integration/validator/docker/test_validator_docker_gpu.py::test_x", "Docker truth"),
        ("tests/integration/validator/test_validator_docker.py::test_x", "Docker truth"),
        ("tests/integration/validator/test_validator_build.py::test_x", None),
        ("tests/integration/localcloud/test_cloud_events.py::test_scheduled_rule_fires_every_minute", "clocks"),
        ("tests/integration/localcloud/test_cloud_events.py::test_scheduled", None),
        ("tests/integration/compose/test_compose.py::test_x", "compose"),
    ],
)
def test_which_part_a_test_is_in(test: str, name: str | None) -> None:
    part = part_of(test)
    assert (part.name if part else None) == name


def test_what_shares_a_server_stays_in_one_process() -> None:
    assert all((TESTS / folder).is_dir() for folder in TOGETHER)
    assert group_of("tests/integration/stack/test_stack_health.py::test_x") == "integration/stack"
    assert group_of("tests/integration/services/test_places.py::test_x") == "tests/integration/services/test_places.py"
    assert group_of("tests/unit/domain/test_costs.py::test_x") == "tests/unit/domain/test_costs.py"
    assert folder_of("tests/unit/domain/test_costs.py::test_x") == "unit/domain"


def test_what_is_left_out_is_said_as_the_makefile_says_it() -> None:
    recipes = (TESTS.parent / "Makefile").read_text()
    assert recipes.count(f'-m "{NOT_FULL}"') == 2


def test_what_shares_a_stack_is_begun_first_and_then_what_takes_longest() -> None:
    order = Order({"integration/long/test_a.py": 9, "integration/long/test_b.py": 90, "unit/x/test_c.py": 200})
    begun = [
        "tests/dags/test_runs.py::test_x",
        "tests/dags/test_history_pruning.py::test_x",
        "tests/integration/stack/test_doctor.py::test_x",
        "tests/integration/long/test_b.py::test_x",
        "tests/integration/long/test_a.py::test_x",
        "tests/integration/unknown/test_new.py::test_x",
        "tests/unit/x/test_c.py::test_x",
    ]
    other_way_round = begun[::-1]
    assert sorted(other_way_round, key=order.rank) == begun


def test_the_durations_are_of_modules_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = seconds_of_modules()
    assert [module for module in seconds if not (TESTS / module).is_file()] == []
    monkeypatch.setattr("tests.durations.FILE", tmp_path / "durations.tsv")
    write({**seconds, "unit/test_quick.py": 0.4})
    assert seconds_of_modules() == seconds
