"""What to do next, for every combination that a watch can meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.states import InstanceState
from janitor.domain.watch.watching import (
    AwaitedSign,
    CommandObservation,
    CommandStatus,
    Observation,
    Step,
    Watched,
    WatchOutcome,
    decide,
)

LAUNCHED = datetime(2026, 1, 1, tzinfo=timezone.utc)
TIMEOUT, GRACE, ONLINE = timedelta(minutes=30), timedelta(minutes=2), timedelta(minutes=5)
CONSISTENCY = timedelta(seconds=60)


def watched(command_id: str | None = "c-1") -> Watched:
    return Watched(
        instance_id="i-1",
        launched_at=LAUNCHED,
        deadline_at=LAUNCHED + TIMEOUT,
        grace=GRACE,
        online_timeout=ONLINE,
        is_spot=False,
        consistency=CONSISTENCY,
        command_id=command_id,
    )


def seen(
    after: timedelta,
    state: InstanceState | None = InstanceState.RUNNING,
    *,
    online: bool = False,
    command: CommandStatus | None = None,
) -> Observation:
    observation = CommandObservation(command_id="c-1", status=command, exit_code=None) if command else None
    return Observation(at=LAUNCHED + after, instance_state=state, agent_online=online, command=observation)


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("command_id", "observation", "step", "outcome"),
    [
        # Before the command.
        (None, seen(MINUTE / 60, InstanceState.PENDING), Step.WAIT, None),
        (None, seen(MINUTE), Step.WAIT, None),
        (None, seen(MINUTE, online=True), Step.SEND_COMMAND, None),
        (None, seen(MINUTE / 2, None), Step.WAIT, None),
        (None, seen(CONSISTENCY, None), Step.FINISH, WatchOutcome.INSTANCE_LOST),
        (None, seen(ONLINE), Step.FINISH, WatchOutcome.NEVER_ONLINE),
        (None, seen(ONLINE, online=True), Step.SEND_COMMAND, None),
        (None, seen(TIMEOUT, online=True), Step.FINISH, WatchOutcome.TIME_UP),
        (None, seen(MINUTE, InstanceState.SHUTTING_DOWN), Step.FINISH, WatchOutcome.INSTANCE_LOST),
        (None, seen(MINUTE, InstanceState.STOPPED), Step.FINISH, WatchOutcome.INSTANCE_LOST),
        # While it runs. An empty answer is "not visible yet", never the end.
        ("c-1", seen(MINUTE), Step.WAIT, None),
        ("c-1", seen(MINUTE, command=CommandStatus.IN_PROGRESS), Step.WAIT, None),
        ("c-1", seen(MINUTE, command=CommandStatus.CANCELLING), Step.WAIT, None),
        ("c-1", seen(TIMEOUT + GRACE / 2, command=CommandStatus.IN_PROGRESS), Step.WAIT, None),
        ("c-1", seen(TIMEOUT + GRACE, command=CommandStatus.IN_PROGRESS), Step.FINISH, WatchOutcome.TIME_UP),
        ("c-1", seen(TIMEOUT + GRACE), Step.FINISH, WatchOutcome.TIME_UP),
        # A dead instance leaves its command InProgress.
        (
            "c-1",
            seen(MINUTE, InstanceState.TERMINATED, command=CommandStatus.IN_PROGRESS),
            Step.FINISH,
            WatchOutcome.INSTANCE_LOST,
        ),
        # A result that is there counts before everything else.
        ("c-1", seen(MINUTE, command=CommandStatus.SUCCESS), Step.FINISH, WatchOutcome.COMMAND_FINISHED),
        (
            "c-1",
            seen(TIMEOUT * 2, InstanceState.TERMINATED, command=CommandStatus.FAILED),
            Step.FINISH,
            WatchOutcome.COMMAND_FINISHED,
        ),
    ],
)
def test_decision(command_id: str | None, observation: Observation, step: Step, outcome: WatchOutcome | None) -> None:
    decision = decide(watched(command_id), observation)
    assert (decision.step, decision.outcome) == (step, outcome)


SIGN_DUE = timedelta(minutes=3)
SIGN = AwaitedSign(key="r/v/1.sign", report_key="r/v/1.json", log_streams=("out", "err"), due_at=LAUNCHED + SIGN_DUE)


@pytest.mark.parametrize(
    ("after", "shows_life", "command", "state", "outcome"),
    [
        (SIGN_DUE - MINUTE / 60, False, CommandStatus.IN_PROGRESS, InstanceState.RUNNING, None),
        (SIGN_DUE, False, CommandStatus.IN_PROGRESS, InstanceState.RUNNING, WatchOutcome.NO_SIGN_OF_LIFE),
        (SIGN_DUE, False, CommandStatus.PENDING, InstanceState.RUNNING, WatchOutcome.NO_SIGN_OF_LIFE),
        (SIGN_DUE, False, None, InstanceState.RUNNING, WatchOutcome.NO_SIGN_OF_LIFE),
        (SIGN_DUE, True, CommandStatus.IN_PROGRESS, InstanceState.RUNNING, None),
        # What could not be asked is not absent.
        (SIGN_DUE, None, CommandStatus.IN_PROGRESS, InstanceState.RUNNING, None),
        # Everything that says more comes first.
        (SIGN_DUE, False, CommandStatus.FAILED, InstanceState.RUNNING, WatchOutcome.COMMAND_FINISHED),
        (SIGN_DUE, False, CommandStatus.IN_PROGRESS, InstanceState.TERMINATED, WatchOutcome.INSTANCE_LOST),
        (TIMEOUT + GRACE, False, CommandStatus.IN_PROGRESS, InstanceState.RUNNING, WatchOutcome.TIME_UP),
        (TIMEOUT + GRACE, None, CommandStatus.IN_PROGRESS, InstanceState.RUNNING, WatchOutcome.TIME_UP),
    ],
)
def test_a_command_without_a_sign_of_life(
    after: timedelta,
    shows_life: bool | None,
    command: CommandStatus | None,
    state: InstanceState,
    outcome: WatchOutcome | None,
) -> None:
    observation = replace(seen(after, state, command=command), shows_life=shows_life)
    assert decide(replace(watched(), sign=SIGN), observation).outcome is outcome
    if outcome is WatchOutcome.NO_SIGN_OF_LIFE:  # and who has shown one once is not asked again
        assert decide(watched(), observation).outcome is None
        warned = replace(observation, spot_interrupted=True)
        assert decide(replace(watched(), sign=SIGN), warned).outcome is WatchOutcome.SPOT_INTERRUPTED


@given(
    seconds=st.integers(0, 10_000),
    state=st.sampled_from([None, *InstanceState]),
    online=st.booleans(),
    command=st.sampled_from([None, *CommandStatus]),
    sent=st.booleans(),
)
def test_no_wait_outlasts_deadline_and_grace(
    seconds: int, state: InstanceState | None, online: bool, command: CommandStatus | None, sent: bool
) -> None:
    after = TIMEOUT + GRACE + timedelta(seconds=seconds)
    decision = decide(watched("c-1" if sent else None), seen(after, state, online=online, command=command))
    assert decision.step is Step.FINISH
    assert decision.outcome is not None
