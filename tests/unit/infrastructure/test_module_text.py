"""What the module's text and the product have in common: no Terraform is needed to compare them."""

from __future__ import annotations

import re
from pathlib import Path

from janitor.cloud.metrics import NAMESPACE
from janitor.domain.identity import NOTICE_PREFIX
from janitor.domain.states import PlacementResult, ValidationStatus
from janitor.stack.provision.function_package import REAPER_HANDLER, REAPER_RUNTIME

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "infra" / "terraform"
RUNBOOK = (ROOT / "runbook.md").read_text(encoding="utf-8")
DEPLOY = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def listed(name: str) -> set[str]:
    found = re.search(rf"^\s+{name}\s+= \[(.*?)\]", text("dashboard.tf"), flags=re.MULTILINE)
    assert found is not None
    return set(re.findall(r'"(\w+)"', found[1]))


def test_the_dashboard_draws_every_verdict_and_result() -> None:
    assert listed("verdicts") == {status.value for status in ValidationStatus if status.is_final}
    assert listed("launches") == {result.value for result in PlacementResult} - {PlacementResult.PENDING.value}
    assert f'["{NAMESPACE}", "Verdicts"' in text("dashboard.tf")


def test_the_function_is_the_one_that_is_packed() -> None:
    assert f'handler          = "{REAPER_HANDLER}"' in text("killers.tf")
    assert f'runtime          = "{REAPER_RUNTIME}"' in text("killers.tf")
    assert f'notice_prefix   = "{NOTICE_PREFIX}"' in text("versions.tf")


def test_every_alarm_has_its_runbook_entry() -> None:
    """Whoever is woken by its name finds the entry: by the alarm's own text, by docs/deploy.md and by a search."""
    whole = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.tf"))
    assert whole.count('resource "aws_cloudwatch_metric_alarm"') == 1, "an alarm beside local.alarms"
    alarms = dict(
        re.findall(r'^    ([a-z-]+)\s+= \{\n\s+text\s+= "[^"]+"\n\s+runbook\s+= "([^"]+)"', whole, flags=re.MULTILINE)
    )
    assert len(alarms) == len(re.findall(r"^\s+missing\s+= ", whole, flags=re.MULTILINE)) == 6
    rows = dict(re.findall(r"^\| `…-reaper-([a-z-]+)` \|.*\| \"([^\"]+)\" \|$", DEPLOY, flags=re.MULTILINE))
    assert rows == alarms
    for name, title in alarms.items():
        entry = RUNBOOK.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        symptom = entry.partition("- **Severity**")[0]
        assert f"-{name}`" in symptom, f"the runbook's entry {title!r} doesn't name the alarm {name}"
        assert all(f"- **{part}**" in entry for part in ("Severity", "Query", "Action", "False positives")), title


def test_no_gateway_that_costs_and_no_secret_stand_in_the_module() -> None:
    whole = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.tf"))
    assert "aws_nat_gateway" not in whole
    assert 'vpc_endpoint_type = "Interface"' not in whole
    assert not re.search(r"^\s+(master_)?password\s+=", whole, flags=re.MULTILINE)
    assert set(re.findall(r'\bsource\s+= "([a-z]+/[a-z]+)"', whole)) == {"hashicorp/aws"}
