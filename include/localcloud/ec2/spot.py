"""The spot market: prices that stay the same, and what a launch on it has to respect.

An instance on it is a one-time request that ends with the instance; an interruption is made to happen through
`/_localcloud/interrupt` or the fault `spot-interruption`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance
from moto.ec2.responses.spot_instances import SpotInstances

from localcloud.ec2.instances import SPOT
from localcloud.moto_pin import replace_attribute

ON_DEMAND_USD_PER_HOUR = {
    "g4dn.xlarge": 0.526,
    "g4dn.2xlarge": 0.752,
    "g4dn.4xlarge": 1.204,
    "g4dn.8xlarge": 2.176,
    "g4dn.12xlarge": 3.912,
    "g4dn.16xlarge": 4.352,
    "g5.xlarge": 1.006,
    "g5.2xlarge": 1.212,
    "g5.4xlarge": 1.624,
    "g5.8xlarge": 2.448,
    "g5.12xlarge": 5.672,
    "g5.16xlarge": 4.096,
    "g5.24xlarge": 8.144,
    "g5.48xlarge": 16.288,
    "g6.xlarge": 0.8048,
    "g6.2xlarge": 0.9776,
    "g6.4xlarge": 1.3232,
    "g6.8xlarge": 2.0144,
    "g6.12xlarge": 4.6016,
    "g6.16xlarge": 3.3968,
    "g6.24xlarge": 6.6752,
    "g6.48xlarge": 13.3504,
    "g6e.xlarge": 1.861,
    "g6e.2xlarge": 2.24208,
    "g6e.4xlarge": 3.00424,
    "g6e.8xlarge": 4.52856,
    "g6e.12xlarge": 10.49264,
    "g6e.16xlarge": 7.57719,
    "g6e.24xlarge": 15.06559,
    "g6e.48xlarge": 30.13118,
}
"""us-east-1, Linux. Source: EC2 price list; spot prices here are made up from it."""
LOWEST_PERCENT, HIGHEST_PERCENT = 35, 60
PRODUCT = "Linux/UNIX"
VPC_PRODUCT = "Linux/UNIX (Amazon VPC)"
"""The same product, as accounts of before 2013 call it; both may be asked for."""


def spot_price(instance_type: str, zone: str) -> float | None:
    """The spot price in dollars an hour, always the same for a type and zone; None where none is known."""
    price = ON_DEMAND_USD_PER_HOUR.get(instance_type)
    if price is None:
        return None
    digest = hashlib.sha256(f"{instance_type}/{zone}".encode()).digest()
    percent = LOWEST_PERCENT + digest[0] % (HIGHEST_PERCENT - LOWEST_PERCENT + 1)
    return round(price * percent / 100, 4)


def check_market(options: Mapping[str, Any], instance_type: str, zone: str) -> str | None:
    """What InstanceMarketOptions ask for: `spot` or None. Raises EC2ClientError for what can't be."""
    market = options.get("MarketType")
    if not market:
        return None
    if market != SPOT:
        raise EC2ClientError("InvalidParameterValue", f"The local cloud has no market type '{market}'")
    wishes = options.get("SpotOptions") or {}
    if wishes.get("SpotInstanceType", "one-time") != "one-time":
        raise EC2ClientError("Unsupported", "The local cloud has one-time Spot requests only")
    if wishes.get("InstanceInterruptionBehavior", "terminate") != "terminate":
        raise EC2ClientError(
            "InvalidParameterValue",
            "Instance interruption behavior stop and hibernate are not supported for one-time Spot requests",
        )
    if wishes.get("MaxPrice"):
        _check_price(str(wishes["MaxPrice"]), spot_price(instance_type, zone))
    return SPOT


def _check_price(offer: str, price: float | None) -> None:
    try:
        offered = float(offer)
    except ValueError as exc:
        raise EC2ClientError("InvalidParameterValue", f"'{offer}' is not a valid Spot price") from exc
    if price is not None and offered < price:
        raise EC2ClientError(
            "SpotMaxPriceTooLow",
            f"Your Spot request price of {offer} is lower than the minimum required Spot request fulfillment price "
            f"of {price}.",
        )


def mark_spot(instance: Instance) -> None:
    """Give a new instance the marks of the spot market."""
    instance.lifecycle = SPOT
    instance.spot_instance_request_id = f"sir-{secrets.token_hex(4)}"


def install() -> None:
    """Patch moto's DescribeSpotPriceHistory."""

    def describe_spot_price_history(self: SpotInstances) -> ActionResult:
        filters = dict(self._filters_from_querystring() or {})
        zones = filters.pop("availability-zone", None) or [
            zone.name for zone in self.ec2_backend.describe_availability_zones()
        ]
        asked_zone = self._get_param("AvailabilityZone")
        types = self._get_param("InstanceTypes", []) or filters.pop("instance-type", None)
        products = self._get_param("ProductDescriptions", []) or filters.pop("product-description", None)
        filters.pop("instance-type", None)
        filters.pop("product-description", None)
        if filters:
            raise EC2ClientError("InvalidParameterValue", f"The filter '{next(iter(filters))}' is invalid")
        history = [
            {
                "InstanceType": instance_type,
                "ProductDescription": PRODUCT,
                "SpotPrice": f"{spot_price(instance_type, zone):.6f}",
                "AvailabilityZone": zone,
                "Timestamp": utcnow().replace(minute=0, second=0, microsecond=0),
            }
            for instance_type in ON_DEMAND_USD_PER_HOUR
            for zone in zones
            if (not types or instance_type in types)
            and asked_zone in (None, zone)
            and (not products or {PRODUCT, VPC_PRODUCT} & set(products))
        ]
        return ActionResult({"SpotPriceHistory": history, "NextToken": ""})

    replace_attribute(SpotInstances, "describe_spot_price_history", describe_spot_price_history)
