"""How a question to an account can fail: nobody may ask it, nobody is logged in, or AWS doesn't answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from janitor.cloud.session import CLIENT_ERRORS, error_code
from janitor.domain.errors import CloudError

_REFUSED = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "Forbidden"),
        *("403", "UnauthorizedException", "NotAuthorized"),
    }
)
_NO_LOGIN = frozenset(
    {
        *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"),
        *("UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError", "TokenRefreshRequired"),
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "InvalidAccessKeyId"),
        *("UnrecognizedClientException", "AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"),
    }
)
"""Source: the services' "Common Errors"; botocore.exceptions."""


class NotAllowedError(CloudError):
    """Whoever asks may not ask this."""


class NoLoginError(CloudError):
    """AWS doesn't know whoever asks."""


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn what botocore raises into what it means.

    Args:
        what: The call, such as `GetRole AWSServiceRoleForEC2Spot`.

    Raises:
        NotAllowedError, NoLoginError, CloudError: see there.
    """
    try:
        yield
    except CLIENT_ERRORS as exc:
        code = error_code(exc)
        message = f"{what}: {exc}"
        if code in _NO_LOGIN:
            raise NoLoginError(message) from exc
        if code in _REFUSED:
            raise NotAllowedError(message) from exc
        raise CloudError(message) from exc


def is_missing(error: CloudError, *codes: str) -> bool:
    """Whether AWS has answered with one of these codes, most of which say that there is no such thing."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and error_code(cause) in codes


def said_by_aws(error: CloudError) -> dict[str, Any]:
    """AWS's whole answer where it refused; empty where it gave none."""
    cause = error.__cause__
    return dict(cause.response) if isinstance(cause, ClientError) else {}
