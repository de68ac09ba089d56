"""`layout`: where the worker keeps its parts, and that none of it leads out of the repository."""

from __future__ import annotations

from janitor.inspection.location import Location
from janitor.inspection.repository.layout import Layout, read_layout
from janitor.inspection.tree import MAX_DEPTH, MAX_PATH_BYTES, RepositoryTree
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.facts import CheckoutFacts, RepositoryFacts
from janitor.validator.findings import EvidenceMaker, Finding, Produced, failed, passed

_SHOWN, _SHOWN_PATH = 5, 80


def check_layout(context: CheckContext, checkout: CheckoutFacts) -> Produced[RepositoryFacts]:
    """Find the parts of the worker."""
    layout = read_layout(checkout.tree, dockerfile=context.spec.repository.dockerfile)
    finding = _judged(checkout.tree, layout, context.evidence)
    return Produced(finding, RepositoryFacts(checkout=checkout, layout=layout))


def _judged(tree: RepositoryTree, layout: Layout, evidence: EvidenceMaker) -> Finding:
    found = {
        "Dockerfile": layout.dockerfile,
        "hub.json": layout.hub,
        "tests.json": layout.tests or layout.github_tests,
        "deactivated tests": layout.deactivated_tests,
        "test_input.json": layout.test_input,
        "README": layout.readme,
        "handler": ", ".join(str(path) for path in layout.handlers) or None,
    }
    listing = evidence.value("parts", "\n".join(f"{name}: {path or 'none'}" for name, path in found.items()))
    if (deep := tree.too_deep) is not None:
        return failed(
            ReasonCode.TREE_TOO_DEEP,
            f"folders lie more than {MAX_DEPTH} deep in each other, or a path is longer than {MAX_PATH_BYTES} bytes:"
            f" {str(deep)[:_SHOWN_PATH]}…; nothing in there is looked at",
            listing,
            locations=[Location(path=str(deep)[:_SHOWN_PATH], line=None, message="is the first that lies too deep")],
        )
    if escapes := tree.escaping_symlinks:
        shown = ", ".join(f"{path} → {target}" for path, target in escapes[:_SHOWN])
        return failed(
            ReasonCode.SYMLINK_ESCAPE,
            f"{len(escapes)} symlink(s) lead out of the repository: {shown}",
            evidence.value("symlinks", "\n".join(f"{path} -> {target}" for path, target in escapes)),
            listing,
            locations=[
                Location(path=str(path), line=None, message=f"leads to {target}") for path, target in escapes[:_SHOWN]
            ],
        )
    missing = [] if layout.readme is not None else ["the repository has no README"]
    locations = [Location(path="README.md", line=None, message=text, is_warning=True) for text in missing]
    warnings = [evidence.value("warnings", "\n".join(missing))] if missing else []
    return passed(listing, *warnings, locations=locations)
