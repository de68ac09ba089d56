"""Following a run: what is printed, when it ends, and when it gives up. A clock that doesn't wait, recorded looks."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from janitor.cli.changes import ChangeKind, all_launched, changes_between, is_stalled
from janitor.cli.displays import LineDisplay, SilentDisplay, display_for, progress_table
from janitor.cli.exit_codes import ExitCode
from janitor.cli.follow import Pace, RunSource, follow
from janitor.cli.render.runs.runs import results_text
from janitor.cli.runs import exit_code_of
from janitor.cli.terminal.console import Console
from janitor.cli.terminal.terminal_settings import TerminalSettings
from janitor.domain.errors import AirflowError, AirflowRunEndedError, DatabaseError
from janitor.domain.views import ProgressView, RunView
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.airflow.turn import RunAhead
from tests.unit.cli.sample_views import START, after, ended, run_of, validation

MARGIN = timedelta(minutes=12)


@dataclass
class Clock:
    """Time passes only by sleeping."""

    now: datetime = START
    monotonic: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds

    def pace(self, interval: float = 1.0) -> Pace:
        return Pace(
            interval=timedelta(seconds=interval),
            margin=MARGIN,
            now=lambda: self.now,
            monotonic=lambda: self.monotonic,
            sleep=self.sleep,
        )


def source(look: Callable[[], RunView | None], airflow_ended: Callable[[], bool] = lambda: False) -> RunSource:
    return RunSource(airflow_run_id="manual__1", look=look, airflow_ended=airflow_ended)


def recorded(*looks: RunView | None) -> Callable[[], RunView | None]:
    """One look after the other; the last one stays."""
    remaining: Iterator[RunView | None] = iter(looks)
    last: list[RunView | None] = [None]

    def look() -> RunView | None:
        last[0] = next(remaining, last[0])
        return last[0]

    return look


PLAIN = TerminalSettings(interactive=False, colour=False)


def printed(*looks: RunView | None, interval: float = 1.0) -> str:
    """What following these looks prints without a terminal."""
    clock = Clock()
    out = io.StringIO()
    with redirect_stdout(out):
        follow(source(recorded(*looks)), LineDisplay(Console(terminal=PLAIN), "dev"), clock.pace(interval))
    return out.getvalue()


def test_a_good_run_is_printed_as_it_goes():
    text = printed(
        None,
        run_of(validation("worker-basic", "queued"), validation("worker-sdxl", "launching")),
        run_of(validation("worker-basic", "running"), validation("worker-sdxl", "launching")),
        run_of(validation("worker-basic", "running"), validation("worker-sdxl", "running")),
        run_of(ended("worker-basic", "success", 4, 32), validation("worker-sdxl", "running")),
        run_of(ended("worker-basic", "success", 4, 32), ended("worker-sdxl", "success", 5), status="success"),
    )

    assert text == (
        "✓ worker-basic: Instance i-worker-basic launched\n"
        "✓ worker-sdxl: Instance i-worker-sdxl launched\n"
        "\n"
        "Timeout: 30 minutes\n"
        "Use 'make check-parallel-status ENV=dev' to monitor progress\n"
        "Use 'make kill-all-workers ENV=dev' for emergency termination\n"
        "\n"
        "✓ worker-basic: success (4m32s)\n"
        "✓ worker-sdxl: success (5m0s)\n"
    )


def test_the_advice_comes_before_the_first_result_also_where_one_still_waits():
    text = printed(
        run_of(validation("a", "running"), validation("b", "queued")),
        run_of(ended("a", "failed", 1, summary="no handler"), validation("b", "queued")),
        run_of(ended("a", "failed", 1), ended("b", "success", 2), status="failed"),
    )
    lines = text.splitlines()
    assert lines[0] == "✓ a: Instance i-a launched"
    assert lines[2] == "Timeout: 30 minutes"
    assert lines[6:] == ["✗ a: failed (1m0s)", "✓ b: Instance i-b launched", "✓ b: success (2m0s)"]


def test_a_run_that_is_over_at_the_first_look_is_printed_in_full():
    text = printed(run_of(ended("a", "success", 1), status="success"))
    assert text.startswith("✓ a: Instance i-a launched\n\nTimeout: 30 minutes\n")
    assert text.endswith("\n✓ a: success (1m0s)\n")


def test_a_log_is_told_every_minute_that_the_run_goes_on():
    running = run_of(validation("a", "running"))
    text = printed(*[running] * 130, run_of(ended("a", "success", 3), status="success"))
    assert text.count("⏳ 1 running") == 2
    assert "⏳ 1 running (1m0s elapsed, 29m0s remaining)" in text


def test_a_second_instance_of_a_validation_is_news():
    first, second = validation("a", "running"), validation("a", "running", instance_id="i-other")
    assert [change.kind for change in changes_between(run_of(first), run_of(second))] == [ChangeKind.LAUNCHED]


def test_all_launched():
    assert all_launched(run_of(validation("a", "running"), validation("b", "error", instance_id=None)))
    assert not all_launched(run_of(validation("a", "running"), validation("b", "queued")))
    assert not all_launched(run_of(validation("a", "running"), total_repositories=2))


def test_the_ended_run_is_returned():
    final = run_of(ended("a", "failed", 1), status="failed")
    assert follow(source(recorded(None, final)), SilentDisplay(), Clock().pace()) is final


def test_a_run_that_airflow_ended_without_planning_it():
    clock = Clock()
    with pytest.raises(AirflowError, match=r"manual__1 ended before it was planned; .* `plan`"):
        follow(source(lambda: None, lambda: True), SilentDisplay(), clock.pace())
    assert clock.now - START < timedelta(minutes=1)


def test_a_run_that_airflow_ended_without_ending_its_records():
    clock = Clock()
    with pytest.raises(AirflowError, match=r"run 550e8400-\S+ is still recorded as running.*kill-all-workers"):
        follow(source(lambda: run_of(validation("a", "running")), lambda: True), SilentDisplay(), clock.pace())
    assert clock.now - START < timedelta(minutes=1)


def test_records_may_lag_behind_airflow():
    clock = Clock()
    final = run_of(ended("a", "success", 1), status="success")

    def look() -> RunView:
        return final if clock.now > START + timedelta(seconds=10) else run_of(validation("a", "running"))

    assert follow(source(look, lambda: True), SilentDisplay(), clock.pace()) is final


def test_the_validations_of_a_cancelled_run_may_lag_behind_it():
    clock = Clock()
    final = run_of(ended("a", "cancelled", 1), status="cancelled")

    def look() -> RunView:
        if timedelta(seconds=20) < clock.now - START < timedelta(seconds=25):
            raise DatabaseError("Postgres can't be used")
        return final if clock.now > START + timedelta(seconds=30) else run_of(validation("a", "running"), status=now())

    def now() -> str:
        return "cancelled" if clock.now > START + timedelta(seconds=10) else "running"

    assert follow(source(look), SilentDisplay(), clock.pace()) is final


def test_a_validation_that_is_never_concluded_is_said_to_be_unrecorded():
    clock = Clock()
    stopped = run_of(validation("a", "running"), ended("b", "success", 1), status="cancelled")
    seen = follow(source(lambda: stopped), SilentDisplay(), clock.pace())
    assert timedelta(seconds=55) < clock.now - START < timedelta(minutes=2)
    lines = results_text(seen, clock.now).splitlines()
    assert lines[:3] == ["Results:", "⏳ a: not recorded yet", "✓ b: success (1m0s)"]


def test_a_run_that_ended_whole_is_not_waited_for():
    clock = Clock()
    follow(source(recorded(run_of(ended("a", "failed", 1), status="failed"))), SilentDisplay(), clock.pace())
    assert clock.sleeps == []


def test_only_a_run_that_airflow_ended_is_said_not_to_go_on():
    for look in (lambda: None, lambda: run_of(validation("a", "running"))):
        with pytest.raises(AirflowRunEndedError):
            follow(source(look, lambda: True), SilentDisplay(), Clock().pace())
    with pytest.raises(AirflowError) as never_planned:
        follow(source(lambda: None), SilentDisplay(), Clock().pace())
    assert not isinstance(never_planned.value, AirflowRunEndedError)


def test_a_run_that_is_never_planned():
    clock = Clock()
    with pytest.raises(AirflowError, match="was not planned"):
        follow(source(lambda: None), SilentDisplay(), clock.pace())
    assert clock.now - START < timedelta(minutes=6)


def behind(*seen: tuple[timedelta, RunAhead | None], clock: Clock) -> Callable[[], RunAhead | None]:
    """What is ahead from these times on."""
    return lambda: [ahead for since, ahead in seen if clock.monotonic - 1000 >= since.total_seconds()][-1]


def ahead_of(number: int, left: timedelta, at_a_time: int = 1) -> RunAhead:
    return RunAhead(run_id=UUID(int=number), at_a_time=at_a_time, left=left)


def test_a_run_that_waits_for_another_is_followed_until_it_has_its_turn():
    clock, told = Clock(), []
    final = run_of(ended("a", "success", 150), status="success")

    def look() -> RunView | None:
        return final if clock.now > after(120) else None

    first, second = ahead_of(1, timedelta(hours=2)), ahead_of(2, timedelta(minutes=30), at_a_time=8)
    ahead = behind((timedelta(0), first), (timedelta(minutes=90), second), (timedelta(minutes=118), None), clock=clock)
    queued = dataclasses.replace(source(look), ahead=ahead)
    assert follow(queued, SilentDisplay(), clock.pace(5), notice=told.append) is final
    until = "this one waits for its end, at 16:30 UTC at the latest."
    assert told == [
        f"Run {UUID(int=1)} is under way and one runs at a time: {until}",
        f"Run {UUID(int=2)} is under way and 8 run at a time: {until}",
    ]


def test_a_run_whose_turn_has_come_has_as_long_to_be_planned_as_any_other():
    clock = Clock()
    ahead = behind((timedelta(0), ahead_of(1, timedelta(hours=1))), (timedelta(minutes=40), None), clock=clock)
    with pytest.raises(AirflowError, match="was not planned within 0:05:00"):
        follow(dataclasses.replace(source(lambda: None), ahead=ahead), SilentDisplay(), clock.pace(5))
    assert timedelta(minutes=44) < clock.now - START < timedelta(minutes=47)


@pytest.mark.parametrize(
    ("left", "gives_up_after"), [(timedelta(hours=-1), MARGIN), (timedelta(hours=12), timedelta(hours=12) + MARGIN)]
)
def test_nothing_waits_for_a_run_that_is_past_its_limit(left: timedelta, gives_up_after: timedelta):
    clock = Clock()
    stuck = dataclasses.replace(source(lambda: None), ahead=lambda: ahead_of(7, left))
    with pytest.raises(AirflowError, match=f"waits for run {UUID(int=7)}, which is past its limit.*make cancel"):
        follow(stuck, SilentDisplay(), clock.pace(30))
    assert timedelta(0) <= clock.now - START - gives_up_after < timedelta(minutes=2)


def test_a_run_past_its_limits_is_given_up():
    clock = Clock()
    with pytest.raises(AirflowError, match="past its limits and nothing changes any more"):
        follow(source(lambda: run_of(validation("a", "running"))), SilentDisplay(), clock.pace(30))
    assert timedelta(minutes=42) < clock.now - START < timedelta(minutes=44)


def test_what_waits_for_a_place_gets_a_whole_timeout_after_each_change():
    waiting = run_of(ended("a", "success", 25), validation("b", "queued"))
    now = after(100)
    assert not is_stalled(waiting, now, timedelta(minutes=30 + 12), MARGIN)
    assert is_stalled(waiting, now, timedelta(minutes=30 + 12, seconds=1), MARGIN)


def test_a_short_failure_of_the_database_is_ridden_out():
    clock = Clock()
    final = run_of(ended("a", "success", 1), status="success")

    def look() -> RunView:
        if clock.now < START + timedelta(seconds=90):
            raise DatabaseError("Postgres can't be used")
        return final

    assert follow(source(look), SilentDisplay(), clock.pace()) is final


def test_a_long_failure_of_the_database_is_raised():
    def look() -> RunView:
        raise DatabaseError("Postgres can't be used")

    clock = Clock()
    with pytest.raises(DatabaseError, match="Postgres can't be used"):
        follow(source(look), SilentDisplay(), clock.pace())
    assert clock.now - START < timedelta(minutes=3)


def test_trouble_is_told_at_once_and_so_is_its_end():
    clock, told = Clock(), []
    final = run_of(ended("a", "success", 1), status="success")

    def look() -> RunView:
        if clock.now < START + timedelta(seconds=90):
            raise DatabaseError("Postgres can't be used")
        return final

    follow(source(look), SilentDisplay(), clock.pace(), notice=lambda text: told.append((clock.now - START, text)))
    (first, trouble), (last, over) = told
    assert first == timedelta(0)
    assert trouble == "The run can't be looked at, it is tried again until 14:32:00 UTC: Postgres can't be used"
    assert (last, over) == (timedelta(seconds=90), "The run can be looked at again.")


@pytest.mark.parametrize("jump", [timedelta(hours=5), timedelta(hours=-5)])
def test_a_clock_that_jumps_neither_ends_a_wait_nor_prolongs_it(jump):
    clock = Clock()
    final = run_of(ended("a", "success", 1), status="success")

    def look() -> RunView:
        if clock.monotonic == 1010.0:
            clock.now += jump
        if clock.monotonic < 1050.0:
            if clock.monotonic < 1030.0:
                raise DatabaseError("Postgres can't be used")
            return run_of(validation("a", "running"))
        return final

    assert follow(source(look), SilentDisplay(), clock.pace()) is final

    stuck = Clock(now=START + jump)
    with pytest.raises(DatabaseError):
        follow(source(broken_from(stuck, 1010.0, jump)), SilentDisplay(), stuck.pace())
    assert timedelta(minutes=2) < timedelta(seconds=stuck.monotonic - 1010.0) < timedelta(minutes=3)


def broken_from(clock: Clock, moment: float, jump: timedelta) -> Callable[[], RunView | None]:
    """Looks that fail from a moment on, at which the clock of the wall jumps back."""

    def look() -> RunView | None:
        if clock.monotonic < moment:
            return None
        if clock.monotonic == moment:
            clock.now -= jump
        raise DatabaseError("Postgres can't be used")

    return look


@pytest.mark.parametrize(
    ("statuses", "run_status", "code"),
    [
        (("success", "success"), "success", ExitCode.OK),
        (("success", "failed"), "failed", ExitCode.NOT_SUCCESSFUL),
        (("success", "timed_out"), "failed", ExitCode.NOT_SUCCESSFUL),
        (("success", "success"), "failed", ExitCode.NOT_SUCCESSFUL),
        (("success", "cancelled"), "cancelled", ExitCode.NOT_SUCCESSFUL),
        (("success", "success"), "error", ExitCode.INFRASTRUCTURE),
    ],
)
def test_exit_code_of_a_run(statuses, run_status, code):
    views = [ended(f"w{number}", status, 1) for number, status in enumerate(statuses)]
    assert exit_code_of(run_of(*views, status=run_status)) is code


def test_a_missing_row_is_no_success():
    assert exit_code_of(run_of(ended("a", "success", 1), status="success", total_repositories=2)) is (
        ExitCode.NOT_SUCCESSFUL
    )


def _drawn(run: RunView, minutes: float, width: int = 120) -> str:
    from rich.console import Console as RichConsole

    out = io.StringIO()
    RichConsole(file=out, width=width, no_color=True).print(progress_table(run, after(minutes), width))
    return out.getvalue()


AT_API = ProgressView(check="handler_api", phase="test", status=None, since=START)
STATIC = ProgressView(check="pins", phase="static", status=CheckStatus.PASS, since=START)
LONG_NAME = "worker-with-a-very-long-name-for-a-model"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_says_what_each_is_at_and_what_is_left(width):
    run = run_of(
        validation("worker-sdxl", "running", progress=AT_API, usual_time=timedelta(minutes=8)),
        validation(
            LONG_NAME, "running", instance_id="i-1234567890abcdef0", progress=STATIC, usual_time=timedelta(minutes=4)
        ),
        validation("b", "queued"),
    )
    text = _drawn(run, 5, width)
    assert max(map(len, text.splitlines())) <= width
    assert "test: handler_api" in text
    # A check that has ended isn't what a worker is at.
    assert "static" in text
    assert "pins" not in text
    assert ("5m0s of ~8m0s" in text) == (width >= 80)
    assert "5m0s" in text
    assert "~3m0s" in text
    assert "+1m0s" in text
    assert "queued" in text
    assert ("i-worker-sdxl" in text) == (width >= 120)
    assert ("25m0s" in text.splitlines()[1]) == (width >= 80)


def phases(*looks: tuple[float, str, str, CheckStatus | None]) -> str:
    """What a log is told of one validation that is seen at these seconds, phases and checks."""
    display, out = LineDisplay(Console(terminal=PLAIN), "dev"), io.StringIO()
    with redirect_stdout(out):
        for seconds, phase, check, status in looks:
            now = START + timedelta(seconds=seconds)
            progress = ProgressView(check=check, phase=phase, status=status, since=now)
            usual = timedelta(seconds=60)
            display.update(run_of(validation("a", "running", progress=progress, usual_time=usual)), now)
    return out.getvalue()


def test_a_log_is_told_of_a_phase_once_and_not_too_often():
    text = phases(
        (1, "checkout", "checkout", None),
        (2, "static", "pins", CheckStatus.PASS),  # too soon after the last line
        (12, "build", "build", None),
        (17, "build", "build", None),
        (40, "build", "image", CheckStatus.FAIL),  # the same phase
        (70, "test", "handler_api", None),
    )
    assert [line for line in text.splitlines() if line.startswith("⏳ a:")] == [
        "⏳ a: checkout: checkout (1s of ~1m0s, ~59s left)",
        "⏳ a: build: build (17s of ~1m0s, ~43s left)",
        "⏳ a: test: handler_api (1m10s of ~1m0s, 10s longer than last time)",
    ]


def test_the_end_names_the_check_and_leaves_why_and_the_cost_to_the_results():
    out = io.StringIO()
    view = ended("a", "failed", 1, 2, failing_check="build", summary="boom", cost_usd=Decimal("0.02"))
    with redirect_stdout(out):
        LineDisplay(Console(terminal=PLAIN), "dev").update(run_of(view, status="failed"), after(2))
    assert "✗ a: failed (1m2s) in build\n" in out.getvalue()
    assert "boom" not in out.getvalue()


def test_the_table_shows_what_has_not_ended():
    text = _drawn(
        run_of(ended("gone", "success", 1), validation("worker-sdxl", "running"), validation("b", "queued")), 5
    )

    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["repository", "at", "elapsed", "left", "limit", "in", "instance"]
    assert rows[1] == ["⏳", "worker-sdxl", "running", "5m0s", "25m0s", "i-worker-sdxl"]
    assert rows[2] == ["⏳", "b", "queued", "5m0s"]
    assert rows[3][:4] == ["⏳", "1", "running,", "1"]
    assert "gone" not in text


def test_markup_in_names_is_text():
    odd = validation("[red]x[/red]", "running", validation_id=UUID(int=1))
    assert "[red]x[/red]" in _drawn(run_of(odd), 1)


def test_display_on_a_terminal_prints_lines_above_the_table():
    out = io.StringIO()
    terminal = TerminalSettings(interactive=True, colour=False)
    with redirect_stdout(out), display_for(Console(terminal=terminal), "local") as display:
        display.update(None, START)
        display.update(run_of(validation("a", "running")), after(1))
    assert "✓ a: Instance i-a launched" in out.getvalue()


def test_nothing_is_printed_for_json(capsys):
    with display_for(Console(quiet=True), "local") as display:
        display.update(run_of(validation("a", "running")), after(1))
    assert capsys.readouterr() == ("", "")
    assert sys.stdout is not None
