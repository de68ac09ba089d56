"""Each of AWS's codes for a refused launch has its class, and words with a step that a person can take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from janitor.domain.launch.launch_codes import LAUNCH_CODES, VERDICTS, LaunchVerdict, known_code, page
from janitor.domain.launch.launching import classify_launch_failure
from janitor.domain.states import PlacementResult

ROOT = Path(__file__).resolve().parents[3]

EXPECTED = {
    PlacementResult.CAPACITY: {
        "InsufficientInstanceCapacity": "fallback_instance_types",
        "InsufficientHostCapacity": "fallback_instance_types",
        "InsufficientReservedInstanceCapacity": "fallback_instance_types",
        "InsufficientCapacity": "fallback_instance_types",
        "UnfulfillableCapacity": "fallback_instance_types",
        "ReservationCapacityExceeded": "fallback_instance_types",
        "InsufficientVolumeCapacity": "JANITOR_SUBNET_IDS",
        "InsufficientAddressCapacity": "JANITOR_SUBNET_IDS",
        "InsufficientFreeAddressesInSubnet": "larger one",
        "Unsupported": "isn't offered in this zone",
    },
    PlacementResult.PRICE: {"SpotMaxPriceTooLow": "spot-then-on-demand", "InvalidSpotMaxPrice": "spot-then-on-demand"},
    PlacementResult.QUOTA: {
        "VcpuLimitExceeded": "L-DB2E81BA",
        "MaxSpotInstanceCountExceeded": "L-3819A6DF",
        "InstanceLimitExceeded": "max_concurrent_instances",
        "VolumeLimitExceeded": "gp3 storage",
        "MaxIOPSLimitExceeded": "IOPS",
        "NetworkInterfaceLimitExceeded": "interfaces",
        "AddressLimitExceeded": "addresses",
        "PrivateIpAddressLimitExceeded": "addresses",
        "ResourceCountExceeded": "max_concurrent_instances",
    },
    PlacementResult.THROTTLED: dict.fromkeys(
        (
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
            "EC2ThrottledException",
            "ConcurrentTagAccess",
        ),
        "max_concurrent_instances",
    ),
    PlacementResult.PERMISSION: {
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted": (
            "`aws iam create-service-linked-role --aws-service-name spot.amazonaws.com`"
        ),
        "UnauthorizedOperation": "decode-authorization-message",
        "AuthFailure": "credentials",
        "AccessDenied": "policy",
        "AccessDeniedException": "policy",
        "OperationNotPermitted": "policy",
        "TagPolicyViolation": "organization's tag policy",
        **dict.fromkeys(
            (
                "InvalidClientTokenId",
                "UnrecognizedClientException",
                "SignatureDoesNotMatch",
                "IncompleteSignature",
                "MissingAuthenticationToken",
                "ExpiredToken",
                "ExpiredTokenException",
                "RequestExpired",
            ),
            "its clock",
        ),
        "OptInRequired": "Marketplace",
        "Blocked": "AWS Support",
        "PendingVerification": "AWS Support",
    },
    PlacementResult.CONFIG: {
        "InvalidAMIID.NotFound": "JANITOR_IMAGE_ID",
        "InvalidAMIID.Malformed": "JANITOR_IMAGE_ID",
        "InvalidAMIID.Unavailable": "JANITOR_IMAGE_ID",
        "InvalidSubnetID.NotFound": "JANITOR_SUBNET_IDS",
        "InvalidSubnet": "JANITOR_SUBNET_IDS",
        "VPCIdNotSpecified": "no default VPC",
        "InvalidGroup.NotFound": "JANITOR_SECURITY_GROUP_IDS",
        "InvalidSecurityGroupID.NotFound": "JANITOR_SECURITY_GROUP_IDS",
        "InvalidLaunchTemplateName.NotFoundException": "JANITOR_LAUNCH_TEMPLATE",
        "InvalidLaunchTemplateId.NotFound": "JANITOR_LAUNCH_TEMPLATE",
        "InvalidLaunchTemplateId.VersionNotFound": "JANITOR_LAUNCH_TEMPLATE",
        "InvalidBlockDeviceMapping": "block devices",
        "InvalidSnapshot.NotFound": "block devices",
        "InvalidKeyPair.NotFound": "key pair",
        "InvalidTagKey.Malformed": "tags",
        "TagLimitExceeded": "tags",
        "InvalidParameterCombination": "network_interfaces",
        "InvalidParameterValue": "arm image",
        "InvalidParameter": "names the parameter",
        "MissingParameter": "names the parameter",
        "InvalidInput": "names the parameter",
        "InvalidUserData.Malformed": "user data",
        "UnsupportedOperation": "template",
        "InvalidInstanceType": "instance_type",
    },
    PlacementResult.UNKNOWN: dict.fromkeys(
        (
            "InternalError",
            "InternalFailure",
            "ServiceUnavailable",
            "Unavailable",
            "IdempotentParameterMismatch",
            "IdempotentInstanceTerminated",
        ),
        "trigger again",
    ),
}
ROWS = [(code, result, hint) for result, codes in EXPECTED.items() for code, hint in codes.items()]


def test_every_row_of_the_table_is_expected_and_none_is_missing() -> None:
    assert sorted(code for code, _, _ in ROWS) == sorted(row.code for row in LAUNCH_CODES)
    assert len(ROWS) >= 30


@pytest.mark.parametrize(("code", "result", "hint"), ROWS)
def test_each_code_has_its_class_and_a_step(code: str, result: PlacementResult, hint: str) -> None:
    failure = classify_launch_failure(code, "words of AWS", answered=True, instance_type="g5.xlarge")
    assert (failure.result, failure.aws_code) == (result, code)
    assert code in failure.summary
    assert hint in known_code(code).step
    if result is not PlacementResult.UNKNOWN:
        assert "words of AWS" in failure.summary
        assert hint in failure.summary


def test_what_janitor_does_next_follows_from_the_class() -> None:
    assert {result: verdict for result, verdict in VERDICTS.items() if verdict is not LaunchVerdict.STOP} == {
        PlacementResult.UNKNOWN: LaunchVerdict.SAME_ATTEMPT,
        PlacementResult.THROTTLED: LaunchVerdict.SAME_CANDIDATE,
        PlacementResult.CAPACITY: LaunchVerdict.NEXT_CANDIDATE,
        PlacementResult.PRICE: LaunchVerdict.NEXT_CANDIDATE,
    }
    assert set(VERDICTS) == set(PlacementResult) - {PlacementResult.PENDING, PlacementResult.LAUNCHED}


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("AuthFailure.SomethingNew", PlacementResult.PERMISSION),
        ("InsufficientSomethingNew", PlacementResult.CAPACITY),
        ("SomethingNewLimitExceeded", PlacementResult.QUOTA),
        ("SomethingNew", PlacementResult.CONFIG),
    ],
)
def test_a_code_that_is_not_in_the_table_is_judged_by_its_name(code: str, result: PlacementResult) -> None:
    assert known_code(code).result is result


def test_long_words_of_aws_do_not_push_out_what_helps() -> None:
    encoded = "You are not authorized to perform this operation. Encoded authorization failure message: " + "x" * 900
    failure = classify_launch_failure("UnauthorizedOperation", encoded, answered=True)
    assert len(failure.summary) < 500
    assert "decode-authorization-message" in failure.summary
    assert failure.aws_message == encoded


def test_the_page_of_the_documentation_is_made_of_the_table() -> None:
    assert (ROOT / "docs" / "launch-errors.md").read_text(encoding="utf-8") == page()


def test_the_runbook_says_of_each_kind_what_is_seen() -> None:
    runbook = (ROOT / "runbook.md").read_text(encoding="utf-8")
    entry = runbook.split("\n## Launch refused\n", 1)[1].split("\n## ", 1)[0]
    reasons = {classify_launch_failure(code, "", answered=True).reason_code.value for code, _, _ in ROWS}
    assert len(reasons) == len(VERDICTS)
    for reason in reasons:
        assert re.search(rf"`{reason}`", entry), reason
