"""`success_when`: what the author of a worker says of a good answer, in one line.

    status = COMPLETED
    images[0].type = base64
    [-1].usage.completion_tokens exists

The path leads through the output; a leading `output` may stand for it, as reports write paths. Names that aren't plain
words stand in brackets and quotes: `["a.b"]`. The value is JSON, else a text as it stands.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

LONGEST_CONDITION = 500
_NAME = re.compile(r"[\w-]+")
_INDEX = re.compile(r"\[\s{0,9}(-?\d{1,6})\s{0,9}\]")
_QUOTED = re.compile(r"\[\s{0,9}(\"(?:[^\"\\]|\\.){1,300}\")\s{0,9}\]")
_SPACE = re.compile(r"\s{0,500}")
_FORMS = "write `path = value`, such as `status = COMPLETED` or `images[0].type = base64`, or `path exists`"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition on an output."""

    text: str
    """As its author wrote it."""
    steps: tuple[str | int, ...]
    """Names of members and numbers of items, from the output inwards."""
    value: str | None
    """What must stand there, as written; None where it need only exist."""

    @property
    def values(self) -> tuple[object, ...]:
        """What may stand there: what the value is as JSON, and the text that it is."""
        if self.value is None:
            return ()
        try:
            return json.loads(self.value, parse_constant=_no_constant), self.value
        except (ValueError, RecursionError):
            return (self.value,)


def read_condition(text: str) -> Condition:
    """Read a condition.

    Args:
        text: One line.

    Raises:
        ValueError: It is none; the message names the character where it goes wrong.
    """
    if len(text) > LONGEST_CONDITION:
        raise ValueError(f"has {len(text)} characters; at most {LONGEST_CONDITION} are read")
    position = _skip(text, 0)
    steps: list[str | int] = []
    while (step := _step(text, position, is_first=not steps)) is not None:
        steps.append(step[0])
        position = step[1]
    if not steps:
        raise _problem(text, position, "a path belongs here")
    after = _skip(text, position)
    rest = text[after:].strip()
    if rest == "exists" and after > position:
        return Condition(text=text.strip(), steps=tuple(steps), value=None)
    if not rest.startswith("=") or rest.startswith("=="):
        raise _problem(text, after, "`= value` or `exists` belongs here")
    if not (value := rest[1:].strip()):
        raise _problem(text, len(text), 'a value belongs here; an empty text is `""`')
    return Condition(text=text.strip(), steps=tuple(steps), value=value)


def _step(text: str, position: int, *, is_first: bool) -> tuple[str | int, int] | None:
    """The next step of a path and where it ends; None where the path has ended."""
    if match := _INDEX.match(text, position):
        return int(match.group(1)), match.end()
    if match := _QUOTED.match(text, position):
        try:
            return str(json.loads(match.group(1))), match.end()
        except ValueError:
            raise _problem(text, position, "this is no text as JSON writes one") from None
    if text[position : position + 1] == "[":
        raise _problem(text, position, 'a number or a name in quotes belongs into brackets, as in `[0]` or `["a.b"]`')
    if not is_first:
        if text[position : position + 1] != ".":
            return None
        position += 1
    if match := _NAME.match(text, position):
        return match.group(0), match.end()
    if is_first:
        return None
    raise _problem(text, position, "a name belongs behind the dot")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _problem(text: str, position: int, what: str) -> ValueError:
    place = f"at character {position + 1}" if position < len(text.rstrip()) else "at its end"
    return ValueError(f"{place}: {what}; {_FORMS}")
