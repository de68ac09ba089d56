"""Who is at fault: a success needs everything to agree, and trouble that is not the repository's is an error."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.launch.replacing import is_worth_another_host
from janitor.domain.result.binding import Ordered
from janitor.domain.result.outcome import Evidence, WorkTime, conclude, termination_reason_for
from janitor.domain.states import TerminationReason, ValidationStatus
from janitor.domain.watch.watching import CommandStatus, WatchOutcome
from janitor.protocol.report import Check, Host, Report, RepositoryIdentity
from janitor.protocol.terms.proven import Note, ProofLevel
from janitor.protocol.terms.statuses import CheckStatus, Engine, EngineChoice, ReportStatus
from tests.support.reports import every_check

ID = UUID("00000000-0000-4000-8000-000000000001")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def report(status: ReportStatus, *, partial: bool = False, validation_id: UUID = ID) -> Report:
    return Report(
        validator_version="1",
        validation_id=str(validation_id),
        run_id=str(UUID(int=2)),
        repository=RepositoryIdentity(
            name="worker", organization="acme", url="https://example.org/w", ref=None, commit_sha="a" * 40
        ),
        prompt="look",
        engine=Engine.VENV,
        status=status,
        reason_code=None if status is ReportStatus.SUCCESS else "handler_raised",
        summary="what happened",
        failing_check=None,
        partial=partial,
        started_at=NOW,
        finished_at=NOW,
        duration_seconds=1.0,
        build_succeeded=True,
        container_succeeded=None,
        gpu_available=None,
        cuda_detected=None,
        host=Host(python="3.11", cpus=2, memory_bytes=1, disk_free_bytes=1),
        phases={},
        checks=(
            Check(
                name="handler_local",
                status=CheckStatus.PASS,
                required=True,
                reason_code=None,
                reason=None,
                started_at=NOW,
                duration_seconds=1.0,
            ),
        ),
    )


def of_no_commit(given: Report) -> Report:
    return replace(given, repository=replace(given.repository, commit_sha=None))


FINISHED = Evidence(
    validation_id=ID,
    outcome=WatchOutcome.COMMAND_FINISHED,
    command_status=CommandStatus.SUCCESS,
    exit_code=0,
    report=report(ReportStatus.SUCCESS),
    report_problem=None,
    launch_failure=None,
    was_launched=True,
    run_cancelled=False,
)
NO_REPORT = replace(FINISHED, report=None)


def test_success_needs_a_report_and_exit_code_0() -> None:
    assert conclude(FINISHED).status is ValidationStatus.SUCCESS


@pytest.mark.parametrize(
    ("evidence", "reason_code"),
    [
        (replace(FINISHED, exit_code=1), "report_unconfirmed"),
        (replace(FINISHED, exit_code=None, command_status=None), "report_unconfirmed"),
        (replace(FINISHED, report=report(ReportStatus.SUCCESS, partial=True)), "report_unconfirmed"),
        (replace(FINISHED, report=of_no_commit(report(ReportStatus.SUCCESS))), "report_unconfirmed"),
        (replace(FINISHED, report=report(ReportStatus.SUCCESS, validation_id=UUID(int=9))), "report_mismatch"),
        (NO_REPORT, "report_missing"),
        (replace(NO_REPORT, exit_code=1), "report_missing"),
        (replace(NO_REPORT, exit_code=2), "spec_refused"),
        (replace(NO_REPORT, exit_code=3), "report_undelivered"),
        (replace(NO_REPORT, exit_code=4), "validator_unfetched"),
        (replace(NO_REPORT, exit_code=5), "machine_not_ready"),
        (replace(NO_REPORT, exit_code=137), "validator_crashed"),
        (replace(NO_REPORT, exit_code=None), "validator_crashed"),
        (replace(NO_REPORT, report_problem="not JSON"), "report_unreadable"),
        (replace(NO_REPORT, outcome=WatchOutcome.INSTANCE_LOST), "instance_lost"),
        (replace(NO_REPORT, outcome=WatchOutcome.NEVER_ONLINE), "ssm_never_online"),
        (replace(NO_REPORT, outcome=WatchOutcome.NO_SIGN_OF_LIFE), "no_sign_of_life"),
        (replace(NO_REPORT, outcome=WatchOutcome.TIME_UP, command_status=None, exit_code=None), "no_sign_of_life"),
        (replace(NO_REPORT, command_status=CommandStatus.TIMED_OUT, exit_code=-1), "no_sign_of_life"),
        (
            replace(NO_REPORT, command_status=CommandStatus.TIMED_OUT, exit_code=-1, showed_life=True),
            "validator_crashed",
        ),
        (replace(NO_REPORT, outcome=None), "interrupted"),
        (replace(NO_REPORT, outcome=None, was_launched=False), "not_launched"),
        (replace(NO_REPORT, outcome=None, was_launched=False, launch_failure=("quota", "no room")), "quota"),
    ],
)
def test_trouble_that_is_not_the_repository_s_is_an_error(evidence: Evidence, reason_code: str) -> None:
    conclusion = conclude(evidence)
    assert (conclusion.status, conclusion.reason_code) == (ValidationStatus.ERROR, reason_code)
    assert conclusion.summary


@pytest.mark.parametrize(
    ("exit_code", "command_status"),
    [(0, CommandStatus.SUCCESS), (1, CommandStatus.FAILED), (3, CommandStatus.FAILED), (None, None)],
)
def test_a_proven_success_needs_no_exit_code(exit_code: int | None, command_status: CommandStatus | None) -> None:
    # The answer to its upload was lost, or SSM knows nothing of the command any more.
    evidence = replace(FINISHED, proven=True, exit_code=exit_code, command_status=command_status)
    assert conclude(evidence).status is ValidationStatus.SUCCESS


@pytest.mark.parametrize("status", ReportStatus)
def test_a_report_without_its_proof_is_none(status: ReportStatus) -> None:
    for given_report in (report(status), None):
        conclusion = conclude(replace(FINISHED, report=given_report, report_problem="not JSON", proven=False))
        assert (conclusion.status, conclusion.reason_code) == (ValidationStatus.ERROR, "report_unproven")
        assert conclusion.report is None


def test_a_proof_makes_no_success_of_a_part_or_of_no_commit() -> None:
    for given_report in (report(ReportStatus.SUCCESS, partial=True), of_no_commit(report(ReportStatus.SUCCESS))):
        conclusion = conclude(replace(FINISHED, report=given_report, proven=True))
        assert conclusion.reason_code == "report_unconfirmed"


def test_a_failed_report_counts_however_its_validator_ended() -> None:
    for exit_code in (1, 137, None):
        failed = conclude(replace(FINISHED, report=report(ReportStatus.FAILED), exit_code=exit_code))
        assert (failed.status, failed.reason_code) == (ValidationStatus.FAILED, "handler_raised")


def test_time_up_without_a_report_is_an_enforced_timeout() -> None:
    conclusion = conclude(replace(NO_REPORT, outcome=WatchOutcome.TIME_UP, exit_code=None, showed_life=True))
    assert conclusion.status is ValidationStatus.TIMED_OUT
    assert conclusion.timeout_enforced


def test_time_up_of_what_never_ran_is_nobody_s_timeout() -> None:
    conclusion = conclude(replace(NO_REPORT, outcome=WatchOutcome.TIME_UP, exit_code=None, showed_life=False))
    assert (conclusion.status, conclusion.reason_code) == (ValidationStatus.ERROR, "no_sign_of_life")
    assert conclusion.timeout_enforced  # the limit ended its instance all the same


def test_a_partial_report_of_a_timeout_is_kept() -> None:
    partial = report(ReportStatus.TIMED_OUT, partial=True)
    conclusion = conclude(replace(FINISHED, report=partial, exit_code=1))
    assert conclusion.status is ValidationStatus.TIMED_OUT
    assert conclusion.timeout_enforced
    assert conclusion.report is partial


@pytest.mark.parametrize(
    ("left", "status"), [(29, ValidationStatus.ERROR), (-5, ValidationStatus.ERROR), (30, ValidationStatus.TIMED_OUT)]
)
def test_who_had_less_than_half_of_the_limit_is_not_shown_to_be_slow(left: int, status: ValidationStatus) -> None:
    time = WorkTime(left=timedelta(seconds=left), limit=timedelta(minutes=1))
    partial = report(ReportStatus.TIMED_OUT, partial=True)
    for evidence in (
        replace(FINISHED, report=partial, exit_code=1),
        replace(NO_REPORT, outcome=WatchOutcome.TIME_UP, exit_code=None, showed_life=True),
    ):
        conclusion = conclude(replace(evidence, work_time=time))
        assert (conclusion.status, conclusion.timeout_enforced) == (status, True)
        assert conclusion.report is evidence.report
        assert (conclusion.reason_code == "began_late") is (status is ValidationStatus.ERROR)
    # What was found in the time that it had stands.
    failed = replace(FINISHED, report=report(ReportStatus.FAILED), exit_code=1, work_time=time)
    assert conclude(failed).status is ValidationStatus.FAILED
    assert conclude(replace(FINISHED, work_time=time)).status is ValidationStatus.SUCCESS


def test_what_a_person_stopped_is_cancelled_unless_it_had_ended() -> None:
    assert conclude(replace(NO_REPORT, outcome=None, run_cancelled=True)).status is ValidationStatus.CANCELLED
    assert conclude(replace(FINISHED, run_cancelled=True)).status is ValidationStatus.SUCCESS


@pytest.mark.parametrize(
    ("said", "partial", "outcome", "ended"),
    [
        # What the validator could still hand in when its instance was ended says only that it was cut short.
        (ReportStatus.ERROR, True, WatchOutcome.COMMAND_FINISHED, ValidationStatus.CANCELLED),
        (ReportStatus.INCOMPLETE, True, WatchOutcome.INSTANCE_LOST, ValidationStatus.CANCELLED),
        (ReportStatus.ERROR, True, None, ValidationStatus.CANCELLED),
        (ReportStatus.ERROR, False, WatchOutcome.COMMAND_FINISHED, ValidationStatus.ERROR),
        (ReportStatus.ERROR, True, WatchOutcome.TIME_UP, ValidationStatus.ERROR),
        (ReportStatus.FAILED, True, WatchOutcome.COMMAND_FINISHED, ValidationStatus.FAILED),
        (ReportStatus.TIMED_OUT, True, WatchOutcome.COMMAND_FINISHED, ValidationStatus.TIMED_OUT),
    ],
)
def test_a_report_that_the_stop_cut_short_is_no_trouble(
    said: ReportStatus, partial: bool, outcome: WatchOutcome | None, ended: ValidationStatus
) -> None:
    given_report = report(said, partial=partial)
    evidence = replace(FINISHED, report=given_report, exit_code=1, outcome=outcome)
    assert conclude(replace(evidence, run_cancelled=True)).status is ended
    assert conclude(replace(evidence, run_cancelled=True)).report is given_report
    assert conclude(evidence).status.value == said.value


@given(
    outcome=st.sampled_from([None, *WatchOutcome]),
    command_status=st.sampled_from([None, *CommandStatus]),
    exit_code=st.sampled_from([None, 0, 1, 2, 3, 127, 137]),
    status=st.sampled_from([None, *ReportStatus]),
    partial=st.booleans(),
    launched=st.booleans(),
    cancelled=st.booleans(),
    proven=st.sampled_from([None, False, True]),
)
def test_no_false_green(
    outcome: WatchOutcome | None,
    command_status: CommandStatus | None,
    exit_code: int | None,
    status: ReportStatus | None,
    partial: bool,
    launched: bool,
    cancelled: bool,
    proven: bool | None,
) -> None:
    given_report = report(status, partial=partial) if status else None
    evidence = replace(
        FINISHED,
        outcome=outcome,
        command_status=command_status,
        exit_code=exit_code,
        report=given_report,
        was_launched=launched,
        run_cancelled=cancelled,
        proven=proven,
    )
    conclusion = conclude(evidence)
    assert conclusion.status.is_final
    if conclusion.status is ValidationStatus.SUCCESS:
        assert status is ReportStatus.SUCCESS
        assert proven or (proven is None and exit_code == 0)
        assert not partial
    if conclusion.status is ValidationStatus.FAILED:
        assert status is ReportStatus.FAILED


@pytest.mark.parametrize(
    ("outcome", "overdue", "reason"),
    [
        (WatchOutcome.COMMAND_FINISHED, False, TerminationReason.FINISHED),
        (WatchOutcome.COMMAND_FINISHED, True, TerminationReason.TIMEOUT),
        (WatchOutcome.TIME_UP, True, TerminationReason.TIMEOUT),
        (WatchOutcome.INSTANCE_LOST, True, TerminationReason.INSTANCE_LOST),
        (WatchOutcome.NEVER_ONLINE, False, TerminationReason.LAUNCH_FAILED),
        (WatchOutcome.NO_SIGN_OF_LIFE, False, TerminationReason.NO_SIGN_OF_LIFE),
        (None, False, TerminationReason.CANCELLED),
    ],
)
def test_why_an_instance_is_terminated(outcome: WatchOutcome | None, overdue: bool, reason: TerminationReason) -> None:
    assert termination_reason_for(outcome, overdue=overdue) is reason


def test_a_command_that_ssm_stopped_at_its_limit_is_a_timeout() -> None:
    stopped = replace(FINISHED, report=None, command_status=CommandStatus.TIMED_OUT, exit_code=137)
    conclusion = conclude(stopped)
    assert conclusion.status is ValidationStatus.TIMED_OUT
    assert conclusion.timeout_enforced
    # One that was never delivered has nothing to do with the limit.
    undelivered = conclude(replace(stopped, exit_code=-1))
    assert (undelivered.status, undelivered.reason_code) == (ValidationStatus.ERROR, "no_sign_of_life")


@pytest.mark.parametrize(
    ("outcome", "made", "failing_check", "expected"),
    [
        (WatchOutcome.COMMAND_FINISHED, ReportStatus.ERROR, "host", True),
        (WatchOutcome.COMMAND_FINISHED, ReportStatus.ERROR, "agent_prompt", False),
        (WatchOutcome.COMMAND_FINISHED, ReportStatus.FAILED, "build", False),
        (WatchOutcome.COMMAND_FINISHED, ReportStatus.SUCCESS, None, False),
        (WatchOutcome.COMMAND_FINISHED, None, None, True),
        (WatchOutcome.INSTANCE_LOST, None, None, True),
        # It blamed the repository before its instance went.
        (WatchOutcome.INSTANCE_LOST, ReportStatus.FAILED, "build", False),
    ],
)
def test_another_host_is_tried_where_the_report_could_not_tell(
    outcome: WatchOutcome, made: ReportStatus | None, failing_check: str | None, expected: bool
) -> None:
    told = replace(report(made), failing_check=failing_check) if made else None
    conclusion = conclude(replace(FINISHED, outcome=outcome, report=told, exit_code=0 if told else 1))
    assert is_worth_another_host(outcome, conclusion) is expected


class TestRequiredProof:
    """The control plane says how far a success must be proved, whatever the report says of itself."""

    def of(self, engine: Engine, required: ProofLevel | None, **fields: object) -> Evidence:
        given = replace(report(ReportStatus.SUCCESS), engine=engine)
        return replace(FINISHED, report=given, required_proof=required, **fields)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("engine", "required"),
        [
            (Engine.DOCKER, ProofLevel.IMAGE),
            (Engine.DOCKER, ProofLevel.ENVIRONMENT),
            (Engine.VENV, ProofLevel.ENVIRONMENT),
            (Engine.DOCKER, None),
            (Engine.VENV, None),
        ],
    )
    def test_enough_proof_is_a_success(self, engine: Engine, required: ProofLevel | None) -> None:
        concluded = conclude(self.of(engine, required))
        assert concluded.status is ValidationStatus.SUCCESS
        assert concluded.proof_level is (ProofLevel.IMAGE if engine is Engine.DOCKER else ProofLevel.ENVIRONMENT)

    def test_too_little_is_incomplete_with_the_next_step(self) -> None:
        concluded = conclude(self.of(Engine.VENV, ProofLevel.IMAGE))
        assert (concluded.status, concluded.reason_code) == (ValidationStatus.INCOMPLETE, "proof_too_low")
        assert (concluded.proof_level, concluded.failing_check) == (ProofLevel.ENVIRONMENT, None)
        assert "no engine was there; install Docker or podman in the image of the instances" in concluded.summary
        assert "or set required_proof: environment" in concluded.summary
        assert concluded.report is not None

    def test_an_engine_that_was_chosen_is_not_called_missing(self) -> None:
        ordered = Ordered(
            run_id=UUID(int=2),
            name="worker",
            organization="acme",
            url="https://example.org/w",
            ref=None,
            prompt="look",
            gpu_required=False,
            engine=EngineChoice.VENV,
        )
        given = replace(report(ReportStatus.SUCCESS), checks=every_check(image="engine_venv", container_start="venv"))
        evidence = replace(FINISHED, report=given, ordered=ordered, required_proof=ProofLevel.IMAGE)
        concluded = conclude(evidence)
        assert concluded.reason_code == "proof_too_low", concluded.summary
        assert "as JANITOR_ENGINE=venv builds none; set JANITOR_ENGINE to docker" in concluded.summary

    def test_what_is_no_success_keeps_its_own_word(self) -> None:
        failed = replace(report(ReportStatus.FAILED), engine=Engine.VENV)
        concluded = conclude(replace(FINISHED, report=failed, required_proof=ProofLevel.IMAGE))
        assert (concluded.status, concluded.reason_code) == (ValidationStatus.FAILED, "handler_raised")
        doubted = replace(self.of(Engine.VENV, ProofLevel.IMAGE), exit_code=1)
        assert conclude(doubted).reason_code == "report_unconfirmed"
        assert (conclude(doubted).proof_level, conclude(doubted).note_count) == (None, None)

    def test_notes_are_counted_and_change_nothing(self) -> None:
        given = report(ReportStatus.SUCCESS)
        note = Note(code="error_logged", text="ERROR")
        noted = replace(given, checks=tuple(replace(check, notes=(note, note)) for check in given.checks))
        concluded = conclude(replace(FINISHED, report=noted))
        assert (concluded.status, concluded.note_count) == (ValidationStatus.SUCCESS, 2)
