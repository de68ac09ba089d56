"""The loop of a search over a laboratory that is simulated: what is asked, what is kept, what ends it.

The world is simulated here, base images among it, since no engine is needed for the loop; `tests/corpus/culprits` has
the search over real installations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from janitor.domain.culprit.culprit import Culprit, CulpritState, CulpritStep, Limits
from janitor.domain.culprit.minimize import Outcome
from janitor.domain.errors import BudgetRefusedError
from janitor.domain.experiment.experiment import Experiment, ExperimentPurpose, Observation, Observed
from janitor.domain.repair.proposal import Failure
from janitor.protocol.report import Report
from janitor.protocol.terms.provenance import BaseImage, Packages, Provenance, ResolvedBy
from janitor.protocol.terms.statuses import CheckStatus, Engine
from janitor.services.culprit.notebook import Entry, Memory
from janitor.services.culprit.search import find_culprit
from tests.corpus.culprits.judging import failure_of
from tests.support.reports import check_of, report_of

OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
THEN = {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
NOW = {"alpha": "2.0", "beta": "2.0", "gamma": "2.0"}
STEPS = 8
"""Of a search for beta."""
DOCKERFILE = "FROM python:3.11\nCOPY r.txt .\nRUN pip install -r r.txt\n"


@dataclass
class Simulated:
    """Judges by the words that a patch puts into the Dockerfile."""

    judge: Callable[[str], Observed | str]
    """Of the lines that came, one text; a check's name stands for red by it."""
    price: Decimal | None = Decimal("0.25")
    asked: list[Experiment] = field(default_factory=list)
    dies_at: int | None = None

    def observe(self, experiment: Experiment) -> Observation:
        if self.dies_at is not None and len(self.asked) == self.dies_at:
            raise KeyboardInterrupt
        self.asked.append(experiment)
        text = experiment.patch.text if experiment.patch is not None else ""
        came = "\n".join(line[1:] for line in text.splitlines() if line.startswith("+") and line[:3] != "+++")
        judged = self.judge(came)
        check = judged if isinstance(judged, str) and not isinstance(judged, Observed) else "handler_local"
        report = report_of(uuid4(), uuid4(), check_of(check, CheckStatus.FAIL))
        observed = judged if isinstance(judged, Observed) else Observed.RED
        return Observation(
            observed=observed,
            reason=f"it is {observed.value}",
            signature=report.signature.id if report.signature is not None and observed is Observed.RED else None,
            report=report if observed is Observed.RED else None,
            validation_id=uuid4(),
            cost_usd=self.price,
        )


def needs(*words: str) -> Callable[[str], Observed | str]:
    return lambda came: Observed.GREEN if all(word in came for word in words) else Observed.RED


def report(packages: dict[str, str], digest: str, *, good: bool) -> Report:
    check = check_of("handler_local", CheckStatus.PASS if good else CheckStatus.FAIL)
    image = BaseImage(reference="python:3.11", stage="0", digest=digest, resolved_by=ResolvedBy.BUILD)
    provenance = Provenance(base_images=(image,), packages=Packages(python="3.11.4", versions=packages))
    return replace(report_of(uuid4(), uuid4(), check_of("build"), check, provenance=provenance), engine=Engine.DOCKER)


@pytest.fixture
def failure() -> Failure:
    return failure_of(report(THEN, OLD, good=True), report(NOW, NEW, good=False))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "r.txt").write_text("alpha\nbeta\ngamma\n")
    return tmp_path


def named(culprit: Culprit) -> list[str | None]:
    assert culprit.state is CulpritState.FOUND, culprit.reason
    return [each.name for each in culprit.changes]


def test_a_base_image_is_found_by_its_digest(failure: Failure, tree: Path) -> None:
    laboratory = Simulated(needs(f"FROM python:3.11@{OLD}"))
    culprit = find_culprit(laboratory, failure, tree=tree, notebook=Memory(key="k"))
    assert named(culprit) == ["python:3.11"]
    assert culprit.cost_usd == Decimal("0.25") * len(culprit.steps)
    assert {each.purpose for each in laboratory.asked} == {ExperimentPurpose.CULPRIT}
    assert len({each.experiment_id for each in laboratory.asked}) == len(laboratory.asked)


def test_a_base_image_and_a_package_together(failure: Failure, tree: Path) -> None:
    laboratory = Simulated(needs(f"python:3.11@{OLD}", "beta==1.0"))
    culprit = find_culprit(laboratory, failure, tree=tree, notebook=Memory(key="k"))
    assert sorted(each or "" for each in named(culprit)) == ["beta", "python:3.11"]
    assert "one of them alone is not enough" in culprit.reason


def test_each_step_is_told_as_it_happens(failure: Failure, tree: Path) -> None:
    told: list[CulpritStep] = []
    culprit = find_culprit(
        Simulated(needs("beta==1.0")), failure, tree=tree, notebook=Memory(key="k"), on_step=told.append
    )
    assert tuple(told) == culprit.steps
    assert [each.number for each in told] == list(range(1, len(told) + 1))
    assert [each.outcome for each in told[:2]] == [Outcome.RED, Outcome.GREEN]


@pytest.mark.parametrize("dies_at", range(STEPS))
def test_killed_at_any_step_it_goes_on_and_pays_nothing_twice(failure: Failure, tree: Path, dies_at: int) -> None:
    notebook, whole = Memory(key="k"), Simulated(needs("beta==1.0"))
    expected = find_culprit(whole, failure, tree=tree, notebook=Memory(key="k"))
    first = Simulated(needs("beta==1.0"), dies_at=dies_at)
    assert len(whole.asked) == STEPS
    with pytest.raises(KeyboardInterrupt):
        find_culprit(first, failure, tree=tree, notebook=notebook)
    second = Simulated(needs("beta==1.0"))
    culprit = find_culprit(second, failure, tree=tree, notebook=notebook)
    assert named(culprit) == named(expected)
    asked = [each.experiment_id for each in (*first.asked, *second.asked)]
    assert asked == [each.experiment_id for each in whole.asked], "what was begun is asked for by its own id"


def test_a_limit_leaves_it_where_it_is(failure: Failure, tree: Path) -> None:
    notebook, laboratory = Memory(key="k"), Simulated(needs("beta==1.0"))
    for limits, words in (
        (Limits(max_steps=3), "3 steps"),
        (Limits(max_usd=Decimal("1.00")), "1.00 US dollars"),
        (Limits(within=timedelta(0)), "time"),
    ):
        stopped = find_culprit(laboratory, failure, tree=tree, notebook=notebook, limits=limits)
        assert not stopped.is_found
        assert words in stopped.reason
    assert len(laboratory.asked) == 4
    assert [each.name for each in stopped.changes] != []
    assert named(find_culprit(laboratory, failure, tree=tree, notebook=notebook)) == ["beta"]
    assert len(laboratory.asked) == STEPS


def test_a_budget_that_refuses_ends_it(failure: Failure, tree: Path) -> None:
    class Refusing(Simulated):
        def observe(self, experiment: Experiment) -> Observation:
            raise BudgetRefusedError("the day's budget is spent")

    culprit = find_culprit(Refusing(needs()), failure, tree=tree, notebook=Memory(key="k"))
    assert not culprit.is_found
    assert "the day's budget is spent" in culprit.reason


def test_it_is_the_failure_that_is_asked_about(failure: Failure, tree: Path) -> None:
    other = find_culprit(Simulated(lambda _: "log_scan"), failure, tree=tree, notebook=Memory(key="k"))
    assert (other.is_found, len(other.steps)) == (False, 1)
    assert "with nothing put back it fails otherwise" in other.reason


def test_what_fails_sooner_says_nothing(failure: Failure, tree: Path) -> None:
    """Beta and gamma can't be installed one without the other."""

    def judge(came: str) -> Observed | str:
        if ("beta==1.0" in came) != ("gamma==1.0" in came):
            return "build"
        return Observed.GREEN if "beta==1.0" in came else Observed.RED

    culprit = find_culprit(Simulated(judge), failure, tree=tree, notebook=Memory(key="k"))
    assert not culprit.is_found
    assert sorted(each.name or "" for each in culprit.changes) == ["beta", "gamma"]
    assert "whether less would do can't be told" in culprit.reason


def test_what_can_not_be_judged_is_tried_once_more(failure: Failure, tree: Path) -> None:
    laboratory = Simulated(lambda _: Observed.INCONCLUSIVE)
    culprit = find_culprit(laboratory, failure, tree=tree, notebook=Memory(key="k"))
    assert (culprit.is_found, len(laboratory.asked)) == (False, 2)
    assert "it could not be judged: it is inconclusive" in culprit.reason


def test_what_changed_and_stays_is_told(failure: Failure, tree: Path) -> None:
    good, bad = report(THEN, OLD, good=True), report(THEN, OLD, good=False)
    bad = replace(bad, host=replace(bad.host, driver_version="550"), validator_version="0.2.0")
    culprit = find_culprit(Simulated(needs()), failure_of(good, bad), tree=tree, notebook=Memory(key="k"))
    assert culprit.steps == ()
    assert "nothing that could be put back is known to have changed" in culprit.reason
    assert re.search(r"validator 0\.1\.0 → 0\.2\.0 \(the machine's", culprit.reason)


def test_what_comes_from_an_address_is_not_taken_from_an_index(failure: Failure, tree: Path) -> None:
    """A package of that name in an index may be anybody's."""
    (tree / "r.txt").write_text("alpha @ git+https://example.com/alpha\nbeta\ngamma\n")
    laboratory = Simulated(needs("alpha==1.0"))
    culprit = find_culprit(laboratory, failure, tree=tree, notebook=Memory(key="k"))
    assert not culprit.is_found
    assert "alpha 1.0 → 2.0 (it is installed from an address" in culprit.reason
    assert not any("alpha" in each.patch.text.split("@@")[-1] for each in laboratory.asked if each.patch is not None)


def test_without_a_success_or_with_another_commit_there_is_no_question(failure: Failure, tree: Path) -> None:
    none = find_culprit(Simulated(needs()), replace(failure, last_good=None), tree=tree, notebook=Memory(key="k"))
    assert "no success of this repository is known" in none.reason
    assert failure.last_good is not None
    moved = replace(failure.last_good, repository=replace(failure.last_good.repository, commit_sha="f" * 40))
    other = find_culprit(Simulated(needs()), replace(failure, last_good=moved), tree=tree, notebook=Memory(key="k"))
    assert "the commit changed: green at ffffffffffff, red at 0123456789ab" in other.reason


def test_entries_are_kept_before_they_are_paid_for(failure: Failure, tree: Path) -> None:
    written: list[tuple[str, UUID]] = []

    class Told(Memory):
        def begin(self, entry: Entry) -> None:
            written.append(("begin", entry.experiment_id))
            super().begin(entry)

        def end(self, entry: Entry) -> None:
            written.append(("end", entry.experiment_id))
            super().end(entry)

    find_culprit(Simulated(needs("beta==1.0")), failure, tree=tree, notebook=Told(key="k"))
    assert [word for word, _ in written] == ["begin", "end"] * STEPS
    assert [each for word, each in written if word == "begin"] == [each for word, each in written if word == "end"]
