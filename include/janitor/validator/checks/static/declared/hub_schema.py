"""`hub_schema`: hub.json has its documented form."""

from __future__ import annotations

from janitor.inspection.documents.documents import load_json, problem_locations, unreadable_location
from janitor.inspection.documents.hub_file import hub_problems
from janitor.inspection.tree import UnreadableError
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.facts import HubFacts, RepositoryFacts
from janitor.validator.findings import Finding, Produced, failed, passed, skipped


def check_hub_schema(context: CheckContext, repository: RepositoryFacts) -> Finding | Produced[HubFacts]:
    """Read hub.json, if there is one."""
    tree, path = repository.tree, repository.layout.hub
    if path is None:
        return skipped(ReasonCode.ABSENT, "the repository has no hub.json")
    try:
        content = tree.read(path)
        document = load_json(tree, path)
    except UnreadableError as exc:
        return failed(ReasonCode.HUB_UNREADABLE, str(exc), locations=[unreadable_location(path, str(exc))])
    problems = hub_problems(document)
    evidence = [context.evidence.file(str(path), content)]
    if problems.warnings:
        evidence.append(context.evidence.value("warnings", "\n".join(problems.warnings)))
    locations = problem_locations(content.decode("utf-8-sig"), path, problems)
    # What else is wrong in it doesn't make a worker that serves HTTP one that starts a handler.
    config = document.get("config") if isinstance(document, dict) else None
    load_balancer = isinstance(config, dict) and config.get("endpointType") == "LB"
    if problems.found:
        finding = failed(problems.found[0].code, f"{path}: {problems.summary()}", *evidence, locations=locations)
        return Produced(finding, HubFacts(document=None, load_balancer=load_balancer))
    return Produced(passed(*evidence, locations=locations), HubFacts(document=document, load_balancer=load_balancer))
