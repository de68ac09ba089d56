"""The page of the documentation that lists the rules: `python -m janitor.diagnosis.handler.output_rules.page`."""

from __future__ import annotations

import json
import sys
import textwrap

from janitor.diagnosis.handler.output_rules.rule import Example
from janitor.diagnosis.handler.output_rules.table import GROUPS

_WIDTH = 118
_LONGEST_EXAMPLE = 100
_BEGINNING = """\
# Rules of the output judge

By which an answer of a handler is judged, in their order: the author's word, the SDK's contract, then shapes. A rule
that is *sure* fails the answer; one that isn't leaves a *note* on a check that passes. The reason of a failure and the
text of a note name the rule. What the job's input holds is none of the worker's own words: an answer that only repeats
it is not blamed for it. Each rule has examples of both sides, and a test tries them all.

Generated: `python -m janitor.diagnosis.handler.output_rules.page > docs/output-rules.md`
"""


def page() -> str:
    """The page as text."""
    lines = [_BEGINNING.rstrip()]
    for group in GROUPS:
        lines += ["", f"## {group.title}", "", *textwrap.wrap(group.about, _WIDTH)]
        for rule in group.rules:
            head = f"**{rule.name}** ({rule.certainty.value}, `{rule.code.value}`): {rule.reason}"
            lines += ["", *textwrap.wrap(head, _WIDTH), ""]
            lines += [f"- catches {_shown(example)}" for example in rule.catches]
            lines += [f"- lets pass {_shown(example)}" for example in rule.lets_pass]
    return "\n".join(lines) + "\n"


def _shown(example: Example) -> str:
    if example.printed is not None:
        return _code(example.printed)
    if example.answer is not None:
        return _code(example.answer)
    text = _code(_json(example.output))
    if example.expected:
        text += f" where {_code(_json(example.expected[0]))} is expected"
    if example.success_when is not None:
        text += f" where {_code(example.success_when)}"
    return text if example.given is None else f"{text} for the input {_code(_json(example.given))}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _code(text: str) -> str:
    short = text if len(text) <= _LONGEST_EXAMPLE else text[: _LONGEST_EXAMPLE - 1] + "…"
    return f"`{short}`" if "`" not in short else f"`` {short} ``"


if __name__ == "__main__":
    sys.stdout.write(page())
