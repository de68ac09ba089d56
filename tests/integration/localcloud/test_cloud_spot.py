"""The spot market: what a launch on it asks for, how it is described, and what it costs."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import IMAGE_ID, Cloud, error_code, unique

SPOT = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}


def by_lifecycle(cloud: Cloud, instance_id: str) -> list[str]:
    spot = [{"Name": "instance-lifecycle", "Values": ["spot"]}, {"Name": "instance-id", "Values": [instance_id]}]
    found = cloud.ec2.describe_instances(Filters=spot)["Reservations"]
    return [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]]


def test_spot_instance_is_described_as_one(cloud: Cloud) -> None:
    spot, on_demand = cloud.launch(InstanceMarketOptions=SPOT), cloud.launch()
    described = cloud.describe(spot)
    assert described["InstanceLifecycle"] == "spot"
    assert described["SpotInstanceRequestId"].startswith("sir-")
    assert "InstanceLifecycle" not in cloud.describe(on_demand)
    assert "SpotInstanceRequestId" not in cloud.describe(on_demand)
    assert by_lifecycle(cloud, spot) == [spot]
    assert by_lifecycle(cloud, on_demand) == []


def test_launch_template_asks_for_spot(cloud: Cloud) -> None:
    name = unique("template")
    cloud.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": IMAGE_ID, "InstanceType": "g6.xlarge", "InstanceMarketOptions": SPOT},
    )
    spot = cloud.launch(LaunchTemplate={"LaunchTemplateName": name})
    assert cloud.describe(spot)["SpotInstanceRequestId"].startswith("sir-")


def test_one_time_spot_instance_cannot_be_stopped(cloud: Cloud) -> None:
    spot = cloud.launch(InstanceMarketOptions=SPOT)
    cloud.wait_state(spot, "running")
    with pytest.raises(ClientError) as info:
        cloud.ec2.stop_instances(InstanceIds=[spot])
    assert error_code(info) == "UnsupportedOperation"


@pytest.mark.local_only
def test_offer_below_the_price_is_refused(cloud: Cloud) -> None:
    def offer(price: str) -> dict:
        return {"MarketType": "spot", "SpotOptions": {"MaxPrice": price}}

    with pytest.raises(ClientError) as info:
        cloud.launch(InstanceMarketOptions=offer("0.001"))
    assert error_code(info) == "SpotMaxPriceTooLow"
    cloud.launch(InstanceMarketOptions=offer("1.006"))
    with pytest.raises(ClientError) as info:
        cloud.launch(InstanceMarketOptions={**SPOT, "SpotOptions": {"SpotInstanceType": "persistent"}})
    assert error_code(info) == "Unsupported"


@pytest.mark.local_only
def test_prices_are_plausible_and_fixed(cloud: Cloud) -> None:
    def prices(**arguments: object) -> dict[tuple[str, str], float]:
        history = cloud.ec2.describe_spot_price_history(**arguments)["SpotPriceHistory"]
        return {(entry["InstanceType"], entry["AvailabilityZone"]): float(entry["SpotPrice"]) for entry in history}

    asked = {"InstanceTypes": ["g5.xlarge", "g6.xlarge"], "ProductDescriptions": ["Linux/UNIX"]}
    found = prices(**asked)
    assert found == prices(**asked)
    assert {kind for kind, _ in found} == {"g5.xlarge", "g6.xlarge"}
    assert len({zone for _, zone in found}) > 1
    assert all(0.35 * 1.006 <= price <= 0.6 * 1.006 for (kind, _), price in found.items() if kind == "g5.xlarge")
    assert set(prices(**asked, AvailabilityZone="us-east-1a")) == {(k, z) for k, z in found if z == "us-east-1a"}
    by_filter = [
        {"Name": "availability-zone", "Values": ["us-east-1b"]},
        {"Name": "instance-type", "Values": ["g5.xlarge"]},
    ]
    assert set(prices(Filters=by_filter)) == {("g5.xlarge", "us-east-1b")}
