"""What an answer makes of a verdict: the worst of both, over every combination."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest

from janitor.protocol.agent.policy import conclude, remarks
from janitor.protocol.agent.work import AgentAnswer, AgentFinding, AgentState, AgentUsage, Severity, VerdictStatus
from janitor.protocol.terms.rollup import roll_up
from janitor.protocol.terms.statuses import CheckStatus, ReportStatus

RANK = [ReportStatus.SUCCESS, ReportStatus.INCOMPLETE, ReportStatus.ERROR, ReportStatus.TIMED_OUT, ReportStatus.FAILED]


@dataclass(frozen=True)
class One:
    name: str
    status: CheckStatus
    required: bool = True
    reason_code: str | None = "code"


def answer(
    status: VerdictStatus | None = None,
    *,
    state: AgentState = AgentState.COMPLETED,
    looks: int = 1,
    severity: Severity | None = None,
    verified: bool = True,
) -> AgentAnswer:
    found = AgentFinding(title="t", severity=severity or Severity.INFO, evidence="e", verified=verified)
    return AgentAnswer(
        state=state,
        status=status,
        reason_code=None if status else "agent_no_sandbox",
        reason=None if status else "why",
        summary="said",
        findings=() if severity is None else (found,),
        model="openai:x",
        usage=AgentUsage(looks=looks, tool_calls=looks),
    )


EVERY = [
    *(
        answer(status, looks=looks, severity=severity, verified=verified)
        for status, looks, severity, verified in itertools.product(
            VerdictStatus, (0, 1), (None, *Severity), (True, False)
        )
    ),
    *(answer(state=state) for state in AgentState if state is not AgentState.COMPLETED),
]
CHECKS = [
    [One("build", build), One("handler_local", handler)]
    for build, handler in itertools.product(CheckStatus, CheckStatus)
]


@pytest.mark.parametrize("given", EVERY, ids=lambda each: f"{each.state.value}-{each.status}")
def test_agent_lowers_and_never_raises(given):
    concluded = conclude(given)
    required = concluded.status is not CheckStatus.SKIP
    for checks in CHECKS:
        alone = roll_up(checks).status
        both = roll_up([*checks, One("agent_prompt", concluded.status, required)]).status
        assert RANK.index(both) >= RANK.index(alone)
        if concluded.status in (CheckStatus.PASS, CheckStatus.SKIP):
            assert both is alone
        if alone is ReportStatus.SUCCESS and concluded.status is CheckStatus.ERROR:
            assert both is ReportStatus.ERROR


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        (answer(VerdictStatus.PASS), CheckStatus.PASS, None),
        (answer(VerdictStatus.PASS, severity=Severity.LOW, verified=False), CheckStatus.PASS, None),
        (answer(VerdictStatus.PASS, looks=0), CheckStatus.ERROR, "agent_did_not_look"),
        (answer(VerdictStatus.FAIL, looks=0, severity=Severity.HIGH), CheckStatus.ERROR, "agent_did_not_look"),
        (answer(VerdictStatus.PASS, severity=Severity.HIGH), CheckStatus.ERROR, "agent_contradicts_itself"),
        (answer(VerdictStatus.FAIL), CheckStatus.ERROR, "agent_without_proof"),
        (answer(VerdictStatus.FAIL, severity=Severity.INFO), CheckStatus.ERROR, "agent_without_proof"),
        (answer(VerdictStatus.FAIL, severity=Severity.HIGH, verified=False), CheckStatus.ERROR, "agent_without_proof"),
        (answer(VerdictStatus.FAIL, severity=Severity.LOW), CheckStatus.FAIL, "agent_found_fault"),
        (answer(VerdictStatus.INCONCLUSIVE), CheckStatus.ERROR, "agent_inconclusive"),
        (answer(state=AgentState.SKIPPED), CheckStatus.SKIP, "agent_no_sandbox"),
        *((answer(state=state), CheckStatus.ERROR, "agent_no_sandbox") for state in list(AgentState)[2:]),
    ],
)
def test_conclusions(given, status, code):
    concluded = conclude(given)
    assert (concluded.status, concluded.reason_code) == (status, code)
    assert (concluded.reason is None) == (status is CheckStatus.PASS)


def test_every_state_is_judged():
    assert {each.state for each in EVERY} == set(AgentState)


@pytest.mark.parametrize("state", list(AgentState)[1:])
def test_a_reason_of_an_agent_of_another_version_is_kept_in_words_alone(state):
    concluded = conclude(replace(answer(state=state), reason_code="of_tomorrow"))
    assert (concluded.reason_code, concluded.reason) == ("agent_failed", "why")


@pytest.mark.parametrize("given", EVERY)
def test_small_faults_that_are_proved_are_remarks(given: AgentAnswer) -> None:
    small = {Severity.LOW, Severity.MEDIUM}
    assert remarks(given) == tuple(found for found in given.findings if found.verified and found.severity in small)
