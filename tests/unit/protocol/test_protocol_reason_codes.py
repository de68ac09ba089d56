"""The reason codes are one vocabulary, whose page is current, and which stands nowhere else as text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from janitor.protocol.terms.reason_codes import ReasonCode, page

ROOT = Path(__file__).parents[3]
PLACES = (
    "validator",
    "diagnosis",
    "inspection/documents",
    "protocol/terms/rollup.py",
    "protocol/agent",
    "domain/result",
)
TAKERS = frozenset({"failed", "errored", "skipped", "failing", "inconclusive", "Trouble", "Verdict", "Problem"})


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "reason-codes.md").read_text() == page(), (
        "run: python -m janitor.protocol.terms.reason_codes > docs/reason-codes.md"
    )


@pytest.mark.parametrize("code", ReasonCode, ids=str)
def test_each_code_is_its_name_and_means_something(code: ReasonCode) -> None:
    assert code.name.lower() == code.value
    assert code == code.value == str(code) == f"{code}"
    assert 10 < len(code.meaning) < 100
    assert not code.meaning.endswith(".")
    assert ReasonCode.known(code.value) is code


def test_a_code_of_another_version_is_none_of_ours() -> None:
    assert ReasonCode.known("of_tomorrow") is None
    assert ReasonCode.known(None) is None


def test_no_code_is_written_out_where_one_is_taken() -> None:
    values = {code.value for code in ReasonCode}
    written = []
    for place in PLACES:
        path = ROOT / "include" / "janitor" / place
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            for call in (each for each in ast.walk(ast.parse(file.read_text())) if isinstance(each, ast.Call)):
                taker = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                given = [*call.args[:1], *(each.value for each in call.keywords if each.arg in ("code", "reason_code"))]
                texts = [each.value for each in given if isinstance(each, ast.Constant)]
                if taker in TAKERS and values.intersection(map(str, texts)):
                    written.append(f"{file}:{call.lineno}")
    assert written == []


def test_every_code_is_used() -> None:
    texts = "\n".join(
        file.read_text() for file in (ROOT / "include" / "janitor").rglob("*.py") if file.name != "reason_codes.py"
    )
    assert [code.name for code in ReasonCode if f"ReasonCode.{code.name}" not in texts] == []
