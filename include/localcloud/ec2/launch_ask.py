"""What a RunInstances request asks for, read for the faults that are narrowed by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from moto.ec2.models import ec2_backends

from localcloud.faults.rules import LaunchAsk
from localcloud.settings import ACCOUNT_ID

BODY_LIMIT_BYTES = 1 << 20


def read_launch(environ: dict[str, Any], region: str) -> LaunchAsk:
    """Read the request's form and its launch template; the request's own wins. Leaves the body as it was."""
    stream = environ["wsgi.input"]
    form = parse_qs(stream.read(BODY_LIMIT_BYTES).decode(errors="replace"))
    stream.seek(0)
    own = {name: values[0] for name, values in form.items()}
    template = _template(own, region)
    network = (template.get("NetworkInterfaces") or [{}])[0]
    subnet = own.get("SubnetId") or own.get("NetworkInterface.1.SubnetId") or network.get("SubnetId") or ""
    market = own.get("InstanceMarketOptions.MarketType") or (template.get("InstanceMarketOptions") or {}).get(
        "MarketType"
    )
    zone = own.get("Placement.AvailabilityZone") or (template.get("Placement") or {}).get("AvailabilityZone")
    return LaunchAsk(
        instance_type=own.get("InstanceType") or template.get("InstanceType") or "",
        market=market or "on-demand",
        availability_zone=zone or _zone_of(subnet, region),
        subnet=subnet,
        tags={**_template_tags(template), **_form_tags(own)},
    )


def _template(own: Mapping[str, str], region: str) -> dict[str, Any]:
    argument = {
        key: own[f"LaunchTemplate.{key}"]
        for key in ("LaunchTemplateId", "LaunchTemplateName", "Version")
        if f"LaunchTemplate.{key}" in own
    }
    if not argument:
        return {}
    try:
        data: dict[str, Any] = ec2_backends[ACCOUNT_ID][region]._get_template_from_args(argument).data
    except Exception:  # there is no such template: RunInstances itself will say so
        return {}
    return data


def _zone_of(subnet: str, region: str) -> str:
    if not subnet:
        return ""
    zones = ec2_backends[ACCOUNT_ID][region].subnets
    return next((zone for zone, subnets in zones.items() if subnet in subnets), "")


def _form_tags(own: Mapping[str, str]) -> dict[str, str]:
    tags = {}
    for name, value in own.items():
        specification, _, number = name.partition(".Tag.")
        if number.endswith(".Key") and own.get(f"{specification}.ResourceType") == "instance":
            tags[value] = own.get(f"{name[: -len('.Key')]}.Value", "")
    return tags


def _template_tags(template: Mapping[str, Any]) -> dict[str, str]:
    return {
        tag["Key"]: tag.get("Value", "")
        for specification in template.get("TagSpecifications") or []
        if specification.get("ResourceType") == "instance"
        for tag in specification.get("Tags") or specification.get("Tag") or []
    }
