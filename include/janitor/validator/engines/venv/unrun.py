"""What becomes of the RUN instructions that the venv engine doesn't run: those that surely fail are the repository's
fault, and all others are listed as not proven."""

from __future__ import annotations

from collections.abc import Collection

from janitor.inspection.location import Location
from janitor.inspection.provision.commands.unrun import unrun_commands
from janitor.protocol.terms.proven import UnprovenKind
from janitor.validator.context import CheckContext
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, failed


def surely_failing(context: CheckContext, facts: WorkerFacts) -> Finding | None:
    """The finding for a RUN that surely fails; None where all may pass."""
    image = facts.image
    if not image.provision.failures:
        return None
    path = str(image.path)
    locations = [
        Location(path=path, line=each.line, message=f"`{_shown(each.command)}` surely fails: {each.reason}")
        for each in image.provision.failures
    ]
    first = image.provision.failures[0]
    evidence = context.evidence.value(
        "surely failing", "\n".join(f"line {each.line}: {each.message}" for each in locations)
    )
    return failed(first.code, f"line {first.line}: {locations[0].message}", evidence, locations=locations)


def left_unrun(finding: Finding, facts: WorkerFacts, done: Collection[tuple[int, int]]) -> Finding:
    """The same with every RUN of which something was left out.

    Args:
        finding: That of the build.
        facts: The worker.
        done: (line, place of the command) of the installations that were carried out.
    """
    for each in unrun_commands(facts.image.dockerfile, done):
        finding = finding.left_unproven(
            UnprovenKind.NOT_RUN, f"not run: {each.text}", file=str(facts.image.path), line=each.line
        )
    return finding


def _shown(command: str) -> str:
    return " ".join(command.split())[:120]
