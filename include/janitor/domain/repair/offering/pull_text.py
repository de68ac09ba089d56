"""The text of a pull request: at most thirty lines, in which nothing that a repository wrote is markup."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from janitor.domain.repair.offering.proof_document import commands_of, proof_document, validator_of
from janitor.domain.repair.offering.wording import (
    LONGEST_CAUSE,
    Cleaner,
    changes_of,
    cost_of,
    subject_of,
)
from janitor.domain.repair.publication import Publication
from janitor.protocol.repair_proof import ProofReport
from janitor.protocol.text.github import code

MOST_LINES = 30
_MOST_EVIDENCE = 4
_LONGEST_EVIDENCE = 160
_SHOWN = 12


def title_of(publication: Publication) -> str:
    """The pull request's title: the subject of its commit."""
    return subject_of(publication, Cleaner(publication))


def mark_of(publication: Publication) -> str:
    """What stands in the text, unseen, and tells whose cause it is; made of a hash, so that nothing ends it."""
    repeated = publication.failure.repeated
    key = f"{repeated.plan.organization}/{repeated.plan.name}/{repeated.signature}"
    return f"<!-- janitor:repair={hashlib.sha256(key.encode()).hexdigest()[:32]} -->"


def body_of(publication: Publication, *, repair_sha: str) -> str:
    """The pull request's text.

    Raises:
        ValueError: It isn't proved.
    """
    cleaner, proof = Cleaner(publication), proof_document(publication, repair_sha=repair_sha)
    return "\n".join(
        [
            "Made by a machine, reviewed by nobody yet. Closed unmerged, it is never opened again for this cause.",
            "",
            *_facts(publication, cleaner),
            "",
            "| | verdict | validation | sha256 of the report |",
            "|---|---|---|---|",
            _row("as it was found", proof.red),
            _row("with this patch", proof.patched),
            _row("without it, again", proof.control),
            "",
            _terms(publication),
            *_evidence(publication, cleaner),
            "",
            "To repeat it, with the mail of this commit beside the checkout:",
            "```",
            *(cleaner.line(each, limit=300).replace("`", "'") for each in commands_of(publication.failure.repeated)),
            "```",
            mark_of(publication),
            "",
        ]
    )


def _facts(publication: Publication, cleaner: Cleaner) -> Iterator[str]:
    proposal, failure = publication.proposal, publication.failure
    since = f"{publication.broken_since:%Y-%m-%d}" if publication.broken_since is not None else "not known"
    yield f"- **Broken since** {since}: {_code(cleaner, failure.repeated.report.summary, 200)}"
    changed = ", ".join(code(each) for each in changes_of(publication, cleaner)) or "not known"
    good = f" ({failure.last_good_at:%Y-%m-%d})" if failure.last_good_at is not None else ""
    yield f"- **Changed since the last success**{good}: {changed}"
    yield f"- **Cause**: {_code(cleaner, proposal.root_cause, LONGEST_CAUSE)}"
    by = f"by {proposal.by.value} {_code(cleaner, proposal.name, 80)}"
    yield f"- **This patch**: {_code(cleaner, proposal.summary, 120)}, {by}; {_size(proposal.patch.text)}"


def _code(cleaner: Cleaner, text: str, limit: int) -> str:
    return code(cleaner.line(text, limit=limit), limit=limit) or "(nothing)"


def _row(what: str, report: ProofReport) -> str:
    return f"| {what} | {report.status.value} | `{report.validation_id}` | `{report.sha256[:_SHOWN]}…` |"


def _terms(publication: Publication) -> str:
    repeated = publication.failure.repeated
    engine = repeated.report.engine.value if repeated.report.engine is not None else "none"
    validator = validator_of(publication)
    machine = code(repeated.instance_type) if repeated.instance_type else "no instance"
    artefact = f"validator `{validator[:_SHOWN]}…`" if validator is not None else "validator: artefact not known"
    return (
        f"All of commit `{repeated.commit_sha[:_SHOWN]}`, engine {engine}, {machine}, {artefact}. Proof:"
        f" {cost_of(publication.proof_usd)}; proposal: {cost_of(publication.known_proposal_usd)}."
    )


def _evidence(publication: Publication, cleaner: Cleaner) -> Iterator[str]:
    """Lines in a block of code; two blanks before each, as machines that read comments take commands at a line's
    start wherever it stands."""
    lines = [cleaner.line(each, limit=_LONGEST_EVIDENCE) for each in publication.proposal.evidence]
    if shown := [each.replace("`", "'") for each in lines if each][:_MOST_EVIDENCE]:
        yield from ("```", *(f"  {each}" for each in shown), "```")


def _size(patch: str) -> str:
    lines = patch.splitlines()
    files = sum(line.startswith("diff --git ") for line in lines)
    more = sum(line.startswith("+") and not line.startswith("+++ ") for line in lines)
    less = sum(line.startswith("-") and not line.startswith("--- ") for line in lines)
    return f"{files} {'file' if files == 1 else 'files'}, +{more} −{less}"  # noqa: RUF001 - a minus
