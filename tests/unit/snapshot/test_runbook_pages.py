"""The runbook says of each alert which page tells more, and each page that it names is there."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from janitor.domain.snapshot.alerts import AlertCode

RUNBOOK = (Path(__file__).resolve().parents[3] / "runbook.md").read_text(encoding="utf-8")
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


def test_every_page_that_is_named_is_there() -> None:
    views = set(re.findall(r"(\w+): \[(?:null|\")", SCRIPT))
    named = set(re.findall(r"`v=(\w+)", RUNBOOK))
    assert named == {"today", "fleet", "repo", "live", "cost"}
    assert named <= views
