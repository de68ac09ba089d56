"""The runbook says of each alert which page tells more, and each page that it names is there."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from importlib import resources
from pathlib import Path

from janitor.domain.badge import STALE_AFTER, badge_of
from janitor.domain.snapshot.alerts import AlertCode
from janitor.services.badges import WITHIN

RUNBOOK = (Path(__file__).resolve().parents[3] / "runbook.md").read_text(encoding="utf-8")
NOW = datetime(2026, 5, 4, 7, 30, tzinfo=timezone.utc)
LOGGED = "badges wait for the next pass"
SCRIPT = (resources.files("janitor.web") / "static" / "main.js").read_text(encoding="utf-8")


def test_every_alert_has_its_page() -> None:
    titles = set(re.findall(r'\["(\w+)", \w+\]', SCRIPT)) | set(re.findall(r"^  (\w+): framed", SCRIPT, re.MULTILINE))
    assert {"Today", "Fleet", "Live", "Cost", "Repositories"} <= titles
    rows = [line for line in RUNBOOK.splitlines() if line.startswith("| `") and "](#" in line]
    assert {code for line in rows for code in re.findall(r"`(\w+)`", line.split("|")[1])} == {
        each.value for each in AlertCode
    }
    for line in rows:
        page = line.split("|")[4]
        named = re.search(r"\*(\w+)\*", page)
        if named is None:
            assert "none: `make" in page, line
        else:
            assert named[1] in titles, line


def test_badges_have_their_entry_with_its_page() -> None:
    """Nothing raises an alert for them: whoever sees an old one looks here."""
    (row,) = [line for line in RUNBOOK.splitlines() if line.startswith("| a badge")]
    assert "`v=repo" in row
    entry = RUNBOOK.partition("\n## Badge stale or missing\n")[2].partition("\n## ")[0]
    assert LOGGED in entry
    for part in ("Symptom", "Severity", "Query", "Action", "False positives"):
        assert f"- **{part}**: " in entry
    assert "unknown" in badge_of(None, since=None, last=None, flaky=False, wanted=True, now=NOW).message
    assert f"for {int(WITHIN.total_seconds())} seconds" in entry
    assert "older than three days" in entry
    assert timedelta(days=3) == STALE_AFTER


def test_every_page_that_is_named_is_there() -> None:
    views = set(re.findall(r"(\w+): \[(?:null|\")", SCRIPT))
    named = set(re.findall(r"`v=(\w+)", RUNBOOK))
    assert named == {"today", "fleet", "repo", "live", "cost"}
    assert named <= views
