"""The whole table, in its order: the author's word, the SDK's contract, then shapes.

Of the shapes every part of an answer is tried on every row, in the order of the parts and then of the rows. The first
that is sure decides; those that aren't are kept as remarks.
"""

from __future__ import annotations

from typing import Any

from janitor.diagnosis.handler.output_rules.author import AUTHOR
from janitor.diagnosis.handler.output_rules.contract import ANSWER, JSON_TEXTS, PRINTED
from janitor.diagnosis.handler.output_rules.emptiness import EMPTINESS
from janitor.diagnosis.handler.output_rules.named_errors import NAMED_ERRORS
from janitor.diagnosis.handler.output_rules.objects import OBJECTS
from janitor.diagnosis.handler.output_rules.part import Part
from janitor.diagnosis.handler.output_rules.programs import PROGRAMS
from janitor.diagnosis.handler.output_rules.rule import Group, Rule
from janitor.diagnosis.handler.output_rules.states import STATES
from janitor.diagnosis.handler.output_rules.suspicions import SUSPICIONS
from janitor.diagnosis.handler.output_rules.texts import TEXTS

SHAPE_GROUPS: tuple[Group[Part], ...] = (
    EMPTINESS,
    OBJECTS,
    TEXTS,
    NAMED_ERRORS,
    STATES,
    PROGRAMS,
    JSON_TEXTS,
    SUSPICIONS,
)
SHAPES: tuple[Rule[Part], ...] = tuple(rule for group in SHAPE_GROUPS for rule in group.rules)
GROUPS: tuple[Group[Any], ...] = (AUTHOR, ANSWER, PRINTED, *SHAPE_GROUPS)
