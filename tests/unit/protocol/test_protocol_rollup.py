"""The roll-up rule, and its invariant: no checks make a success without an executed handler test."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.rollup import HANDLER_CHECKS, proof_level_of, roll_up
from janitor.protocol.terms.statuses import CheckName, CheckStatus, Engine, ReportStatus

PASS, FAIL, SKIP, ERROR = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.SKIP, CheckStatus.ERROR


@dataclass(frozen=True)
class Case:
    name: str
    status: CheckStatus
    required: bool = True
    reason_code: str | None = None


def check(name: str, status: CheckStatus, *, required: bool = True, code: str | None = None) -> Case:
    return Case(name, status, required, code if code or status is PASS else f"{name}_{status.value}")


HANDLER_PASSED = check("handler_local", PASS)

names = st.sampled_from([name.value for name in CheckName])
cases = st.builds(
    check,
    names,
    st.sampled_from(list(CheckStatus)),
    required=st.booleans(),
    code=st.sampled_from([None, "deadline", "network"]),
)
checks = st.lists(cases, max_size=20, unique_by=lambda case: case.name)


@given(checks)
def test_never_success_without_an_executed_handler_test(done):
    rolled = roll_up(done)
    tested = any(case.name in HANDLER_CHECKS and case.status is PASS for case in done)
    if rolled.status is ReportStatus.SUCCESS:
        assert tested
        assert all(case.status is PASS for case in done if case.required)


@given(checks)
def test_a_required_fail_is_always_failed_and_nothing_else_is(done):
    failed = any(case.required and case.status is FAIL for case in done)
    assert (roll_up(done).status is ReportStatus.FAILED) == failed


@given(checks)
def test_what_decided_is_named_unless_it_is_a_success(done):
    rolled = roll_up(done)
    if rolled.status is ReportStatus.SUCCESS:
        assert (rolled.reason_code, rolled.failing_check) == (None, None)
    else:
        assert rolled.reason_code is not None


@given(checks, cases)
def test_one_more_check_that_passes_never_makes_it_worse(done, extra):
    better = check(extra.name, PASS)
    if any(case.name == better.name for case in done):
        return
    order = [
        ReportStatus.SUCCESS,
        ReportStatus.INCOMPLETE,
        ReportStatus.ERROR,
        ReportStatus.TIMED_OUT,
        ReportStatus.FAILED,
    ]
    assert order.index(roll_up([*done, better]).status) <= order.index(roll_up(done).status)


def test_no_checks_at_all_are_incomplete():
    rolled = roll_up([])
    assert rolled.status is ReportStatus.INCOMPLETE
    assert rolled.reason_code == "handler_not_tested"


def test_all_passed_is_success():
    assert roll_up([check("checkout", PASS), HANDLER_PASSED]).status is ReportStatus.SUCCESS


def test_static_checks_alone_are_incomplete():
    assert roll_up([check("checkout", PASS), check("build", PASS)]).status is ReportStatus.INCOMPLETE


def test_fail_goes_before_deadline_error_and_skip():
    done = [
        check("host", ERROR),
        check("build", SKIP),
        check("hub_schema", FAIL),
        check("handler_local", ERROR, code="deadline"),
    ]
    rolled = roll_up(done)
    assert (rolled.status, rolled.failing_check) == (ReportStatus.FAILED, "hub_schema")


def test_deadline_goes_before_error():
    rolled = roll_up([check("host", ERROR), check("build", ERROR, code="deadline")])
    assert (rolled.status, rolled.failing_check, rolled.reason_code) == (ReportStatus.TIMED_OUT, "build", "deadline")


def test_error_goes_before_skip():
    rolled = roll_up([check("build", SKIP), check("host", ERROR), HANDLER_PASSED])
    assert (rolled.status, rolled.failing_check) == (ReportStatus.ERROR, "host")


def test_the_first_failing_check_is_named():
    assert roll_up([check("hub_schema", FAIL), check("build", FAIL)]).failing_check == "hub_schema"


def test_what_is_not_required_does_not_count():
    done = [
        check("log_scan", FAIL, required=False),
        check("image", ERROR, required=False),
        check("container_start", SKIP, required=False),
        HANDLER_PASSED,
    ]
    assert roll_up(done).status is ReportStatus.SUCCESS


@given(checks, st.sampled_from([None, *Engine]))
def test_a_level_is_proved_where_the_handler_was_exercised_in_an_engine_and_nowhere_else(done, engine):
    exercised = any(case.name in HANDLER_CHECKS and case.status in (PASS, FAIL) for case in done)
    levels = {Engine.DOCKER: ProofLevel.IMAGE, Engine.VENV: ProofLevel.ENVIRONMENT}
    assert proof_level_of(engine, done) == (levels.get(engine) if exercised else None)


@given(checks, st.sampled_from(list(Engine)))
def test_every_success_of_an_engine_has_a_level(done, engine):
    if roll_up(done).status is ReportStatus.SUCCESS:
        assert proof_level_of(engine, done) is not None
