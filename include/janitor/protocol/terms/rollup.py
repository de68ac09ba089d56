"""How the checks of a validation make its one status, and how far they prove it.

Any required fail is `failed`; else the deadline is `timed_out`; else any required error is `error`; else any required
skip is `incomplete`; else `success`. Invariant: never `success` without an executed handler test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckName, CheckStatus, Engine, ReportStatus

HANDLER_CHECKS = frozenset({CheckName.HANDLER_LOCAL.value, CheckName.HANDLER_API.value})
"""The checks that execute the handler; one of them must pass for a success."""

ENGINE_LEVELS: Mapping[Engine, ProofLevel] = {Engine.DOCKER: ProofLevel.IMAGE, Engine.VENV: ProofLevel.ENVIRONMENT}
"""How far what is seen in an engine reaches."""

ENGINE_CHECKS = frozenset(
    name.value
    for name in (
        CheckName.BUILD,
        CheckName.IMAGE,
        CheckName.BUILD_TIME,
        CheckName.GPU_IN_CONTAINER,
        CheckName.CONTAINER_START,
        CheckName.HANDLER_LOCAL,
        CheckName.HANDLER_API,
        CheckName.NEGATIVE_INPUT,
        CheckName.LOG_SCAN,
        CheckName.AGENT_PROMPT,
    )
)
"""The checks whose word is of the place that the engine makes; the others say the same whatever the engine is."""

_DECIDED = (CheckStatus.PASS, CheckStatus.FAIL)


class CheckLike(Protocol):
    """The part of a check that counts here."""

    @property
    def name(self) -> str: ...

    @property
    def status(self) -> CheckStatus: ...

    @property
    def required(self) -> bool: ...

    @property
    def reason_code(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class RollUp:
    """The status of a validation, and the check that decided it."""

    status: ReportStatus
    reason_code: str | None
    """The deciding check's reason code; None for a success."""
    failing_check: str | None
    """The deciding check's name; None for a success, or where no single check decided."""


def roll_up(checks: Iterable[CheckLike]) -> RollUp:
    """The status that these checks make; the first check of the deciding kind is named.

    Args:
        checks: All checks of the validation, in the order in which they ran.
    """
    done = list(checks)
    required = [check for check in done if check.required]

    if failed := _first(required, CheckStatus.FAIL):
        return _decided(ReportStatus.FAILED, failed)
    for check in done:
        if check.status is CheckStatus.ERROR and check.reason_code == ReasonCode.DEADLINE:
            return _decided(ReportStatus.TIMED_OUT, check)
    if errored := _first(required, CheckStatus.ERROR):
        return _decided(ReportStatus.ERROR, errored)
    if skipped := _first(required, CheckStatus.SKIP):
        return _decided(ReportStatus.INCOMPLETE, skipped)
    if not any(check.name in HANDLER_CHECKS and check.status is CheckStatus.PASS for check in done):
        return RollUp(
            status=ReportStatus.INCOMPLETE, reason_code=ReasonCode.HANDLER_NOT_TESTED.value, failing_check=None
        )
    return RollUp(status=ReportStatus.SUCCESS, reason_code=None, failing_check=None)


def proof_level_of(engine: Engine | None, checks: Iterable[CheckLike]) -> ProofLevel | None:
    """How far the handler was exercised; None where it was not.

    Args:
        engine: What the worker was built and run in.
        checks: All checks of the validation.
    """
    exercised = any(check.name in HANDLER_CHECKS and check.status in _DECIDED for check in checks)
    return ENGINE_LEVELS[engine] if exercised and engine is not None else None


def level_of_check(engine: Engine | None, check: str | None) -> ProofLevel | None:
    """How far the word of one check reaches; None where it is the same at every level, and where no engine was asked.

    Args:
        engine: What the worker was built and run in.
        check: Its name; None for what all checks together say.
    """
    bound = check is None or check in ENGINE_CHECKS
    return ENGINE_LEVELS[engine] if bound and engine is not None else None


def _first(checks: Iterable[CheckLike], status: CheckStatus) -> CheckLike | None:
    return next((check for check in checks if check.status is status), None)


def _decided(status: ReportStatus, check: CheckLike) -> RollUp:
    return RollUp(status=status, reason_code=check.reason_code, failing_check=check.name)
