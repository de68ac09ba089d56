"""What AWS's codes for a refused RunInstances mean: one row for each, with what a person can do.

Source: EC2 API, "Error codes for the Amazon EC2 API", and "Common errors"; EC2 user guide, "Troubleshoot instance
launch issues" and "Spot request status codes".
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from janitor.domain.states import PlacementResult


class LaunchVerdict(str, Enum):
    """What may be done after a failed launch call; `told` says it to people."""

    told: str

    def __new__(cls, value: str, told: str) -> LaunchVerdict:
        """A member with its words."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.told = told
        return member

    SAME_ATTEMPT = "same_attempt", "asks again with the same token, as there may be an instance"
    SAME_CANDIDATE = "same_candidate", "asks for the same again, ever later"
    NEXT_CANDIDATE = "next_candidate", "tries the next zone, instance type or market, three rounds of them"
    STOP = "stop", "stops: AWS says no until somebody changes something"


VERDICTS = {
    PlacementResult.CAPACITY: LaunchVerdict.NEXT_CANDIDATE,
    PlacementResult.PRICE: LaunchVerdict.NEXT_CANDIDATE,
    PlacementResult.THROTTLED: LaunchVerdict.SAME_CANDIDATE,
    PlacementResult.QUOTA: LaunchVerdict.STOP,
    PlacementResult.PERMISSION: LaunchVerdict.STOP,
    PlacementResult.CONFIG: LaunchVerdict.STOP,
    PlacementResult.UNKNOWN: LaunchVerdict.SAME_ATTEMPT,
}

QUOTA_ON_DEMAND = 'quota L-DB2E81BA ("Running On-Demand G and VT instances", in vCPUs)'
QUOTA_SPOT = 'quota L-3819A6DF ("All G and VT Spot Instance Requests", in vCPUs)'
MAKE_SPOT_ROLE = "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"


@dataclass(frozen=True)
class LaunchCode:
    """One code: its class, and what a person can do where Janitor has nothing left to do."""

    code: str
    result: PlacementResult
    step: str


_CREDENTIALS = "check the AWS credentials of this process, and its clock"
_POLICY = "check the role's policy"
_ACCOUNT = "the AWS account itself is in the way: ask AWS Support"
_SETTINGS = "check image, subnets and instance types in the settings"
_ELSEWHERE = "add fallback_instance_types, or subnets in more zones to JANITOR_SUBNET_IDS"
_ADDRESSES = "free addresses in the subnet, or add a larger one to JANITOR_SUBNET_IDS"
_PRICE = "set market: spot-then-on-demand, or on-demand"
_FEWER = "or lower max_concurrent_instances"
_SLOWER = "lower max_concurrent_instances if it comes back"
_OUTAGE = "trigger again, and look at the AWS Health Dashboard if it comes back"
_LOOK = "trigger again; an instance that is there is found by its tag"
_IMAGE = "check JANITOR_IMAGE_ID in the settings, or the image that the launch template names, in this region"
_TEMPLATE = "check JANITOR_LAUNCH_TEMPLATE in the settings: the name, the region, and that its version is there"
_SUBNET = "check JANITOR_SUBNET_IDS in the settings: in this region and account, and in the security groups' VPC"
_GROUPS = "check JANITOR_SECURITY_GROUP_IDS in the settings, or the launch template's: in the subnets' VPC"
_DISKS = "check the launch template's block devices: the root's name and size are the image's"
_TAGS = "shorten the repository's name, or the template's own tags"

_R = PlacementResult

LAUNCH_CODES: Sequence[LaunchCode] = (
    LaunchCode("InsufficientInstanceCapacity", _R.CAPACITY, _ELSEWHERE),
    LaunchCode("InsufficientHostCapacity", _R.CAPACITY, _ELSEWHERE),
    LaunchCode("InsufficientReservedInstanceCapacity", _R.CAPACITY, _ELSEWHERE),
    LaunchCode("InsufficientCapacity", _R.CAPACITY, _ELSEWHERE),
    LaunchCode("UnfulfillableCapacity", _R.CAPACITY, _ELSEWHERE),
    LaunchCode("ReservationCapacityExceeded", _R.CAPACITY, _ELSEWHERE),
    LaunchCode("InsufficientVolumeCapacity", _R.CAPACITY, _ELSEWHERE),
    LaunchCode("InsufficientAddressCapacity", _R.CAPACITY, _ELSEWHERE),
    LaunchCode("InsufficientFreeAddressesInSubnet", _R.CAPACITY, _ADDRESSES),
    LaunchCode("Unsupported", _R.CAPACITY, f"the type isn't offered in this zone: {_ELSEWHERE}"),
    LaunchCode("SpotMaxPriceTooLow", _R.PRICE, _PRICE),
    LaunchCode("InvalidSpotMaxPrice", _R.PRICE, _PRICE),
    LaunchCode("VcpuLimitExceeded", _R.QUOTA, f"ask AWS for a higher {QUOTA_ON_DEMAND}, {_FEWER}"),
    LaunchCode("MaxSpotInstanceCountExceeded", _R.QUOTA, f"ask AWS for a higher {QUOTA_SPOT}, {_FEWER}"),
    LaunchCode("InstanceLimitExceeded", _R.QUOTA, f"ask AWS for a higher quota of running instances, {_FEWER}"),
    LaunchCode("VolumeLimitExceeded", _R.QUOTA, f"ask AWS for a higher quota of gp3 storage, {_FEWER}"),
    LaunchCode("MaxIOPSLimitExceeded", _R.QUOTA, f"ask AWS for a higher quota of EBS's IOPS, {_FEWER}"),
    LaunchCode("NetworkInterfaceLimitExceeded", _R.QUOTA, f"ask AWS for a higher quota of interfaces, {_FEWER}"),
    LaunchCode("AddressLimitExceeded", _R.QUOTA, f"ask AWS for a higher quota of addresses, {_FEWER}"),
    LaunchCode("PrivateIpAddressLimitExceeded", _R.QUOTA, f"ask AWS for a higher quota of addresses, {_FEWER}"),
    LaunchCode("ResourceCountExceeded", _R.QUOTA, f"ask AWS for a higher quota, {_FEWER}"),
    LaunchCode("RequestLimitExceeded", _R.THROTTLED, _SLOWER),
    LaunchCode("BandwidthLimitExceeded", _R.THROTTLED, _SLOWER),
    LaunchCode("Throttling", _R.THROTTLED, _SLOWER),
    LaunchCode("ThrottlingException", _R.THROTTLED, _SLOWER),
    LaunchCode("ThrottledException", _R.THROTTLED, _SLOWER),
    LaunchCode("RequestThrottled", _R.THROTTLED, _SLOWER),
    LaunchCode("RequestThrottledException", _R.THROTTLED, _SLOWER),
    LaunchCode("TooManyRequestsException", _R.THROTTLED, _SLOWER),
    LaunchCode("EC2ThrottledException", _R.THROTTLED, _SLOWER),
    LaunchCode("ConcurrentTagAccess", _R.THROTTLED, _SLOWER),
    LaunchCode(
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        _R.PERMISSION,
        f"the account has no role for spot instances yet; make it once as an administrator: `{MAKE_SPOT_ROLE}`",
    ),
    LaunchCode(
        "UnauthorizedOperation",
        _R.PERMISSION,
        f"{_POLICY}; `aws sts decode-authorization-message` on what placement_attempts.aws_message keeps says what",
    ),
    LaunchCode("AuthFailure", _R.PERMISSION, f"{_CREDENTIALS}; the image may be another account's"),
    LaunchCode("AccessDenied", _R.PERMISSION, _POLICY),
    LaunchCode("AccessDeniedException", _R.PERMISSION, _POLICY),
    LaunchCode("OperationNotPermitted", _R.PERMISSION, _POLICY),
    LaunchCode("TagPolicyViolation", _R.PERMISSION, "the organization's tag policy forbids Janitor's tags: allow them"),
    LaunchCode("InvalidClientTokenId", _R.PERMISSION, _CREDENTIALS),
    LaunchCode("UnrecognizedClientException", _R.PERMISSION, _CREDENTIALS),
    LaunchCode("SignatureDoesNotMatch", _R.PERMISSION, _CREDENTIALS),
    LaunchCode("IncompleteSignature", _R.PERMISSION, _CREDENTIALS),
    LaunchCode("MissingAuthenticationToken", _R.PERMISSION, _CREDENTIALS),
    LaunchCode("ExpiredToken", _R.PERMISSION, _CREDENTIALS),
    LaunchCode("ExpiredTokenException", _R.PERMISSION, _CREDENTIALS),
    LaunchCode("RequestExpired", _R.PERMISSION, _CREDENTIALS),
    LaunchCode("OptInRequired", _R.PERMISSION, f"{_ACCOUNT}, or accept the image's terms on AWS Marketplace"),
    LaunchCode("Blocked", _R.PERMISSION, _ACCOUNT),
    LaunchCode("PendingVerification", _R.PERMISSION, f"{_ACCOUNT}; a new one is verified within some hours"),
    LaunchCode("InvalidAMIID.NotFound", _R.CONFIG, _IMAGE),
    LaunchCode("InvalidAMIID.Malformed", _R.CONFIG, _IMAGE),
    LaunchCode("InvalidAMIID.Unavailable", _R.CONFIG, _IMAGE),
    LaunchCode("InvalidSubnetID.NotFound", _R.CONFIG, _SUBNET),
    LaunchCode("InvalidSubnet", _R.CONFIG, _SUBNET),
    LaunchCode("VPCIdNotSpecified", _R.CONFIG, "there is no default VPC: set JANITOR_SUBNET_IDS in the settings"),
    LaunchCode("InvalidGroup.NotFound", _R.CONFIG, _GROUPS),
    LaunchCode("InvalidSecurityGroupID.NotFound", _R.CONFIG, _GROUPS),
    LaunchCode("InvalidLaunchTemplateName.NotFoundException", _R.CONFIG, _TEMPLATE),
    LaunchCode("InvalidLaunchTemplateId.NotFound", _R.CONFIG, _TEMPLATE),
    LaunchCode("InvalidLaunchTemplateId.VersionNotFound", _R.CONFIG, _TEMPLATE),
    LaunchCode("InvalidBlockDeviceMapping", _R.CONFIG, _DISKS),
    LaunchCode("InvalidSnapshot.NotFound", _R.CONFIG, _DISKS),
    LaunchCode("InvalidKeyPair.NotFound", _R.CONFIG, "take the key pair out of the launch template: nobody needs one"),
    LaunchCode("InvalidTagKey.Malformed", _R.CONFIG, _TAGS),
    LaunchCode("TagLimitExceeded", _R.CONFIG, _TAGS),
    LaunchCode(
        "InvalidParameterCombination",
        _R.CONFIG,
        "take network_interfaces out of the launch template: security groups stand beside them, and the subnet comes"
        " from JANITOR_SUBNET_IDS",
    ),
    LaunchCode(
        "InvalidParameterValue",
        _R.CONFIG,
        f"the message names the parameter: {_SETTINGS} (an arm type needs an arm image), and JANITOR_INSTANCE_PROFILE",
    ),
    LaunchCode("InvalidParameter", _R.CONFIG, f"the message names the parameter: {_SETTINGS}"),
    LaunchCode("MissingParameter", _R.CONFIG, f"the message names the parameter: {_SETTINGS}"),
    LaunchCode("InvalidInput", _R.CONFIG, f"the message names the parameter: {_SETTINGS}"),
    LaunchCode("InvalidUserData.Malformed", _R.CONFIG, "report it: Janitor makes the user data itself"),
    LaunchCode("UnsupportedOperation", _R.CONFIG, f"the type can't do what the template asks for: {_SETTINGS}"),
    LaunchCode("InvalidInstanceType", _R.CONFIG, "check instance_type and fallback_instance_types in the config"),
    LaunchCode("InternalError", _R.UNKNOWN, _OUTAGE),
    LaunchCode("InternalFailure", _R.UNKNOWN, _OUTAGE),
    LaunchCode("ServiceUnavailable", _R.UNKNOWN, _OUTAGE),
    LaunchCode("Unavailable", _R.UNKNOWN, _OUTAGE),
    # The token was used before, so there may be an instance, or there was one; only a look by tag can tell.
    LaunchCode("IdempotentParameterMismatch", _R.UNKNOWN, _LOOK),
    LaunchCode("IdempotentInstanceTerminated", _R.UNKNOWN, _LOOK),
)
_BY_CODE = {row.code: row for row in LAUNCH_CODES}

_CAPACITY_PREFIX = "Insufficient"
_QUOTA_SUFFIX = "LimitExceeded"
_FAMILY_SEPARATOR = "."


def known_code(aws_code: str) -> LaunchCode:
    """The row of a code; one that has none is judged by what its name is made of."""
    if row := _BY_CODE.get(aws_code):
        return row
    family = aws_code.partition(_FAMILY_SEPARATOR)[0]
    if family != aws_code and (row := _BY_CODE.get(family)):
        return LaunchCode(aws_code, row.result, row.step)
    if aws_code.startswith(_CAPACITY_PREFIX):
        return LaunchCode(aws_code, _R.CAPACITY, _ELSEWHERE)
    if aws_code.endswith(_QUOTA_SUFFIX):
        return LaunchCode(aws_code, _R.QUOTA, f"ask AWS for a higher quota ({aws_code}), {_FEWER}")
    return LaunchCode(aws_code, _R.CONFIG, _SETTINGS)


def page() -> str:
    """The page of the documentation that lists them."""
    lines = [
        "# Launch errors",
        "",
        "What AWS's codes for a refused launch mean to Janitor: what it does next by itself, and what helps where that",
        "is not enough. A code that isn't here is taken for its family's (what stands before the dot), for capacity",
        f"where it begins with `{_CAPACITY_PREFIX}`, for a quota where it ends in `{_QUOTA_SUFFIX}`, else for config.",
        "",
        "Generated: `python -m janitor.domain.launch.launch_codes > docs/launch-errors.md`",
    ]
    for result, verdict in VERDICTS.items():
        rows = [row for row in LAUNCH_CODES if row.result is result]
        lines += [
            "",
            f"## {result.value}",
            "",
            f"Janitor {verdict.told}.",
            "",
            "| AWS's code | what helps |",
            "|---|---|",
        ]
        lines += [f"| `{row.code}` | {row.step} |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
