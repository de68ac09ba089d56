"""This instance's role: its credentials from the instance metadata service, and the signature that they make.

Sources: EC2 user guide, "Use the Instance Metadata Service" (version 2); IAM user guide, "Create a signed AWS API
request". By hand, as the validator has the standard library alone; a test compares the signature with botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

JSON_TYPE = "application/x-amz-json-1.1"
_SESSION_SECONDS = "300"
_ROLES = "/latest/meta-data/iam/security-credentials/"
_MOST_BYTES = 64 * 1024
_ALGORITHM = "AWS4-HMAC-SHA256"


class RoleError(Exception):
    """The instance has no role whose credentials can be had; the message says what was asked."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What the role signs with, for some hours."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


def role_credentials(metadata_url: str, limit: timedelta) -> Credentials:
    """The credentials of this instance's role.

    Args:
        metadata_url: Of the metadata service.
        limit: For each of its three answers.

    Raises:
        RoleError: It doesn't answer, or the instance has no role.
    """
    base, timeout = metadata_url.rstrip("/"), limit.total_seconds()
    # No proxy is asked: the service answers this machine alone.
    opener = build_opener(ProxyHandler({}), NoRedirect())

    def ask(path: str, headers: Mapping[str, str], method: str = "GET") -> str:
        request = Request(base + path, headers=dict(headers), method=method)  # noqa: S310  # the service's own address
        with opener.open(request, timeout=timeout) as answer:
            return str(answer.read(_MOST_BYTES).decode())

    try:
        session = ask("/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": _SESSION_SECONDS}, "PUT")
        held = {"X-aws-ec2-metadata-token": session}
        name = ask(_ROLES, held).strip()
        found = json.loads(ask(_ROLES + name, held))
        return Credentials(
            access_key_id=found["AccessKeyId"],
            secret_access_key=found["SecretAccessKey"],
            session_token=found["Token"],
        )
    except HTTPError as exc:
        exc.close()
        raise RoleError(f"the instance metadata service answered with HTTP {exc.code}") from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        why = getattr(exc, "reason", exc) if isinstance(exc, OSError) else type(exc).__name__
        raise RoleError(f"the instance metadata service gave no credentials ({why})") from exc


class NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: what is signed or secret is for one address alone."""

    def redirect_request(self, *_: object) -> None:
        """Give none."""


def signed_headers(
    credentials: Credentials, *, service: str, region: str, host: str, target: str, body: bytes, now: datetime
) -> dict[str, str]:
    """The headers of a signed POST of JSON to `/`, by Signature Version 4.

    Args:
        credentials: Of the role.
        service: As signatures name it.
        region: Of the endpoint.
        host: Of the endpoint, with its port where it isn't the scheme's own.
        target: The API's action.
        body: What is sent.
        now: In UTC.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": JSON_TYPE,
        "host": host,
        "x-amz-date": stamp,
        "x-amz-security-token": credentials.session_token,
        "x-amz-target": target,
    }
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    canonical = "\n".join(["POST", "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()])
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join([_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{credentials.access_key_id}/{scope}"
    return {
        **headers,
        "authorization": f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}",
    }
