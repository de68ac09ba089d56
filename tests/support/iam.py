"""A small IAM: whether policies allow an action on a resource, with the condition operators that ours use.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators". Within a block
all operators and keys must hold, of a key's values one is enough; an unknown operator is an error, never a match.
"""

from __future__ import annotations

import fnmatch
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_TESTS = {"StringEquals": operator.eq, "StringLike": fnmatch.fnmatchcase, "ArnLike": fnmatch.fnmatchcase}
Context = Mapping[str, "str | Sequence[str]"]


def listed(value: Any) -> list[Any]:
    """A policy's element that may be one or many."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def actions_of(policy: Mapping[str, Any]) -> set[str]:
    """Every action that a policy names."""
    return {action for statement in policy["Statement"] for action in listed(statement["Action"])}


def is_allowed(policy: Mapping[str, Any], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether a request on one resource is allowed: some statement allows it and none denies it."""
    effects = {
        statement["Effect"] for statement in policy["Statement"] if _applies(statement, action, resource, context or {})
    }
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    return (
        any(fnmatch.fnmatchcase(action.lower(), one.lower()) for one in listed(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, one) for one in listed(statement["Resource"]))
        and all(
            _holds(condition, key, wanted, context)
            for condition, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(condition: str, key: str, wanted: Any, context: Context) -> bool:
    quantifier, _, plain = condition.rpartition(":")
    given = context.get(key)
    if plain == "Null":
        return (given is None) == (str(wanted).lower() == "true")
    test = _TESTS[plain]

    def matches(value: str) -> bool:
        return any(test(value, str(one)) for one in listed(wanted))

    if quantifier == "ForAllValues":
        return all(matches(value) for value in _many(given))
    if quantifier:
        raise ValueError(f"{condition} is not known here")
    return given is not None and all(matches(value) for value in _many(given))


def _many(given: str | Sequence[str] | None) -> Iterable[str]:
    return () if given is None else [given] if isinstance(given, str) else given
