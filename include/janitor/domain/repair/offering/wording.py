"""The words of a publication: everything that a repository, its packages or a model wrote is made harmless here.

In a commit's message and a pull request's title there is no code span: what would mention somebody, refer to an issue
or command a machine is broken up, so that people still read it. In a pull request's body it stands as code.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from decimal import Decimal

from janitor.domain.repair.proposal import Failure
from janitor.domain.repair.publication import Publication
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.guest.redaction import Redactor, secrets_of
from janitor.protocol.text.plain_text import one_line

LONGEST_SUBJECT = 72
LONGEST_CAUSE = 600
_LONGEST_PART, _LONGEST_CHANGE = 120, 500
_MOST_CHANGES = 6
_WIDTH = 72
_MENTION = re.compile(r"@(?=\w)")
_REFERENCE = re.compile(r"(?:#|\bGH-)(?=\d)", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(\w{2,10})://")
_SWITCH = re.compile(r"\[([^\[\]]{0,40})\]")
_ENDS_A_MESSAGE = re.compile(r"---|diff -|Index: |>*From |From:|Subject:|Date:|[\w-]{1,40}:\s", re.IGNORECASE)
"""What `git am` takes for the end of a message or for a header of its own, and what git takes for a trailer."""


class Cleaner:
    """Takes out what is secret of one repository's validation."""

    def __init__(self, publication: Publication) -> None:
        plan = publication.failure.repeated.plan
        self._redactor = Redactor(secrets_of({**plan.env, **plan.build_args}))

    def line(self, text: str, *, limit: int) -> str:
        """A text on one line, without secrets, controls and commands."""
        return one_line(self._redactor.clean(text), limit=limit)

    def spoken(self, text: str, *, limit: int) -> str:
        """The same where no markup can hold it: nothing in it mentions, refers, closes or switches."""
        text = _MENTION.sub("@ ", self.line(text, limit=limit))
        text = _REFERENCE.sub(lambda found: f"{found[0]} ", text)
        return one_line(_SWITCH.sub(r"(\1)", _ADDRESS.sub(r"\1: //", text)), limit=limit)


def subject_of(publication: Publication, cleaner: Cleaner) -> str:
    """The subject of its commit, and the title of its pull request."""
    subject = cleaner.spoken(publication.proposal.summary, limit=LONGEST_SUBJECT) or "Repair what broke"
    return f"Repair: {subject}"[:LONGEST_SUBJECT] if _ENDS_A_MESSAGE.match(subject) else subject


def message_of(publication: Publication) -> str:
    """The message of its commit, with its trailers at the end."""
    cleaner = Cleaner(publication)
    repeated = publication.failure.repeated
    since = f" since {publication.broken_since:%Y-%m-%d}" if publication.broken_since is not None else ""
    by = f"{publication.proposal.by.value} {cleaner.spoken(publication.proposal.name, limit=80)}"
    paragraphs = [
        f"Broken{since}. Proposed by {by}; red without it and green with it, by the same validator on the same kind"
        " of machine. Made by a machine, reviewed by nobody yet.",
        cleaner.spoken(publication.proposal.root_cause, limit=LONGEST_CAUSE),
    ]
    body = "\n\n".join("\n".join(_wrapped(each)) for each in paragraphs if each)
    trailers = f"Janitor-Validation: {repeated.validation_id}\nJanitor-Signature: {repeated.signature}"
    return f"{subject_of(publication, cleaner)}\n\n{body}\n\n{trailers}\n"


def changes_of(publication: Publication, cleaner: Cleaner) -> Iterator[str]:
    """What changed since the last success, each in a few words."""
    told = list(changes_of_world(publication.failure))
    left_out = publication.failure.changes.left_out if publication.failure.changes is not None else 0
    yield from (cleaner.line(each, limit=_LONGEST_PART) for each in told[:_MOST_CHANGES])
    left = max(0, len(told) - _MOST_CHANGES) + left_out
    if left:
        yield f"{left} more"


def changes_of_world(failure: Failure) -> Iterator[str]:
    """What changed since the last success, each in a few words, as it is known: uncut, and not cleaned."""
    changes = failure.changes
    if changes is None:
        return
    if changes.commits is not None:
        same = changes.commits.is_same
        yield "the same commit" if same else f"the commit, from {changes.commits.before[:12]}"
    # What ran it is told of last: it is seldom why.
    parts = sorted(changes.parts, key=lambda each: each.part in (Changed.VALIDATOR, Changed.ARTEFACT))
    yield from (_changed(each)[:_LONGEST_CHANGE] for each in parts)


def cost_of(usd: Decimal | None) -> str:
    """An amount, or that it isn't known."""
    return "cost not known" if usd is None else f"${usd:.2f}"


def _changed(change: PartChange) -> str:
    what = change.name or change.part.value.replace("_", " ")
    if change.before is None:
        return f"{what} {change.after or ''} is new"
    return f"{what} {change.before} is gone" if change.after is None else f"{what} {change.before} → {change.after}"


def _wrapped(paragraph: str) -> Iterator[str]:
    lines = textwrap.wrap(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)
    for line in lines:
        yield f"  {line}" if _ENDS_A_MESSAGE.match(line) else line
