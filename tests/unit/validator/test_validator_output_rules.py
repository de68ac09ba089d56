"""The table of the output judge: each rule catches its examples and lets the others pass, and its page is current."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from janitor.diagnosis.handler.api_judge import judge_answer
from janitor.diagnosis.handler.output_judge import judge_output
from janitor.diagnosis.handler.output_rules.author import Asked
from janitor.diagnosis.handler.output_rules.page import page
from janitor.diagnosis.handler.output_rules.rule import Certainty, Example, Rule
from janitor.diagnosis.handler.output_rules.table import GROUPS
from janitor.diagnosis.handler.raw_outputs import judge_raw_outputs
from janitor.diagnosis.handler.sdk_log import read_sdk_log
from janitor.diagnosis.handler.verdict import Verdict
from janitor.inspection.documents.tests_file import TestCase
from janitor.protocol.order.success_when import read_condition

ROOT = Path(__file__).resolve().parents[3]
RULES = [rule for group in GROUPS for rule in group.rules]
CAUGHT = [(rule, example) for rule in RULES for example in rule.catches]
LET_PASS = [(rule, example) for rule in RULES for example in rule.lets_pass]


def tried(example: Example) -> Verdict:
    """What the product says of an example, by the way that it takes there."""
    if example.printed is not None:
        return judge_raw_outputs(read_sdk_log(f"DEBUG  | a | run_job return: {example.printed}\n"))
    if example.answer is not None:
        return judge_answer(TestCase(name="a", input={}, limit=None), 200, example.answer.encode(), "")
    condition = None if example.success_when is None else read_condition(example.success_when)
    expected = example.expected[0] if example.expected else None
    return judge_output(
        example.output,
        Asked(given=example.given, has_expected=bool(example.expected), expected=expected, success_when=condition),
    )


def shown(given: tuple[Rule, Example]) -> str:
    rule, example = given
    return f"{rule.name}: {example.printed or example.answer or json.dumps(example.output)}"[:100]


@pytest.mark.parametrize("given", CAUGHT, ids=shown)
def test_rule_catches_its_example(given):
    rule, example = given
    verdict = tried(example)
    if rule.certainty is Certainty.SURE:
        assert (verdict.passes, verdict.rule, verdict.code) == (False, rule.name, rule.code), verdict
    else:
        assert verdict.passes, verdict
        assert (rule.name, rule.code) in [(remark.rule, remark.code) for remark in verdict.remarks], verdict


@pytest.mark.parametrize("given", LET_PASS, ids=shown)
def test_rule_lets_its_example_pass(given):
    rule, example = given
    verdict = tried(example)
    assert verdict.passes, verdict
    assert rule.name not in [remark.rule for remark in verdict.remarks]


def test_a_note_names_its_rule_and_says_where():
    (remark,) = judge_output({"text": "Their going", "errors": ["Their: They're"]}).remarks
    assert remark.text == 'output.errors: ["Their: They\'re"] (rule errors_found)'
    verdict = judge_output({"a": [{"error": "boom"}]})
    assert verdict.reason == "output.a[0].error: boom (rule error_named)"


def test_every_rule_has_a_name_of_its_own_and_both_sides():
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names)) > 25
    assert all(rule.catches and rule.lets_pass for rule in RULES)


def test_the_page_is_current():
    assert (ROOT / "docs" / "output-rules.md").read_text(encoding="utf-8") == page(), (
        "run: python -m janitor.diagnosis.handler.output_rules.page > docs/output-rules.md"
    )


def test_only_a_few_notes_are_kept():
    verdict = judge_output([{"url": f"https://{number}", "status": 404} for number in range(100)])
    assert verdict.passes
    assert len(verdict.remarks) == 1
