"""What AWS answers with: HTTP statuses, messages and the services' own codes for the faults that are injected.

Source: the services' API references, "Common errors" and "Error codes".
"""

from __future__ import annotations

THROTTLED = "Throttling"
"""Stands for whatever the service itself says when it is asked too often."""
DEFAULT_MESSAGE = "injected by the local cloud"

HTTP_STATUS = {
    "InsufficientInstanceCapacity": 500,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Unavailable": 503,
    "TooManyRequestsException": 429,
    "AccessDenied": 403,
    "UnauthorizedOperation": 403,
}
"""What AWS answers with; any other code is a 400."""

MESSAGES = {
    "InsufficientInstanceCapacity": (
        "We currently do not have sufficient capacity in the Availability Zone you requested. "
        "Our system will be working on provisioning additional capacity."
    ),
    "SpotMaxPriceTooLow": "Your Spot request price is lower than the minimum required Spot request fulfillment price.",
    "VcpuLimitExceeded": (
        "You have requested more vCPU capacity than your current vCPU limit allows for the instance bucket that the "
        "specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an "
        "adjustment to this limit."
    ),
    "MaxSpotInstanceCountExceeded": "Max spot instance count exceeded",
    "UnauthorizedOperation": "You are not authorized to perform this operation.",
    "ServiceUnavailable": "The request has failed due to a temporary failure of the server.",
    THROTTLED: "Rate exceeded",
    "RequestLimitExceeded": "Request limit exceeded.",
    "ThrottlingException": "Rate exceeded",
}

SERVICE_ALIASES = {
    "cloudwatch": "monitoring",
    "eventbridge": "events",
    "awslambda": "lambda",
    "eventbridge-scheduler": "scheduler",
}
"""Names that people use, and the names that requests are signed with."""

_THROTTLING_CODES = {
    "ec2": "RequestLimitExceeded",
    "s3": "SlowDown",
    "lambda": "TooManyRequestsException",
    "iam": "Throttling",
    "sns": "Throttling",
    "monitoring": "Throttling",
}


def throttling_code(service: str) -> str:
    """How a service (its signing name) says that it is asked too often."""
    return _THROTTLING_CODES.get(service, "ThrottlingException")
