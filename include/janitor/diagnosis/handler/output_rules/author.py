"""Rules that the author of a worker or of the config gives: they come before every guess, and settle it either way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Group, Rule, Seen
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.order.success_when import Condition
from janitor.protocol.terms.reason_codes import ReasonCode

_ROOT = "output"
_NOTHING = object()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the worker was asked, and what its author says of a good answer."""

    given: Any = None
    """The job's input."""
    has_expected: bool = False
    expected: Any = None
    """The whole output, if `has_expected`."""
    success_when: Condition | None = None

    @property
    def is_settled_by_author(self) -> bool:
        """Whether the author says what a good answer is, so that nobody need guess."""
        return self.has_expected or self.success_when is not None


@dataclass(frozen=True)
class Claim:
    """An output beside what was asked."""

    output: Any
    asked: Asked


def same_value(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: true is not 1, 1 is 1.0, and the last digit of a fraction is no difference."""
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            waiting += ((item, other[key]) for key, item in one.items())
        elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif not _same_leaf(one, other):
            return False
    return True


def _same_leaf(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other or math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def value_at(output: Any, steps: tuple[str | int, ...]) -> Any:
    """What stands at the end of a path; `NOTHING` where it leads nowhere."""
    if steps and steps[0] == _ROOT and not (isinstance(output, Mapping) and _ROOT in output):
        steps = steps[1:]  # as reports write paths
    for step in steps:
        if isinstance(output, Mapping):
            output = output.get(str(step), _NOTHING)
        elif isinstance(output, (list, tuple)) and isinstance(step, int) and -len(output) <= step < len(output):
            output = output[step]
        else:
            return _NOTHING
        if output is _NOTHING:
            return _NOTHING
    return output


def _mismatch(claim: Claim) -> Seen | None:
    asked = claim.asked
    if not asked.has_expected or same_value(claim.output, asked.expected):
        return None
    return Seen(f"expected {clipped(asked.expected, 120)}, got {clipped(claim.output, 120)}")


def _unmet(claim: Claim) -> Seen | None:
    condition = claim.asked.success_when
    if condition is None:
        return None
    found = value_at(claim.output, condition.steps)
    if condition.value is None:
        is_met = found is not _NOTHING and found is not None
    else:
        is_met = found is not _NOTHING and any(same_value(found, value) for value in condition.values)
    if is_met:
        return None
    said = "nothing stands there" if found is _NOTHING else f"{clipped(found, 120)} stands there"
    return Seen(f"output is not as success_when asks ({clipped(condition.text, 120)}): {said}")


AUTHOR: Group[Claim] = Group(
    title="The author's word",
    about="`expectedOutput` and `success_when` of a test, else `success_when` of the config. Where it is met, no rule"
    " for shapes blames the answer any more; what can't be sent fails all the same.",
    rules=(
        Rule(
            name="expected_output",
            certainty=Certainty.SURE,
            code=ReasonCode.OUTPUT_MISMATCH,
            reason="another output than `expectedOutput`",
            find=_mismatch,
            catches=(
                Example(output="Hello!", expected=("Hello, Dolly!",)),
                Example(output={"n": True}, expected=({"n": 1},)),
            ),
            lets_pass=(
                Example(output={"sum": 0.1 + 0.2}, expected=({"sum": 0.3},)),
                Example(output={"status": "failed"}, expected=({"status": "failed"},)),
            ),
        ),
        Rule(
            name="success_when",
            certainty=Certainty.SURE,
            code=ReasonCode.SUCCESS_WHEN_UNMET,
            reason="an output that isn't as `success_when` asks",
            find=_unmet,
            catches=(
                Example(output={"status": "IN_QUEUE"}, success_when="status = COMPLETED"),
                Example(output={"images": [{"type": "s3_url"}]}, success_when="images[0].type = base64"),
                Example(output={"text": "a", "seed": None}, success_when="seed exists"),
            ),
            lets_pass=(
                Example(output={"status": "COMPLETED", "errors": ["boom"]}, success_when="status = COMPLETED"),
                Example(output=[{"n": 1}, {"n": 2}], success_when="[-1].n = 2"),
                Example(output={"error_message": "teh: the"}, success_when="output.error_message exists"),
            ),
        ),
    ),
)
