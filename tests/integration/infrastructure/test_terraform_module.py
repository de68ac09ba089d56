"""The module by itself: its own tests pass, and each fault that they are for is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from janitor.domain.errors import InfrastructureError
from tests.support.terraform import LIMIT, ROOT, copied_module, require_terraform, terraform_on

pytestmark = pytest.mark.timeout(1800)
OPEN_PORT = """
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
"""
FAULTS = {
    "template.tf": (
        ('  instance_initiated_shutdown_behavior = "terminate"', '  instance_initiated_shutdown_behavior = "stop"'),
        ("http_put_response_hop_limit = 1", "http_put_response_hop_limit = 2"),
        (
            "  vpc_security_group_ids               = [aws_security_group.instances.id]",
            '  user_data = "IyEvYmluL3NoCg=="\n  network_interfaces {\n    associate_public_ip_address = true\n  }',
        ),
    ),
    "killers.tf": (('"breaching", calls_reaper', '"notBreaching", calls_reaper'),),
    "observability.tf": (('format("user:janitor:deployment$%s", var.deployment)', '"user:janitor:deployment"'),),
    "network.tf": (("  ingress     = [] # a rule that somebody adds by hand is taken away again", OPEN_PORT),),
}
NOTICED = (
    "which goes on costing its volume",
    "a container could take on the instance's role",
    "can't stand beside network interfaces",
    "overrides the template's",
    "nobody notices a reaper that does not run",
    "an instance can be reached from outside",
    "the budget counts nothing",
)


def test_format_validity_and_the_modules_own_tests() -> None:
    require_terraform()
    checked = subprocess.run(
        [sys.executable, str(ROOT / "infra" / "scripts" / "check_terraform.py")],
        env={**_environment(), "JANITOR_CHECK_STRICT": "1"},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "7 passed, 0 failed" in checked.stdout


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT / "include")}


def test_each_planted_fault_is_noticed(tmp_path: Path) -> None:
    module = copied_module(tmp_path)
    for name, faults in FAULTS.items():
        text = (module / name).read_text()
        for right, wrong in faults:
            assert right in text, f"{name} has no {right!r} any more"
            text = text.replace(right, wrong)
        (module / name).write_text(text)
    with pytest.raises(InfrastructureError) as failed:
        terraform_on(module).run("test", limit=LIMIT, shown=False)
    words = " ".join(str(failed.value).replace("│", " ").split())
    assert [one for one in NOTICED if one not in words] == []
