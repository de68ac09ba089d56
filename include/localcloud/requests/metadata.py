"""The instance metadata service, version 2, as far as it hands out the credentials of an instance's role.

AWS serves it on a link-local address that tells instances apart by themselves. Here all are on one machine, so each has
an address of its own that can't be guessed; the commands of an instance learn it by AWS's own variable, nobody else.
The credentials are good for one thing: reading a secret.

Source: EC2 user guide, "Use the Instance Metadata Service", "Retrieve security credentials from instance metadata".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from localcloud.aws_errors import StartResponse
from localcloud.requests.sigv4 import Key

METADATA_PATH = "/_localcloud/metadata/"
ROLE = "localcloud-instance"
TEMPORARY = "ASIA"
"""How the ids of a role's keys begin."""
ALLOWED = ("secretsmanager", "GetSecretValue")
"""Service and action."""
_CREDENTIALS = "/latest/meta-data/iam/security-credentials"
_LIFETIME = timedelta(hours=6)
_FORM = "%Y-%m-%dT%H:%M:%SZ"


class InstanceRole:
    """The role that all instances of a local cloud have; drawn anew at each start.

    Args:
        endpoint_url: of the local cloud.
        is_running: whether an instance, by its id, runs.
    """

    def __init__(self, endpoint_url: str, is_running: Callable[[str], bool]) -> None:
        self.key = Key(f"{TEMPORARY}{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
        self.session_token = secrets.token_urlsafe(60)
        self._endpoint_url = endpoint_url
        self._is_running = is_running
        self._seed = secrets.token_bytes(32)

    def variables(self, instance_id: str) -> dict[str, str]:
        """What the commands of an instance are told of it."""
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self._endpoint_url}{METADATA_PATH}{instance_id}/"
            + self._drawn("address", instance_id),
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self._endpoint_url,
        }

    def may(self, service: str, action: str, path: str, session_token: str) -> bool:
        """Whether a request that is signed with the role's key is one that the role allows."""
        is_its_own = hmac.compare_digest(session_token.encode(), self.session_token.encode())
        return is_its_own and (service, action) == ALLOWED and path == "/"

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request for metadata."""
        instance_id, _, rest = str(environ["PATH_INFO"]).removeprefix(METADATA_PATH).partition("/")
        address, slash, path = rest.partition("/")
        known = hmac.compare_digest(address.encode(), self._drawn("address", instance_id).encode())
        if not known or not self._is_running(instance_id):
            return _answer(start_response, "404 Not Found", "no such instance")
        session = self._drawn("session", instance_id)
        if (environ["REQUEST_METHOD"], slash + path) == ("PUT", "/latest/api/token"):
            return _answer(start_response, "200 OK", session)
        if not hmac.compare_digest(environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN", "").encode(), session.encode()):
            return _answer(start_response, "401 Unauthorized", "a session token is needed: PUT /latest/api/token")
        answers = {_CREDENTIALS: ROLE, f"{_CREDENTIALS}/": ROLE, f"{_CREDENTIALS}/{ROLE}": self._credentials()}
        text = answers.get(slash + path)
        return _answer(start_response, "404 Not Found" if text is None else "200 OK", text or "not imitated here")

    def _credentials(self) -> str:
        now = datetime.now(timezone.utc)
        return json.dumps(
            {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "LastUpdated": now.strftime(_FORM),
                "AccessKeyId": self.key.access_key_id,
                "SecretAccessKey": self.key.secret_access_key,
                "Token": self.session_token,
                "Expiration": (now + _LIFETIME).strftime(_FORM),
            }
        )

    def _drawn(self, purpose: str, instance_id: str) -> str:
        return hmac.new(self._seed, f"{purpose} {instance_id}".encode(), hashlib.sha256).hexdigest()


def _answer(start_response: StartResponse, status: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
