"""What the real plans of dev and prod cost idle, and that a NAT gateway is too much."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from janitor.infrastructure.idle_cost import IdleCost, idle_cost
from tests.support.localcloud_server import LocalCloudServer
from tests.support.terraform import ROOT, a_cloud, copied_module, planned, require_terraform, terraform_on

pytestmark = pytest.mark.timeout(1800)
TABLE = yaml.safe_load((ROOT / "infra" / "idle-prices.yaml").read_text(encoding="utf-8"))
DEPLOY = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
NAT = """
resource "aws_eip" "nat" {
  for_each = aws_subnet.public
}

resource "aws_nat_gateway" "out" {
  for_each = aws_subnet.public

  subnet_id     = each.value.id
  allocation_id = aws_eip.nat[each.key].id
}
"""


def test_dev_and_prod_are_within_and_a_nat_gateway_is_not(tmp_path: Path) -> None:
    require_terraform()
    with a_cloud(tmp_path) as server:
        module = copied_module(tmp_path)
        terraform = terraform_on(module, server)
        costs = {name: _cost(planned(terraform, f"{name}.tfvars")) for name in ("dev", "prod")}
        assert all(cost.is_within for cost in costs.values()), costs
        assert 0.3 < costs["dev"].usd_per_day < costs["prod"].usd_per_day
        assert any(line.name.startswith("aws_db_instance") for line in costs["prod"].lines)
        for name, cost in costs.items():  # what the docs promise
            assert f"| **{name}** | **{cost.usd_per_day:.3f}** |" in DEPLOY
        (module / "nat.tf").write_text(NAT)
        plan = planned(terraform, "prod.tfvars")
        with_nat = _cost(plan)
        assert not with_nat.is_within
        assert _zones(plan) >= 3
        _assert_empty(server)


def _cost(plan: str) -> IdleCost:
    return idle_cost(plan, TABLE)


def _zones(plan: str) -> int:
    resources = json.loads(plan)["planned_values"]["root_module"]["resources"]
    return sum(one["type"] == "aws_nat_gateway" for one in resources)


def _assert_empty(server: LocalCloudServer) -> None:
    """A plan makes nothing."""
    assert server.client("ec2").describe_launch_templates()["LaunchTemplates"] == []
    assert server.client("iam").list_roles()["Roles"] == []
