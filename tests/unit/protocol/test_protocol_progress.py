"""The lines that say how far a validator is: what is written is read, and nothing else is taken for it."""

from __future__ import annotations

import io

import pytest

from janitor.guest.journal import Journal
from janitor.guest.redaction import Redactor
from janitor.protocol.progress import MARK, CheckProgress, read_progress
from janitor.protocol.terms.statuses import CheckName, CheckStatus
from janitor.validator.pipeline.steps import Phase


@pytest.mark.parametrize("status", [None, *CheckStatus])
@pytest.mark.parametrize("phase", list(Phase))
def test_what_the_journal_writes_is_read(status: CheckStatus | None, phase: Phase) -> None:
    for name in CheckName:
        progress = CheckProgress(check=name.value, phase=phase.value, status=status)
        stream = io.StringIO()
        Journal(Redactor(()), stream).say(f"{progress}, not required (0.1 s): code: a reason [static]")
        assert MARK in stream.getvalue()
        assert read_progress(stream.getvalue()) == progress


@pytest.mark.parametrize(
    "line",
    [
        "",
        "12:03:11 validating o/n; 300 s until the deadline",
        "12:03:11   | check build started [build]",  # a repository's own output
        "12:03:11   note: check build started [build]",
        "check build started [build]",
        "12:03:11 check build started",  # an older validator
        "12:03:11 check build … maybe [build] (0.1 s)",
        "12:03:11 check Build started [build]",
        "12:03:11 the check build started [build]",
        "12:03:11 check  started [build]",
    ],
)
def test_anything_else_says_nothing(line: str) -> None:
    assert read_progress(line) is None
