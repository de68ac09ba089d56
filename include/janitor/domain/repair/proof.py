"""Whether a repair is proved, from what came of its experiments. Pure; what is missing or unlike proves nothing.

Proved is: green with the patch and red without it, at one commit, by one validator, in one engine and on one type of
instance; red by the very cause that is to be repaired; no check says less with the patch than it said without it or in
the last success of this commit, and no fewer cases were asked. Where a cause may come and go by itself, a green and a
red tell little: both have to be seen once more, in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from janitor.domain.experiment.experiment import Observation, Observed
from janitor.domain.repair.proposal import Failure
from janitor.domain.repair.states import RepairState
from janitor.domain.workspace.baseline import Baseline
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Report
from janitor.protocol.terms.reason_codes import ReasonCode, ReasonGroup
from janitor.protocol.terms.statuses import CheckName, CheckStatus

_ASKED = re.compile(r"^(\d{1,6}) cases in all$", re.MULTILINE)
_TEST_INPUT = re.compile(r"^test_input: ", re.MULTILINE)
_LOOKED_AT = (CheckStatus.PASS, CheckStatus.FAIL)
_COMES_AND_GOES = frozenset(
    {
        *(ReasonCode.DEADLINE, ReasonCode.MODEL_GONE, ReasonCode.BASE_MISSING),
        *(code for code in ReasonCode if code.group is ReasonGroup.WORLD),
    }
)
_ASK_NETWORK = frozenset({CheckName.MODEL_URLS.value, CheckName.BASE_IMAGE_EXISTS.value})


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What came of trying to prove a repair."""

    state: RepairState
    """Proven, disproven or inconclusive."""
    reason: str
    """In a line."""
    patched: Observation | None
    """With the patch; None where that wasn't tried."""
    control: Observation | None
    """Without it."""
    patched_again: Observation | None = None
    """With it once more; None where that isn't needed, or wasn't reached."""
    control_again: Observation | None = None
    """Without it once more; the same."""
    cost_usd: Decimal | None
    """Of all its experiments; None where that of one of them isn't known."""
    known_cost_usd: Decimal = Decimal(0)
    """So much of it is known: at least this was spent."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the observations say so far."""

    state: RepairState | None
    """None: another experiment has to tell."""
    reason: str


def comes_and_goes(failure: Failure) -> bool:
    """Whether a failure's cause may be gone by itself: one of time or network, or one that came while the commit
    stayed. What else changed in the world then proves nothing: packages that nobody pins change all the time.
    """
    report = failure.repeated.report
    if ReasonCode.known(report.reason_code) in _COMES_AND_GOES or report.failing_check in _ASK_NETWORK:
        return True
    changes = failure.changes
    return changes is not None and changes.commits is not None and changes.commits.is_same


def judge(
    failure: Failure,
    patch: Patch,
    *,
    patched: Observation,
    control: Observation | None = None,
    patched_again: Observation | None = None,
    control_again: Observation | None = None,
) -> Judgement:
    """What observations say of a repair.

    Args:
        failure: What is to be repaired.
        patch: What is proposed.
        patched: The commit with it.
        control: The commit as it is, after that; None: not tried yet.
        patched_again: With it once more, after that.
        control_again: Without it once more, after that.
    """
    if (stop := _of_patched(failure, patch, patched)) is not None:
        return stop
    if control is None:
        return Judgement(state=None, reason="green with it; what it is without it isn't known yet")
    if (stop := _of_control(failure, patched, control)) is not None:
        return stop
    if comes_and_goes(failure):
        if patched_again is None or control_again is None:
            if patched_again is not None and (stop := _of_patched(failure, patch, patched_again)) is not None:
                return stop
            return Judgement(state=None, reason="its cause may come and go, so it is asked once more, in turn")
        for stop in (_of_patched(failure, patch, patched_again), _of_control(failure, patched_again, control_again)):
            if stop is not None:
                return stop
    return Judgement(state=RepairState.PROVEN, reason="green with it, red without it by the same cause")


def _of_patched(failure: Failure, patch: Patch, patched: Observation) -> Judgement | None:
    """What ends it already; None where it is green with the patch."""
    if patched.observed is Observed.RED:
        same = patched.signature == failure.repeated.signature
        cause = "the same cause" if same else "another cause"
        return _disproven(f"red with it, by {cause}: {patched.reason}")
    if patched.observed is not Observed.GREEN:
        return _inconclusive(f"with it: {patched.reason}")
    report = patched.report
    if report is None:
        return _inconclusive("green with it, and its report is not there")
    if report.patch_sha256 != patch.sha256:
        return _inconclusive("the report is of another patch, or of none")
    return _unlike(report, failure)


def _of_control(failure: Failure, patched: Observation, control: Observation) -> Judgement | None:
    """What ends it already; None where it is red without the patch, by the same cause and in the same way."""
    if control.observed is Observed.GREEN:
        return _disproven("green without it, too: the failure is gone by itself")
    if control.observed is not Observed.RED:
        return _inconclusive(f"without it: {control.reason}")
    before, after = control.report, patched.report
    if before is None or after is None:
        return _inconclusive("red without it, and its report is not there")
    if before.patch_sha256 is not None:
        return _inconclusive("what should be without it has a patch")
    if control.signature != failure.repeated.signature:
        return _inconclusive(f"red without it by another cause: {control.reason}")
    if (unlike := _unlike(before, failure)) is not None:
        return unlike
    if (difference := _other_judge(before, after)) is not None:
        return _inconclusive(difference)
    for earlier in _earlier(failure, before):
        if lost := less_said(earlier, after):
            return _disproven(f"with it, less is said: {lost}")
    return None


def _earlier(failure: Failure, control: Report) -> Iterator[Report]:
    """What the patched commit is held against: the commit without it, and its last success where there is one."""
    yield control
    good = failure.last_good
    if good is None or good.engine is not control.engine:
        return
    if good.repository.commit_sha == control.repository.commit_sha:
        yield good


def _unlike(report: Report, failure: Failure) -> Judgement | None:
    """In what a report can't be compared with the failure's."""
    repeated = failure.repeated
    if report.repository.commit_sha != repeated.commit_sha:
        return _inconclusive(f"it is of commit {report.repository.commit_sha}, not of {repeated.commit_sha}")
    if repeated.report.engine is not None and report.engine is not repeated.report.engine:
        return _inconclusive("its engine is another than the failure's")
    kind = _instance_type(report)
    # What ran on no instance says nothing of one; the other way round there is nothing to compare with.
    if repeated.instance_type not in (None, kind):
        return _inconclusive(f"it ran on {kind or 'no instance'}, and the failure on {repeated.instance_type}")
    return None


def _other_judge(before: Report, after: Report) -> str | None:
    """In what two reports aren't the word of one judge."""
    if _validator(before) != _validator(after):
        return "the two reports are by different validators"
    if before.engine is not after.engine and before.engine is not None:
        return "the two reports are of different engines"
    if _instance_type(before) != _instance_type(after):
        return f"the two ran on {_instance_type(before)} and {_instance_type(after)}"
    return None


def _validator(report: Report) -> tuple[str, str | None]:
    provenance = report.provenance
    return report.validator_version, None if provenance is None else provenance.validator_sha256


def _instance_type(report: Report) -> str | None:
    machine = report.provenance.machine if report.provenance is not None else None
    return None if machine is None else machine.instance_type


def less_said(before: Report, after: Report) -> str | None:
    """What a report says less than an earlier one, in words: a check, or a case that was asked; None: nothing."""
    statuses = {check.name: check.status for check in after.checks}
    required = {check.name: check.status for check in before.checks if check.required}
    commit = before.repository.commit_sha or ""
    if worse := Baseline(commit=commit, checks=required).worse(statuses):
        now = statuses.get(worse[0])
        return f"{worse[0]} was {required[worse[0]].value} and is {now.value if now else 'gone'}"
    failed = {check.name for check in before.checks if check.status is CheckStatus.FAIL}
    for check in after.checks:
        if check.status is CheckStatus.FAIL and check.name not in failed:
            return f"{check.name} fails, and didn't"
    for name, count in executed_cases(before).items():
        if (now_asked := executed_cases(after).get(name, 0)) < count:
            return f"{name} asked {now_asked} cases, where it had asked {count}"
    return None


def executed_cases(report: Report) -> Mapping[str, int]:
    """How many cases each check of the handler asked; without the test input's, which either of two may ask."""
    found = {}
    for check in report.checks:
        if check.status not in _LOOKED_AT:
            continue
        if check.name == CheckName.HANDLER_API.value:
            told = "\n".join(each.tail for each in check.evidence if each.name == "cases")
            if match := _ASKED.search(told):
                found[check.name] = int(match[1]) - bool(_TEST_INPUT.search(told))
        elif check.name == CheckName.NEGATIVE_INPUT.value:
            found[check.name] = 1
    return found


def _disproven(reason: str) -> Judgement:
    return Judgement(state=RepairState.DISPROVEN, reason=reason)


def _inconclusive(reason: str) -> Judgement:
    return Judgement(state=RepairState.INCONCLUSIVE, reason=reason)
