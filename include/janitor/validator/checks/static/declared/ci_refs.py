"""`ci_refs`: the repository's workflows name files that exist.

Never required: a workflow that names a deleted file doesn't keep the worker from working.
"""

from __future__ import annotations

from janitor.inspection.location import Location
from janitor.inspection.repository.workflows import all_references, missing, workflow_files
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.facts import CheckoutFacts
from janitor.validator.findings import Finding, failed, passed, skipped

_SHOWN = 8


def check_ci_refs(context: CheckContext, checkout: CheckoutFacts) -> Finding:
    """Look for every file that a workflow names."""
    tree = checkout.tree
    if not workflow_files(tree):
        return skipped(ReasonCode.ABSENT, "the repository has no GitHub workflow")
    found, unreadable = all_references(tree)
    gone = [each for each in found if missing(tree, each)]
    listing = "\n".join(
        f"{each.workflow}, line {each.line}: {each.path or '.'} ({'missing' if each in gone else 'there'})"
        for each in found
    )
    evidence = [context.evidence.value("references", listing or "none")]
    if unreadable:
        return failed(ReasonCode.WORKFLOW_UNREADABLE, "; ".join(unreadable), *evidence, required=False)
    if gone:
        locations = [
            Location(path=str(each.workflow), line=each.line, message=f"there is no {each.path}", is_warning=True)
            for each in gone
        ]
        shown = "; ".join(f"{each.workflow}, line {each.line}: {each.path}" for each in gone[:_SHOWN])
        more = f"; and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        reason = f"workflows name what isn't there: {shown}{more}"
        return failed(ReasonCode.MISSING_FILE, reason, *evidence, required=False, locations=locations)
    return passed(*evidence)
