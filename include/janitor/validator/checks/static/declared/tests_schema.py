"""`tests_schema`: tests.json has its documented form, or the older one; its cases are then run by `handler_api`."""

from __future__ import annotations

from janitor.inspection.documents.documents import load_json, problem_locations, unreadable_location
from janitor.inspection.documents.tests_file import TestPlan, read_github_tests, read_tests
from janitor.inspection.tree import UnreadableError
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.facts import RepositoryFacts
from janitor.validator.findings import Finding, Produced, failed, passed, skipped


def check_tests_schema(context: CheckContext, repository: RepositoryFacts) -> Finding | Produced[TestPlan]:
    """Read the repository's test cases, if there are any."""
    tree, layout = repository.tree, repository.layout
    path = layout.tests or layout.github_tests
    if path is None:
        if layout.deactivated_tests is not None:
            return skipped(ReasonCode.TESTS_DEACTIVATED, f"{layout.deactivated_tests} is named so that it is not read")
        return skipped(ReasonCode.ABSENT, "the repository has no tests.json")
    try:
        content = tree.read(path)
        document = load_json(tree, path)
    except UnreadableError as exc:
        return failed(ReasonCode.TESTS_UNREADABLE, str(exc), locations=[unreadable_location(path, str(exc))])
    # The older form is told by its shape: some repositories keep the documented one in .github.
    older = layout.tests is None and isinstance(document, list)
    reading = read_github_tests(document) if older else read_tests(document)
    evidence = [context.evidence.file(str(path), content)]
    if reading.problems.warnings:
        evidence.append(context.evidence.value("warnings", "\n".join(reading.problems.warnings)))
    locations = problem_locations(content.decode("utf-8-sig"), path, reading.problems)
    if reading.plan is None:
        return failed(
            reading.problems.found[0].code, f"{path}: {reading.problems.summary()}", *evidence, locations=locations
        )
    if not reading.plan.cases:
        return Produced(skipped(ReasonCode.TESTS_EMPTY, f"{path} has no test", *evidence), reading.plan)
    return Produced(passed(*evidence, locations=locations), reading.plan)
