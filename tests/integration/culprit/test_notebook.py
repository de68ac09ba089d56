"""What a search leaves in Postgres: a killed one goes on, two of them are one, and nothing is changed afterwards."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from janitor.domain.experiment.experiment import Observed
from janitor.domain.repair.proposal import Abstained, Failure
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.culprit.for_recipes import culprit_by_experiment
from janitor.services.culprit.notebook import Memory, PostgresNotebook
from janitor.services.culprit.search import find_culprit
from janitor.settings import Settings
from tests.corpus.culprits.judging import failure_of
from tests.support.postgres import TestDatabase
from tests.support.reports import History, check_of, reporting
from tests.unit.culprit.test_search import DOCKERFILE, NEW, NOW, OLD, STEPS, THEN, Simulated, needs, report

OPTIONS = "-c search_path=janitor,pg_catalog"


@pytest.fixture
def failure(history: History) -> Failure:
    """Of a validation that there are rows of."""
    red = history.run(reporting(check_of("handler_local", CheckStatus.FAIL)))
    made = failure_of(report(THEN, OLD, good=True), report(NOW, NEW, good=False))
    return replace(made, repeated=replace(made.repeated, validation_id=red))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "r.txt").write_text("alpha\nbeta\ngamma\n")
    return folder


def notebook(settings: Settings, failure: Failure, key: str = "culprit/1") -> PostgresNotebook:
    return PostgresNotebook(settings, key=f"{settings.deployment}/{key}", validation_id=failure.repeated.validation_id)


@pytest.mark.parametrize("dies_at", [0, 3, STEPS - 1])
def test_a_killed_search_goes_on_and_pays_nothing_twice(
    settings: Settings, database: TestDatabase, failure: Failure, tree: Path, dies_at: int
) -> None:
    first = Simulated(needs("beta==1.0"), dies_at=dies_at)
    with pytest.raises(KeyboardInterrupt):
        find_culprit(first, failure, tree=tree, notebook=notebook(settings, failure))
    assert notebook(settings, failure).entries()[-1].outcome is None, "what is under way is written down before"
    second = Simulated(needs("beta==1.0"))
    found = find_culprit(second, failure, tree=tree, notebook=notebook(settings, failure))
    assert [each.name for each in found.changes] == ["beta"]
    asked = [each.experiment_id for each in (*first.asked, *second.asked)]
    assert len(asked) == len(set(asked)) == STEPS
    third = Simulated(needs("nothing of this"))
    again = find_culprit(third, failure, tree=tree, notebook=notebook(settings, failure))
    assert (again, third.asked) == (found, []), "one that is over is read, and nothing is tried"
    assert again.cost_usd == Decimal("0.25") * STEPS
    with psycopg.connect(database.reader_url, options=OPTIONS) as connection:
        rows = connection.execute(
            "select state::text, changes, reason from culprit_searches where deployment = %s", (settings.deployment,)
        ).fetchall()
    [(state, changes, reason)] = rows
    assert (state, reason) == ("found", found.reason)
    assert changes == [{"part": "package", "name": "beta", "before": "1.0", "after": "2.0"}]


def test_the_rows_say_the_same_as_the_memory(settings: Settings, failure: Failure, tree: Path) -> None:
    def judge(came: str) -> Observed | str:
        return "build" if "beta==1.0" in came and "gamma==1.0" not in came else needs("beta==1.0")(came)

    written, key = notebook(settings, failure), f"{settings.deployment}/culprit/1"
    in_rows = find_culprit(Simulated(judge, price=None), failure, tree=tree, notebook=written)
    kept = Memory(key=key)
    in_memory = find_culprit(Simulated(judge, price=None), failure, tree=tree, notebook=kept)
    assert (in_rows.state, in_rows.changes, in_rows.reason) == (in_memory.state, in_memory.changes, in_memory.reason)
    assert [replace(each, validation_id=None) for each in written.entries()] == [
        replace(each, validation_id=None) for each in kept.entries()
    ]


def test_two_searches_are_two(settings: Settings, failure: Failure, tree: Path) -> None:
    one, two = (notebook(settings, failure, key) for key in ("one", "two"))
    find_culprit(Simulated(needs("beta==1.0")), failure, tree=tree, notebook=one)
    assert two.entries() == []


def test_what_was_tried_is_not_changed_afterwards(
    settings: Settings, database: TestDatabase, failure: Failure, tree: Path
) -> None:
    written = notebook(settings, failure)
    find_culprit(Simulated(needs("beta==1.0")), failure, tree=tree, notebook=written)
    before = written.entries()
    written.end(replace(before[0], outcome=before[1].outcome, reason="another word"))
    written.begin(replace(before[0], experiment_id=UUID(int=7)))
    assert written.entries() == before
    with (
        psycopg.connect(database.writer_url, options=OPTIONS) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("update culprit_steps set put_back = '{}'")


def test_a_recipe_is_told_the_changes_or_why_not(settings: Settings, failure: Failure, tree: Path) -> None:
    asked = culprit_by_experiment(settings, Simulated(needs("beta==1.0")), tree)
    found = asked(failure, ())
    assert not isinstance(found, Abstained)
    assert [each.name for each in found] == ["beta"]
    elsewhere = culprit_by_experiment(settings, Simulated(lambda _: Observed.GREEN), tree, here=True)
    untold = elsewhere(failure, ())
    assert isinstance(untold, Abstained)
    assert "it is green as it is now" in untold.reason
