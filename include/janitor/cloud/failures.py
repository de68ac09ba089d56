"""AWS's failures in the domain's terms."""

from __future__ import annotations

from botocore.exceptions import ClientError

from janitor.cloud.session import CLIENT_ERRORS
from janitor.domain.launch.launching import LaunchFailure, classify_launch_failure, is_refusal

_SERVER_ERROR = 500


def launch_failure_of(exc: BaseException, instance_type: str | None = None) -> LaunchFailure | None:
    """What a failed RunInstances means, or None when the failure isn't botocore's.

    Args:
        instance_type: What was to be launched.
    """
    if isinstance(exc, ClientError):
        error = exc.response.get("Error", {})
        code = error.get("Code", "Unknown")
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # A 5xx leaves it open whether an instance was made, except for the codes that say that none was.
        answered = status < _SERVER_ERROR or is_refusal(code)
        message = error.get("Message", "")
        return classify_launch_failure(code, message, answered=answered, instance_type=instance_type)
    if isinstance(exc, CLIENT_ERRORS):
        return classify_launch_failure(type(exc).__name__, str(exc), answered=False)
    return None


def is_cloud_failure(exc: BaseException) -> bool:
    """Whether a failure is botocore's: AWS refused, or didn't answer."""
    return isinstance(exc, CLIENT_ERRORS)
