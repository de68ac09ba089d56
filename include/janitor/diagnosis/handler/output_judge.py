"""Judges a handler's output by the table of rules (`output_rules`): is there any, and does an error hide in it.

The SDK calls a job completed when the top level of its result has no `error`; everything below that is judged here. The
author's word comes first: an answer that is as expected is good, whatever it looks like.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from janitor.diagnosis.handler.output_rules.author import AUTHOR, Asked, Claim
from janitor.diagnosis.handler.output_rules.given import Given
from janitor.diagnosis.handler.output_rules.part import Part, parts_of
from janitor.diagnosis.handler.output_rules.rule import Certainty, Looks, Rule, Seen, first_failure
from janitor.diagnosis.handler.output_rules.table import SHAPES
from janitor.diagnosis.handler.verdict import PASSED, Outcome, Remark, Verdict

_MOST_REMARKS = 5
_NOT_ASKED = Asked()
_OF_TEXTS = tuple(rule for rule in SHAPES if rule.looks is Looks.TEXTS)
_OF_OBJECTS = tuple(rule for rule in SHAPES if rule.looks is Looks.OBJECTS)
_NAMES = frozenset[str]().union(*(rule.names for rule in _OF_OBJECTS))


def judge_output(output: Any, asked: Asked = _NOT_ASKED) -> Verdict:
    """Judge an output as decoded from JSON, or as read back from a Python repr.

    Args:
        output: What the handler returned; for a generator, the list of what it yielded.
        asked: What it was asked, and what its author says of a good answer.
    """
    unmet = first_failure(AUTHOR.rules, Claim(output, asked))
    if unmet is None and asked.is_settled_by_author:
        return PASSED
    shapes = _judge_shapes(output, Given(asked.given))
    # Not what was expected, and an error by its looks: the error says more.
    return shapes if unmet is None or not shapes.passes else unmet


def _judge_shapes(output: Any, given: Given) -> Verdict:
    remarks: dict[str, Remark] = {}
    for part in parts_of(output):
        for rule in _rules_for(part):
            # One remark by a rule says enough; of a long list every item would make one.
            if rule.name in remarks or (seen := _caught(rule, part, given)) is None:
                continue
            if rule.certainty is Certainty.SURE:
                return rule.fails(seen)
            if len(remarks) < _MOST_REMARKS:
                remarks[rule.name] = rule.remarks(seen)
    return Verdict(outcome=Outcome.PASS, remarks=tuple(remarks.values())) if remarks else PASSED


def _rules_for(part: Part) -> tuple[Rule[Part], ...]:
    """The rules that look at such a part; all but a few parts are no whole, and most rules look at one kind."""
    if part.is_root:
        return SHAPES
    if isinstance(part.value, str):
        return _OF_TEXTS
    return _with_names(part.names & _NAMES)


@lru_cache(maxsize=1_000)
def _with_names(names: frozenset[str]) -> tuple[Rule[Part], ...]:
    return tuple(rule for rule in _OF_OBJECTS if not rule.names.isdisjoint(names))


def _caught(rule: Rule[Part], part: Part, given: Given) -> Seen | None:
    if rule.names and rule.names.isdisjoint(part.names):
        return None
    seen = rule.find(part)
    if seen is None or any(map(given.holds, seen.on)) or not all(map(given.holds, seen.echoes)):
        return None
    # Many of these rules share a code.
    return replace(seen, text=f"{seen.text} (rule {rule.name})")
