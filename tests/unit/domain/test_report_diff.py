"""What is new, fixed, the same or still failing; what could not be told neither breaks nor fixes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from janitor.domain.result.provenance_changes import CommitRange
from janitor.domain.result.report_diff import (
    REMEMBERED,
    Change,
    Mark,
    Outcome,
    ReportDifference,
    RepositoryStanding,
    Seen,
    compare,
)
from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Report
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import CheckStatus, Engine

SPACE = UUID("550e8400-e29b-41d4-a716-446655440000")
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SUCCESS, FAILED, ERROR = ValidationStatus.SUCCESS, ValidationStatus.FAILED, ValidationStatus.ERROR
PASS, FAIL, SKIP, ERRED = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.SKIP, CheckStatus.ERROR
FINAL = [status for status in ValidationStatus if status.is_final]


def mark(number: int) -> Mark:
    return Mark(
        at=START + timedelta(days=number),
        run_id=uuid5(SPACE, f"run {number}"),
        validation_id=uuid5(SPACE, f"validation {number}"),
    )


def seen(
    number: int, status: ValidationStatus, cause: str | None = None, commit: str | None = None, **checks: CheckStatus
):
    return Seen(mark=mark(number), status=status, signature=cause, commit_sha=commit, checks=checks)


def history(*reports: Seen) -> list[ReportDifference]:
    standing, differences = RepositoryStanding(), []
    for report in reports:
        difference, standing = compare(standing, report)
        differences.append(difference)
    return differences


def changes(*statuses: ValidationStatus) -> list[Change]:
    return [each.verdict.change for each in history(*(seen(n, status) for n, status in enumerate(statuses)))]


def test_a_life_of_a_repository():
    assert changes(SUCCESS, SUCCESS, FAILED, FAILED, SUCCESS, FAILED) == [
        Change.FIRST,
        Change.SAME,
        Change.NEW,
        Change.STILL_FAILING,
        Change.FIXED,
        Change.NEW,
    ]


def test_a_first_failure_is_new():
    (difference,) = history(seen(0, FAILED))
    assert (difference.verdict.change, difference.verdict.previous) == (Change.NEW, None)
    assert difference.verdict.since == mark(0)


def test_still_failing_names_the_first_failure_and_what_it_was_compared_with():
    *_, last = history(seen(0, SUCCESS), seen(1, FAILED, "a"), seen(2, FAILED, "a"), seen(3, FAILED, "a"))
    assert last.verdict.change is Change.STILL_FAILING
    assert (last.verdict.since, last.verdict.previous) == (mark(1), mark(2))
    assert (last.verdict.cause_changed, last.verdict.cause_since) == (False, mark(1))


def test_a_failure_for_another_cause_is_still_a_failure():
    *_, changed, after = history(seen(0, FAILED, "a"), seen(1, FAILED, "b"), seen(2, FAILED, "b"))
    assert (changed.verdict.change, changed.verdict.cause_changed) == (Change.STILL_FAILING, True)
    assert (changed.verdict.since, changed.verdict.cause_since) == (mark(0), mark(1))
    assert (after.verdict.cause_changed, after.verdict.cause_since) == (False, mark(1))


def test_a_cause_that_was_not_known_is_no_other_cause():
    *_, last = history(seen(0, FAILED), seen(1, FAILED, "a"), seen(2, FAILED), seen(3, FAILED, "a"))
    assert not last.verdict.cause_changed
    assert last.verdict.cause_since == mark(0)


def test_fixed_tells_since_when_it_had_failed():
    *_, last = history(seen(0, SUCCESS), seen(1, FAILED), seen(2, FAILED), seen(3, SUCCESS))
    assert (last.verdict.change, last.verdict.since, last.verdict.previous) == (Change.FIXED, mark(1), mark(2))
    assert last.verdict.outcome is Outcome.PASSED


def test_what_could_not_be_told_neither_breaks_nor_fixes():
    unknown = [ERROR, ValidationStatus.TIMED_OUT, ValidationStatus.INCOMPLETE, ValidationStatus.CANCELLED]
    for status in unknown:
        broken = history(seen(0, FAILED, "a"), seen(1, status, "x"), seen(2, FAILED, "a"))
        assert [each.verdict.change for each in broken] == [Change.NEW, Change.INCONCLUSIVE, Change.STILL_FAILING]
        assert broken[1].verdict.outcome is Outcome.FAILED
        assert broken[1].verdict.since == broken[2].verdict.since == mark(0)
        assert not broken[2].verdict.cause_changed
        assert changes(SUCCESS, status, SUCCESS) == [Change.FIRST, Change.INCONCLUSIVE, Change.SAME]
        assert changes(SUCCESS, status, FAILED) == [Change.FIRST, Change.INCONCLUSIVE, Change.NEW]
    (first,) = history(seen(0, ERROR, "x"))
    assert (first.verdict.change, first.verdict.outcome, first.verdict.since) == (Change.INCONCLUSIVE, None, None)


def test_checks_are_compared_each_by_itself():
    differences = history(
        seen(0, SUCCESS, build=PASS, handler_local=PASS, hub_schema=SKIP),
        seen(1, FAILED, build=FAIL, handler_local=SKIP, hub_schema=PASS),
        seen(2, FAILED, build=PASS, handler_local=FAIL, hub_schema=PASS),
        seen(3, FAILED, build=FAIL, handler_local=SKIP, hub_schema=ERRED),
        seen(4, FAILED, build=PASS, handler_local=FAIL, hub_schema=PASS),
    )
    told = [{name: each.change.value for name, each in difference.checks.items()} for difference in differences]
    assert told == [
        {"build": "first", "handler_local": "first"},
        {"build": "new", "hub_schema": "first"},
        {"build": "fixed", "handler_local": "new", "hub_schema": "same"},
        {"build": "new"},
        {"build": "fixed", "handler_local": "still_failing", "hub_schema": "same"},
    ]
    # What was not reached in between is still failing since it was first seen to fail.
    assert differences[4].checks["handler_local"].since == mark(2)
    assert differences[4].checks_that(Change.FIXED) == ("build",)
    assert differences[4].verdict.since == mark(1)


def test_a_check_that_passed_in_a_report_without_a_verdict_is_fixed():
    *_, last = history(seen(0, FAILED, build=FAIL), seen(1, ERROR, build=PASS, host=ERRED))
    assert last.checks["build"].change is Change.FIXED
    assert last.verdict.outcome is Outcome.FAILED


class TestFlaky:
    def flaky(self, *pairs: tuple[ValidationStatus, str | None]) -> list[bool]:
        reports = (seen(number, status, commit=commit) for number, (status, commit) in enumerate(pairs))
        return [each.verdict.flaky for each in history(*reports)]

    def test_turning_over_twice_at_one_commit(self):
        assert self.flaky((SUCCESS, "a"), (FAILED, "a"), (SUCCESS, "a")) == [False, False, True]

    def test_breaking_and_mending_by_commits_is_not(self):
        assert not any(self.flaky((SUCCESS, "a"), (FAILED, "b"), (SUCCESS, "c"), (SUCCESS, "d")))

    def test_breaking_without_a_commit_is_not(self):
        """The world around it changed: a base image, a package that isn't pinned."""
        assert not any(self.flaky((SUCCESS, "a"), (SUCCESS, "a"), (FAILED, "a"), (FAILED, "a")))

    def test_turning_over_three_times(self):
        assert self.flaky((SUCCESS, None), (FAILED, None), (SUCCESS, None), (FAILED, None))[-1]

    def test_it_is_forgotten(self):
        pairs = [(SUCCESS, "a"), (FAILED, "a"), (SUCCESS, "a"), *[(SUCCESS, "a")] * REMEMBERED]
        assert self.flaky(*pairs)[-1] is False

    def test_a_repository_that_breaks_and_is_repaired_by_its_commits_is_not_flaky(self):
        outcomes = (SUCCESS, FAILED) * 5
        assert not any(self.flaky(*[(outcome, f"commit-{number}") for number, outcome in enumerate(outcomes)]))

    def test_what_could_not_be_told_does_not_make_it_flaky(self):
        assert not any(self.flaky(*[(SUCCESS, "a"), (ERROR, "a")] * 6))


lives = st.lists(st.tuples(st.sampled_from(FINAL), st.sampled_from(["a", "b"])), max_size=30)


@settings(deadline=None)
@given(lives)
def test_the_fold_says_what_the_whole_history_says(life):
    reports = [seen(n, status, cause if status is FAILED else None) for n, (status, cause) in enumerate(life)]
    for position, difference in enumerate(history(*reports)):
        verdict, now = difference.verdict, reports[position]
        known = [each for each in reports[: position + 1] if each.status in (SUCCESS, FAILED)]
        if now.status not in (SUCCESS, FAILED):
            assert verdict.change is Change.INCONCLUSIVE
        assert (verdict.outcome is None) == (not known)
        if not known:
            continue
        assert verdict.outcome is (Outcome.PASSED if known[-1].status is SUCCESS else Outcome.FAILED)
        row = 1
        while row < len(known) and known[-row - 1].status is known[-1].status:
            row += 1
        if verdict.change is Change.STILL_FAILING:
            assert row > 1
            assert verdict.since == known[-row].mark
            assert verdict.previous == known[-2].mark
            assert verdict.cause_changed == (known[-2].signature != known[-1].signature)
        elif verdict.change is Change.NEW:
            assert row == 1
            assert now.status is FAILED
        elif verdict.change is Change.FIXED:
            assert (row, known[-2].status) == (1, FAILED)
        elif verdict.change is Change.SAME:
            assert row > 1


@settings(deadline=None)
@given(lives, st.integers(0, 30), st.sampled_from([each for each in FINAL if each not in (SUCCESS, FAILED)]))
def test_what_could_not_be_told_changes_nothing_that_comes_after(life, position, status):
    reports = [seen(n, each, cause) for n, (each, cause) in enumerate(life)]
    position = min(position, len(reports))
    disturbed = [*reports[:position], seen(99, status, "z"), *reports[position:]]
    calm, after = history(*reports), history(*disturbed)
    assert [*after[:position], *after[position + 1 :]] == calm


def test_what_changed_is_told_against_the_last_conclusive_report():
    golden = Path(__file__).parent.parent / "protocol" / "report_v2.golden.json"
    document = json.loads(golden.read_text())

    def told(number: int, status: ValidationStatus, commit: str | None) -> Seen:
        repository = {**document["repository"], "commit_sha": commit}
        report = None if commit is None else Report.from_dict({**document, "repository": repository})
        return replace(seen(number, status), report=report)

    one, two, three = (digit * 40 for digit in "abc")
    differences = history(
        told(0, SUCCESS, one), told(1, ERROR, two), told(2, FAILED, two), told(3, FAILED, three), told(4, FAILED, None)
    )
    assert [each.changes and each.changes.commits for each in differences] == [
        None,
        CommitRange(before=one, after=two),
        CommitRange(before=one, after=two),  # an error is compared, and nothing is compared with it
        CommitRange(before=two, after=three),
        None,
    ]


class TestLevels:
    """What is compared across levels of proof is never said without them."""

    def of(
        self,
        number: int,
        status: ValidationStatus,
        engine: Engine | None,
        check: str | None = None,
        **checks: CheckStatus,
    ) -> Seen:
        return replace(seen(number, status, commit="a", **checks), engine=engine, failing_check=check)

    def levels(self, *reports: Seen) -> list[tuple[ProofLevel | None, ProofLevel | None, bool]]:
        differences = [each.verdict for each in history(*reports)]
        return [(each.previous_level, each.level, each.crosses_levels) for each in differences]

    def test_each_report_is_compared_with_the_level_before(self):
        assert self.levels(
            self.of(0, SUCCESS, Engine.DOCKER),
            self.of(1, SUCCESS, Engine.DOCKER),
            self.of(2, SUCCESS, Engine.VENV),
            self.of(3, FAILED, Engine.DOCKER, "container_start"),
        ) == [
            (None, ProofLevel.IMAGE, False),
            (ProofLevel.IMAGE, ProofLevel.IMAGE, False),
            (ProofLevel.IMAGE, ProofLevel.ENVIRONMENT, True),
            (ProofLevel.ENVIRONMENT, ProofLevel.IMAGE, True),
        ]

    def test_a_check_that_needs_no_engine_says_the_same_at_every_level(self):
        *_, fixed = self.levels(self.of(0, FAILED, Engine.DOCKER, "dockerfile_parse"), self.of(1, SUCCESS, Engine.VENV))
        assert fixed == (None, ProofLevel.ENVIRONMENT, False)

    def test_what_could_not_be_told_leaves_the_level_that_stands(self):
        *_, unknown, after = self.levels(
            self.of(0, FAILED, Engine.DOCKER, "build"), self.of(1, ERROR, None), self.of(2, SUCCESS, Engine.VENV)
        )
        assert unknown == (ProofLevel.IMAGE, None, False)
        assert after == (ProofLevel.IMAGE, ProofLevel.ENVIRONMENT, True)

    def test_checks_have_their_own(self):
        *_, last = history(
            self.of(0, FAILED, Engine.DOCKER, "build", build=FAIL, pins=FAIL),
            self.of(1, SUCCESS, Engine.VENV, build=PASS, pins=PASS),
        )
        assert (last.checks["build"].change, last.checks["build"].crosses_levels) == (Change.FIXED, True)
        assert (last.checks["pins"].change, last.checks["pins"].crosses_levels) == (Change.FIXED, False)

    def test_a_verdict_that_differs_by_level_alone_is_not_flaky(self):
        turning = [(FAILED, Engine.DOCKER, "container_start"), (SUCCESS, Engine.VENV, None)] * 4
        across = history(*(self.of(number, *each) for number, each in enumerate(turning)))
        assert not any(each.verdict.flaky for each in across)
        within = history(*(self.of(number, each[0], Engine.VENV, each[2]) for number, each in enumerate(turning)))
        assert within[-1].verdict.flaky

    def test_turns_within_a_level_are_seen_whatever_lies_between(self):
        turning = [SUCCESS, FAILED, SUCCESS]
        reports = [
            each
            for number, status in enumerate(turning)
            for each in (
                self.of(2 * number, status, Engine.DOCKER, None if status is SUCCESS else "build"),
                self.of(2 * number + 1, SUCCESS, Engine.VENV),
            )
        ]
        assert history(*reports)[-1].verdict.flaky
