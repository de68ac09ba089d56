"""Each rule of classification by its example, which no rule before it matches."""

from __future__ import annotations

import pytest

from janitor.diagnosis.rules import build, docker, git, worker
from janitor.diagnosis.rules.rule import Blame, Rule, line_at

TABLES = {
    "build": build.BUILD,
    "install": build.INSTALL,
    "engine": docker.ENGINE,
    "never started": docker.NEVER_STARTED,
    "step": docker.STEP,
    "git": git.GIT,
    "worker with a GPU": worker.WITH_GPU,
    "worker without a GPU": worker.WITHOUT_GPU,
}
"""As they are tried, one rule after the other."""
EACH = [(name, number, rule) for name, table in TABLES.items() for number, rule in enumerate(table)]


@pytest.mark.parametrize(
    ("table", "rule"), [(name, rule) for name, _, rule in EACH], ids=[f"{name} {n}" for name, n, _ in EACH]
)
def test_the_example_of_a_rule_is_decided_by_it(table: str, rule: Rule) -> None:
    # Surrounded as in a log: the words decide, not where they stand.
    text = f"Step 3 of 5\n{rule.example}\nthat is all"
    first = next(each for each in TABLES[table] if each.pattern.search(text))
    assert first is rule, f"{first.code.value}: {first.pattern.pattern}"
    match = rule.pattern.search(text)
    assert match is not None
    shown = line_at(text, match.start())
    assert shown == " ".join(rule.example.split())
    trouble = rule.trouble(shown)
    assert trouble.repository_at_fault is (rule.blame is Blame.REPOSITORY)
    assert (trouble.code, trouble.reason) == (rule.code, f"{rule.reason}: {shown}")


def test_no_rule_stands_twice() -> None:
    for table in TABLES.values():
        assert len({rule.pattern for rule in table}) == len({rule.example for rule in table}) == len(table)
