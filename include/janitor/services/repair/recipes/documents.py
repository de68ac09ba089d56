"""hub.json, tests.json and test_input.json, brought into their documented form.

Only what is surely meant is changed: a value in another spelling, unit or type, a name that is out by its case. After
it the document has to be without a fault, else nothing is proposed.
Source: https://docs.runpod.io/hub/publishing-guide and references/gpu-types.mdx of the same documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from janitor.domain.repair.json_edit import JsonEditError, JsonText, without_trailing_commas
from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.repair.rules.rule import SCHEMA_RECIPE
from janitor.domain.repair.writing import Edit
from janitor.inspection.documents.documents import Problems
from janitor.inspection.documents.hub_file import hub_problems
from janitor.inspection.documents.tests_file import read_github_tests, read_tests
from janitor.protocol.report import Check
from janitor.protocol.terms.statuses import CheckName, CheckStatus
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.document_fixes import fix_hub, fix_job, fix_tests
from janitor.services.repair.recipes.recipe import Draft
from janitor.services.repair.world import World

_CHECKS = frozenset(
    {CheckName.HUB_SCHEMA.value, CheckName.TESTS_SCHEMA.value, CheckName.TEST_INPUT.value, CheckName.CONFIG_CONSISTENCY}
)


class Documents:
    """See the module."""

    name = SCHEMA_RECIPE
    repairs = "`hub.json`, `tests.json` or `test_input.json` that breaks its documented form"
    how = "the value in its documented spelling, unit or type; order of keys and indentation stay"

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """See `Recipe`."""
        failed = [
            check
            for check in failure.repeated.report.checks
            if check.status is CheckStatus.FAIL and check.required and check.name in _CHECKS
        ]
        if not failed or failure.repeated.report.failing_check not in _CHECKS:
            return None
        edits: dict[str, Edit] = {}
        changes: list[str] = []
        for path, fix, problems in _documents(worker):
            before = worker.text(path)
            if before is None or not problems_of(before, problems):
                continue
            fixed = _fixed(before, fix)
            if isinstance(fixed, Abstained):
                return Abstained(reason=f"{path}: {fixed.reason}")
            after, did = fixed
            if left := problems_of(after, problems):
                return Abstained(reason=f"{path}: what is meant can't be told: {left}")
            edits[str(path)] = Edit(before=before, after=after)
            changes += did
        if not edits:
            return Abstained(reason="no document of the repository has a fault that can be seen here")
        names = " and ".join(sorted(PurePosixPath(path).name for path in edits))
        return Draft(
            edits=edits,
            summary=f"Bring {names} into the documented form"[:72],
            root_cause=f"{names} broke the documented form. Changed: {'; '.join(changes[:6])}.",
            evidence=tuple(_told(check) for check in failed),
        )


def _told(check: Check) -> str:
    return check.reason or check.name


Problem = Callable[[object], str]


def _documents(worker: WorkerTree) -> Iterator[tuple[PurePosixPath, Callable[[JsonText], list[str]], Problem]]:
    layout = worker.layout
    if layout.hub is not None:
        yield layout.hub, fix_hub, lambda document: _words(hub_problems(document))
    if layout.tests is not None:
        yield layout.tests, fix_tests, lambda document: _words(read_tests(document).problems)
    elif layout.github_tests is not None:
        yield layout.github_tests, fix_tests, lambda document: _words(read_github_tests(document).problems)
    if layout.test_input is not None:
        yield layout.test_input, fix_job, _job_problems


def _words(problems: Problems) -> str:
    return problems.summary() if problems.found else ""


def _job_problems(document: object) -> str:
    return "" if isinstance(document, dict) and "input" in document else "it is no object with `input`"


def problems_of(text: str, problems: Problem) -> str:
    """What is wrong with a document, in words; empty where nothing is."""
    try:
        return problems(JsonText(text.removeprefix("\ufeff")).document)
    except JsonEditError as exc:
        return str(exc)


def _fixed(before: str, fix: Callable[[JsonText], list[str]]) -> tuple[str, list[str]] | Abstained:
    """The text after what surely is meant, and what was done."""
    done = []
    text = before
    if before.startswith("\ufeff"):
        text = before.removeprefix("\ufeff")
        done.append("the byte order mark is gone")
    try:
        try:
            document = JsonText(text)
        except JsonEditError:
            document = JsonText(without_trailing_commas(text))
            done.append("the commas before closing brackets are gone")
        done += fix(document)
        return document.text, done
    except JsonEditError as exc:
        return Abstained(reason=str(exc))
