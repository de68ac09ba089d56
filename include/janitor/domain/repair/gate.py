"""The gate: what a patch must not do, whoever proposes it, before anything of it runs.

Invariant: a patch that isn't wholly understood doesn't pass. The rules are in `janitor.domain.repair.rules`, each with
an example of its own; `python -m janitor.domain.repair.gate` prints them as the table of docs/notes/repairs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from janitor.domain.repair.diff import ChangeKind, FileDiff, read_diff
from janitor.domain.repair.hunks import DiffError, patched
from janitor.domain.repair.proposal import ProposedBy
from janitor.domain.repair.rules.gpu import GPU_RULES
from janitor.domain.repair.rules.paths import PATH_RULES
from janitor.domain.repair.rules.rule import Change, Rule, Touched
from janitor.domain.repair.rules.secrets import SECRET_RULES
from janitor.domain.repair.rules.size import SIZE_RULES
from janitor.domain.repair.rules.sources import SOURCE_RULES
from janitor.domain.repair.rules.tests_kept import TEST_RULES
from janitor.domain.repair.rules.trust import TRUST_RULES
from janitor.protocol.order.patch import Patch

UNREADABLE = "unreadable"
"""The rule that comes before all others: a diff as git writes it, which fits the commit."""
UNREADABLE_REFUSES = "what is no diff as git writes it, or doesn't fit the commit"
UNREADABLE_EXAMPLE = "a hunk whose lines the file doesn't hold"

LARGEST_FILE_BYTES = 512 * 1024
"""Of a file that a patch touches; one that people review is smaller."""

RULES: tuple[Rule, ...] = (
    *PATH_RULES,
    *SIZE_RULES,
    *SECRET_RULES,
    *TEST_RULES,
    *SOURCE_RULES,
    *TRUST_RULES,
    *GPU_RULES,
)
"""In the order in which they are asked: the first that is broken is told."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a patch may not even be tried."""

    rule: str
    why: str
    """Where and how, in a line."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.why}"


def refusal_of(
    patch: Patch,
    *,
    by: ProposedBy,
    name: str,
    read: Callable[[str], bytes | None],
    secrets: Iterable[str] = (),
) -> Refusal | None:
    """Why a patch may not be tried; None where it may.

    Args:
        patch: What is proposed.
        by: Who proposes it.
        name: Which recipe, or which model.
        read: A file of the commit that it is against; None where that has none of this path.
        secrets: Values that may stand nowhere in it.
    """
    if any(secret and secret in patch.text for secret in secrets):
        return Refusal(rule="secret", why="it holds a secret of this deployment")
    try:
        diffs = read_diff(patch.text)
        plain = Change(by=by, name=name, files=tuple(Touched(diff=diff, before=None, after=None) for diff in diffs))
        # Before a file is read or applied: a path that leads out of the repository is read by nobody.
        early = _first_broken((*PATH_RULES, *SIZE_RULES[:-1]), plain)
        if early is not None:
            return early
        files = tuple(_touched(diff, read) for diff in diffs)
    except DiffError as exc:
        return Refusal(rule=UNREADABLE, why=str(exc))
    return _first_broken(RULES, Change(by=by, name=name, files=files))


def _first_broken(rules: Iterable[Rule], change: Change) -> Refusal | None:
    for rule in rules:
        if why := rule.broken(change):
            return Refusal(rule=rule.name, why=why)
    return None


def _touched(diff: FileDiff, read: Callable[[str], bytes | None]) -> Touched:
    """The file before and after.

    Raises:
        DiffError: The diff doesn't fit it.
    """
    content = read(diff.old_path)
    if content is not None and len(content) > LARGEST_FILE_BYTES:
        raise DiffError(f"{diff.old_path} has {len(content)} bytes, of at most {LARGEST_FILE_BYTES}")
    if diff.kind is ChangeKind.ADDED:
        if content is not None:
            raise DiffError(f"{diff.path} is there already")
        return Touched(diff=diff, before=None, after=_after(diff, ""))
    if content is None:
        raise DiffError(f"{diff.old_path} isn't there")
    if diff.kind is ChangeKind.RENAMED and read(diff.path) is not None:
        raise DiffError(f"{diff.path} is there already")
    if diff.is_binary:
        return Touched(diff=diff, before=None, after=None)
    try:
        before = content.decode("utf-8")
    except UnicodeDecodeError:
        return Touched(diff=diff, before=None, after=None)
    after = _after(diff, before)
    if diff.kind is ChangeKind.DELETED:
        if after:
            raise DiffError(f"{diff.path} goes, and not all of it")
        return Touched(diff=diff, before=before, after=None)
    return Touched(diff=diff, before=before, after=after)


def _after(diff: FileDiff, before: str) -> str:
    try:
        return patched(before, diff.hunks)
    except DiffError as exc:
        raise DiffError(f"{diff.path}: {exc}") from exc


def table() -> list[str]:
    """The rules as a table in Markdown."""
    rows = [(UNREADABLE, UNREADABLE_REFUSES, UNREADABLE_EXAMPLE), *((r.name, r.refuses, r.example) for r in RULES)]
    return [
        "| rule | refuses | such as |",
        "|---|---|---|",
        *(f"| `{name}` | {refuses} | {_cell(example)} |" for name, refuses, example in rows),
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print("\n".join(table()))  # noqa: T201  # a program of its own, whose output is the table
