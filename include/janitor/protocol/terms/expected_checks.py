"""The checks that a whole report has, and those without whose pass no engine's success is one.

The control plane doesn't leave it to a report which checks there are: a check that was left out can't fail.
"""

from __future__ import annotations

from collections.abc import Mapping

from janitor.protocol.terms.rollup import HANDLER_CHECKS
from janitor.protocol.terms.statuses import CheckName, Engine

EXPECTED_CHECKS: frozenset[str] = frozenset(name.value for name in CheckName)
"""Every one of them is in a whole report, run or skipped."""

LAST_CHECK = CheckName.CLEANUP.value
"""What a report lacks that was handed in before its validator had cleaned up; such a one is partial."""

_ALWAYS = frozenset({CheckName.CHECKOUT, CheckName.LAYOUT, CheckName.DOCKERFILE_PARSE, CheckName.HOST, CheckName.BUILD})
SUCCESS_NEEDS: Mapping[Engine, frozenset[str]] = {
    Engine.DOCKER: frozenset(name.value for name in _ALWAYS | {CheckName.CONTAINER_START}),
    Engine.VENV: frozenset(name.value for name in _ALWAYS),
}
"""What must pass for a success, beside one of `HANDLER_CHECKS`. A check that needs one of them isn't run without it."""

__all__ = ["EXPECTED_CHECKS", "HANDLER_CHECKS", "LAST_CHECK", "SUCCESS_NEEDS"]
