"""What RunInstances checks of a dry run: EC2 looks up everything that the request names before it decides about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.ec2.exceptions import EC2ClientError, InvalidInstanceTypeError, InvalidSecurityGroupNotFoundError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.responses.instances import InstanceResponse


def check_names(response: InstanceResponse, template: Mapping[str, Any]) -> None:
    """Raise EC2's error for a type, subnet or security group that isn't there.

    Args:
        response: The request.
        template: The data of its launch template; empty: it has none.
    """
    backend = response.ec2_backend
    instance_type = response._get_param("InstanceType") or template.get("InstanceType") or ""
    if instance_type and instance_type not in INSTANCE_TYPES:
        raise InvalidInstanceTypeError(instance_type)
    subnet_id = response._get_param("SubnetId")
    subnet = backend.get_subnet(subnet_id) if subnet_id else None
    for group_id in response._get_param("SecurityGroupIds") or template.get("SecurityGroupIds") or []:
        group = backend.get_security_group_from_id(group_id)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(group_id)
        if subnet is not None and group.vpc_id != subnet.vpc_id:
            raise EC2ClientError(
                "InvalidParameter", f"Security group {group_id} and subnet {subnet_id} belong to different networks."
            )
