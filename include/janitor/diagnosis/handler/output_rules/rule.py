"""A rule of the output judge: what it looks for, how sure it is, and examples on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from janitor.diagnosis.handler.verdict import Outcome, Remark, Verdict
from janitor.protocol.terms.reason_codes import ReasonCode

T = TypeVar("T")


class Certainty(str, Enum):
    """What a rule may do."""

    SURE = "sure"  # what it catches fails
    NOTE = "note"  # what it catches passes, with a note


class Looks(Enum):
    """At which parts of an answer a rule looks; what isn't an answer has one part."""

    WHOLE = "whole"  # the answer as a whole
    TEXTS = "texts"  # texts, wherever they stand
    OBJECTS = "objects"  # objects with one of the rule's names, wherever they stand


@dataclass(frozen=True)
class Seen:
    """What a rule has caught."""

    text: str
    """Where, and what, for people."""
    on: tuple[Any, ...] = ()
    """What the judgement rests on: where the input holds one of these, the answer only repeats it."""
    echoes: tuple[Any, ...] = ()
    """What is no answer if the input holds all of it, and an answer else."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """Something to try a rule on: an output, or what the SDK prints or answers of one."""

    output: Any = None
    given: Any = None
    """The job's input, where it matters."""
    expected: tuple[Any, ...] = ()
    """The expectedOutput, where there is one."""
    success_when: str | None = None
    printed: str | None = None
    """Instead of an output: a result as the SDK logs it."""
    answer: str | None = None
    """Instead of an output: the SDK's answer."""


@dataclass(frozen=True, kw_only=True)
class Rule(Generic[T]):
    """A row of the table."""

    name: str
    certainty: Certainty
    code: ReasonCode
    reason: str
    """One line for people."""
    find: Callable[[T], Seen | None]
    catches: tuple[Example, ...]
    lets_pass: tuple[Example, ...]
    looks: Looks = Looks.WHOLE
    names: frozenset[str] = frozenset()
    """Of the members of an object, one of which it needs."""

    def fails(self, seen: Seen) -> Verdict:
        """The verdict of a rule that is sure."""
        return Verdict(outcome=Outcome.FAIL, code=self.code, reason=seen.text, rule=self.name)

    def remarks(self, seen: Seen) -> Remark:
        """The remark of a rule that isn't."""
        return Remark(code=self.code, text=seen.text, rule=self.name)


@dataclass(frozen=True, kw_only=True)
class Group(Generic[T]):
    """Rules that belong together, in their order."""

    title: str
    about: str
    rules: tuple[Rule[T], ...]


def first_failure(rules: Iterable[Rule[T]], subject: T) -> Verdict | None:
    """The verdict of the first rule that is sure and catches it; None if none does."""
    for rule in rules:
        if rule.certainty is Certainty.SURE and (seen := rule.find(subject)) is not None:
            return rule.fails(seen)
    return None


def outputs(*values: Any) -> tuple[Example, ...]:
    """Examples of outputs."""
    return tuple(Example(output=value) for value in values)
