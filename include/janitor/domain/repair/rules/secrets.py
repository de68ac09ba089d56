"""What a patch may not carry in its text: secrets, and what nobody sees."""

from __future__ import annotations

from janitor.domain.repair.rules.rule import Change, Rule
from janitor.guest.redaction import MASK, Redactor
from janitor.protocol.text.plain_text import plain


def _secret(change: Change) -> str | None:
    redactor = Redactor()
    for file in change.files:
        known = set((file.before or "").split("\n"))
        lines = [line for line in file.diff.added if line not in known]
        # A key goes over several lines; a name and its value stand on one.
        for text in ("\n".join(lines), *lines):
            if redactor.clean(text).count(MASK) > text.count(MASK):
                return f"{file.path} holds what looks like a secret"
    return None


def _hidden(change: Change) -> str | None:
    for file in change.files:
        for line in file.new_lines:
            text = line.removesuffix("\r")
            if plain(text) != text:
                return f"{file.path} holds characters that nobody sees"
    return None


SECRET_RULES = (
    Rule(
        name="hidden_text",
        refuses="characters that reorder, hide or control text",
        example="a line with U+202E in it",
        broken=_hidden,
    ),
    Rule(
        name="secret",
        refuses="what looks like a secret",
        example="HF_TOKEN=hf_…",
        broken=_secret,
    ),
)
