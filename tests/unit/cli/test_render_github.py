"""A run for GitHub: who is annotated, how, and nothing that a repository wrote is a command or markup."""

from __future__ import annotations

import re

import pytest

from janitor.cli.render.reports.github import run_annotations, run_summary
from tests.support.hostile_texts import HOSTILE
from tests.unit.cli.test_render_reports import NOW, bad, good, of_run, unreported


def test_each_that_isn_t_well_is_annotated_once():
    lines = run_annotations(of_run(good(), bad(), unreported("lost", "error"), unreported("off", "cancelled")), NOW)
    assert len(lines) == 2
    at_fault, not_told = lines
    assert at_fault.startswith("::error title=runpod-workers/broken::failed")
    assert "the handler raised KeyError: 'large'" in at_fault
    assert re.match(r"::warning title=[\w-]+/lost::error", not_told)


def test_the_summary_has_every_repository_what_is_wrong_first():
    text = run_summary(of_run(good(), bad(), unreported("lost", "error")), NOW)
    heading, _, *table = text.splitlines()
    assert heading.endswith("1 of 3 successful")
    rows = [line for line in table if line.startswith("| ") and "---" not in line][1:]
    assert [row.split(" | ")[0] for row in rows] == ["| ❌", "| ⚠️", "| ✅"]
    assert "/broken" in rows[0]
    assert "KeyError" in rows[0]
    assert text.endswith("\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_repository_wrote_is_text(name: str):
    plain = bad()
    hostile = type(plain)(
        validation=type(plain.validation)(**{**vars(plain.validation), "summary": HOSTILE[name]}), report=plain.report
    )
    [line] = run_annotations(of_run(hostile), NOW)
    assert "\n" not in line
    assert "\r" not in line
    assert "\x1b" not in line
    row = run_summary(of_run(hostile), NOW).splitlines()[4]
    cells = re.split(r"(?<!\\)\|", row)
    assert len(cells) == 7, "a text can't make a cell"
    assert not re.search(r"(?<!\\)[<`\[@#]", cells[5])
