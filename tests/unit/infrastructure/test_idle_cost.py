"""What a plan costs idle: each price by hand, and every way in which a price is unknown is a failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from janitor.cli.main import main
from janitor.cli.render.infrastructure.idle_cost import idle_cost_text
from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.idle_cost import idle_cost

ROOT = Path(__file__).resolve().parents[3]
TABLE = yaml.safe_load((ROOT / "infra" / "idle-prices.yaml").read_text(encoding="utf-8"))
NOTHING_BESIDE = {**TABLE, "beside_the_plan": []}


def resource(kind: str, name: str = "one", **values: Any) -> dict[str, Any]:
    return {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name, "values": values}


def volume(gib: int, kind: str = "gp3", **values: Any) -> dict[str, Any]:
    return {"volume_type": kind, "volume_size": gib, "encrypted": True, **values}


def database(**values: Any) -> dict[str, Any]:
    return resource("aws_db_instance", instance_class="db.t4g.micro", allocated_storage=20, **values)


def controller(**values: Any) -> dict[str, Any]:
    return resource("aws_instance", instance_type="t3.medium", **values)


def plan_of(*resources: Mapping[str, Any], region: str = "us-east-1", **modules: Any) -> str:
    root = {"resources": list(resources), **modules}
    return json.dumps({"planned_values": {"root_module": root}, "variables": {"region": {"value": region}}})


@pytest.mark.parametrize(
    ("standing", "usd_per_day"),
    [
        (resource("aws_ebs_volume", type="gp3", size=50), "0.1333"),
        (resource("aws_nat_gateway"), "1.08"),
        (resource("aws_eip"), "0.12"),
        (resource("aws_vpc_endpoint", vpc_endpoint_type="Gateway"), "0"),
        (resource("aws_vpc_endpoint", vpc_endpoint_type="Interface", subnet_ids=["a", "b", "c"]), "0.72"),
        (resource("aws_cloudwatch_dashboard"), "0.1"),
        (resource("aws_db_instance", instance_class="db.t4g.micro", allocated_storage=20, multi_az=False), "0.4607"),
        (resource("aws_db_instance", instance_class="db.t4g.micro", allocated_storage=20, multi_az=True), "0.9213"),
        (resource("aws_vpc"), "0"),
        (resource("aws_ebs_volume", type="gp3", size=50, iops=3000, throughput=125), "0.1333"),
        # 13,000 IOPS for $0.005 and 875 MiB/s for $0.04 a month, beside 50 GiB.
        (resource("aws_ebs_volume", type="gp3", size=50, iops=16000, throughput=1000), "3.4667"),
        # t3.medium and its address all day, and a root volume: 30 GiB assumed, 100 GiB given, another beside it.
        (resource("aws_instance", instance_type="t3.medium"), "1.1984"),
        (resource("aws_instance", instance_type="t3.medium", root_block_device=[volume(100)]), "1.3851"),
        (
            resource(
                "aws_instance",
                instance_type="t3.medium",
                root_block_device=[volume(30, iops=6000)],
                ebs_block_device=[volume(100)],
            ),
            "1.9651",
        ),
        (resource("aws_kms_key", enable_key_rotation=True), "0.1"),
        (resource("aws_kms_key", enable_key_rotation=False), "0.0333"),
    ],
)
def test_what_one_resource_costs(standing: Mapping[str, Any], usd_per_day: str) -> None:
    assert idle_cost(plan_of(standing), NOTHING_BESIDE).usd_per_day.quantize(Decimal("0.0001")) == Decimal(usd_per_day)


def test_modules_count_and_data_sources_do_not() -> None:
    inner = {"resources": [resource("aws_nat_gateway")], "child_modules": [{"resources": [resource("aws_eip")]}]}
    seen = {**resource("aws_nat_gateway", "seen"), "mode": "data"}
    cost = idle_cost(plan_of(seen, child_modules=[inner]), NOTHING_BESIDE)
    assert cost.usd_per_day == Decimal("1.20")


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (resource("aws_msk_cluster", "events"), "aws_msk_cluster.events: no price for aws_msk_cluster"),
        (resource("aws_ebs_volume", type="io2", size=50), "no price for type=io2"),
        (resource("aws_ebs_volume", type="gp3"), "the plan doesn't say its size"),
        (resource("aws_ebs_volume", type="gp3", size=True), "the plan doesn't say its size"),
        (resource("aws_ebs_volume", type="gp3", size="many"), "'many' is no number"),
        (resource("aws_instance", instance_type="p5.48xlarge"), "no price for instance_type=p5.48xlarge"),
        (database(storage_type="io1"), "no price for storage_type=io1"),
        (database(storage_type="gp3", iops=12000), "no price for iops=12000"),
        (database(storage_throughput=500), "no price for storage_throughput=500"),
        (database(engine="oracle-ee"), "no price for engine=oracle-ee"),
        (database(engine="postgres", engine_version="12.9"), "no price for engine_version=12.9"),
        (database(max_allocated_storage=1000), "no price for max_allocated_storage=1000"),
        (database(publicly_accessible=True), "no price for publicly_accessible=True"),
        (database(backup_retention_period=35), "no price for backup_retention_period=35"),
        (
            controller(root_block_device=[volume(2000, "io2", iops=9000)]),
            "root_block_device: no price for volume_type=io2",
        ),
        (controller(root_block_device=[volume(8, outpost="x")]), "root_block_device: no price for outpost=x"),
        (
            controller(root_block_device=[{"volume_type": "gp3"}]),
            "root_block_device: the plan doesn't say its volume_size",
        ),
        (controller(tenancy="dedicated"), "no price for tenancy=dedicated"),
        (controller(monitoring=True), "no price for monitoring=True"),
        (controller(launch_template=[{"id": "lt-1"}]), "no price for launch_template="),
        (
            resource("aws_ebs_volume", type="gp3", size=9, volume_initialization_rate=300),
            "volume_initialization_rate=300",
        ),
        (resource("aws_lambda_function", memory_size=3008), "no price for memory_size=3008"),
        (
            resource("aws_lambda_function", ephemeral_storage=[{"size": 10240}]),
            "ephemeral_storage: no price for size=10240",
        ),
        (resource("aws_cloudwatch_metric_alarm", period=10), "no price for period=10"),
        (resource("aws_cloudwatch_metric_alarm", metric_query=[{"id": "a"}]), "no price for metric_query="),
        (resource("aws_vpc", instance_tenancy="dedicated"), "no price for instance_tenancy=dedicated"),
        (resource("aws_sns_topic_subscription", protocol="sms"), "no price for protocol=sms"),
    ],
)
def test_what_can_not_be_priced_is_a_failure(standing: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InfrastructureError, match=words.replace("(", r"\(")):
        idle_cost(plan_of(resource("aws_vpc"), standing), TABLE)


def test_all_that_can_not_be_priced_is_named_at_once() -> None:
    with pytest.raises(InfrastructureError, match=r"(?s)aws_msk_cluster\.one.*aws_redshift_cluster\.one"):
        idle_cost(plan_of(resource("aws_msk_cluster"), resource("aws_redshift_cluster")), TABLE)


def test_every_attribute_that_can_not_be_priced_is_named() -> None:
    with pytest.raises(InfrastructureError, match=r"(?s)engine=mysql.*iops=9000"):
        idle_cost(plan_of(database(engine="mysql", iops=9000)), TABLE)


def test_another_region_has_no_prices() -> None:
    with pytest.raises(InfrastructureError, match="the plan is for eu-west-1"):
        idle_cost(plan_of(region="eu-west-1"), TABLE)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"planned_values": {}}', '{"planned_values": {"root_module": []}}'])
def test_what_is_no_plan_is_said(text: str) -> None:
    with pytest.raises(InfrastructureError, match="no plan of Terraform"):
        idle_cost(text, TABLE)


def test_the_limit_is_two_dollars_and_included() -> None:
    assert TABLE["most_usd_per_day"] == 2.0
    at_limit = {**NOTHING_BESIDE, "most_usd_per_day": "1.08"}
    assert idle_cost(plan_of(resource("aws_nat_gateway")), at_limit).is_within
    above = {**NOTHING_BESIDE, "most_usd_per_day": "1.0799"}
    assert not idle_cost(plan_of(resource("aws_nat_gateway")), above).is_within


def test_what_stands_beside_the_plan_counts() -> None:
    beside = idle_cost(plan_of(), TABLE)
    assert {line.name for line in beside.lines} >= {"two AMIs with their snapshots", "metrics of runs"}
    assert beside.usd_per_day == sum(line.usd_per_day for line in beside.lines) > Decimal("0.2")


def test_the_command_fails_above_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(plan_of(resource("aws_ebs_volume", type="gp3", size=50)))
    assert main(["idle-cost", "--env", "dev", "--plan-json", str(plan)]) == 0
    assert "a day, within $2.00" in capsys.readouterr().out
    plan.write_text(plan_of(resource("aws_nat_gateway", "a"), resource("aws_nat_gateway", "b")))
    assert main(["idle-cost", "--env", "dev", "--plan-json", str(plan)]) == 1
    assert "MORE THAN $2.00" in capsys.readouterr().out
    plan.write_text(plan_of(resource("aws_msk_cluster")))
    assert main(["idle-cost", "--env", "dev", "--plan-json", str(plan)]) == 3
    assert "aws_msk_cluster" in capsys.readouterr().err


def test_the_most_expensive_comes_first() -> None:
    cost = idle_cost(plan_of(resource("aws_eip"), resource("aws_nat_gateway"), resource("aws_vpc")), NOTHING_BESIDE)
    lines = idle_cost_text(cost).splitlines()
    assert lines[1].split()[:2] == ["1.080", "aws_nat_gateway.one"]
    assert lines[-1] == "Idle cost: $1.20 a day, within $2.00"
    assert "1 resources cost nothing" in lines[-2]


def test_every_type_that_the_module_has_is_in_the_table() -> None:
    import re

    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "infra" / "terraform").glob("*.tf"))
    types = set(re.findall(r'^resource "(\w+)"', text, flags=re.MULTILINE))
    assert types
    assert types <= TABLE["resources"].keys()
