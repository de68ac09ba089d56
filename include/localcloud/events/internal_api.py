"""Calls of the local cloud to its own APIs: a schedule's target, a rule's target, an alarm's action.

They go through the same front as everybody's, so that the faults in force meet them too, but not over the network.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ParamValidationError, UnknownServiceError
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from localcloud.requests.guard import CLAIM
from localcloud.requests.sigv4 import ALGORITHM, Claim

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

NO_ANSWER = "ConnectionClosed"
THROTTLING_CODES = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}


class ApiCallError(Exception):
    """A call of the local cloud to itself failed, in the words of the service."""

    def __init__(self, service: str, action: str, code: str, message: str, status: int) -> None:
        super().__init__(f"{service} {action}: {code}: {message}")
        self.code = code
        self.status = status

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        return self.status >= 500 or self.code == NO_ANSWER or self.code in THROTTLING_CODES


class InternalApi:
    """Calls APIs by botocore's names for them.

    Args:
        application: what the guard protects.
        access_key_id: named in the requests, because moto looks at it; nothing is signed.
    """

    def __init__(self, application: WsgiApp, access_key_id: str) -> None:
        self._application = application
        self._access_key_id = access_key_id

    def call(self, service: str, action: str, parameters: Mapping[str, Any], region: str) -> dict[str, Any]:
        """Call an API and return its parsed answer; a streamed answer is the bytes under `Body`.

        Args:
            service, action: botocore's names, for example `ec2` and `TerminateInstances`.
            parameters: as boto3 takes them.
            region: where.

        Raises:
            ApiCallError: the API refused, or the parameters are wrong.
        """
        operation = find_operation(service, action)
        if operation is None:
            raise ApiCallError(service, action, "ValidationException", "there is no such API", 400)
        model = operation.service_model
        try:
            request = create_serializer(model.resolved_protocol).serialize_to_request(dict(parameters), operation)
        except ParamValidationError as exc:
            raise ApiCallError(service, action, "ValidationException", str(exc), 400) from exc
        answered: list[Any] = []
        try:
            body = b"".join(
                self._application(self._environ(request, model, region), lambda *given: answered.append(given))
            )
        except ConnectionError as exc:
            raise ApiCallError(service, action, NO_ANSWER, str(exc), 0) from exc
        status, headers = int(answered[-1][0].split()[0]), Headers(answered[-1][1])
        if status < 300 and operation.has_streaming_output:
            return {"Body": body, "Headers": dict(headers)}
        answer: dict[str, Any] = create_parser(model.resolved_protocol).parse(
            {"status_code": status, "headers": _Lowered(headers), "body": body}, operation.output_shape
        )
        if status >= 300:
            error = answer.get("Error") or {}
            raise ApiCallError(service, action, error.get("Code") or str(status), error.get("Message") or "", status)
        return answer

    def _environ(self, request: Mapping[str, Any], model: ServiceModel, region: str) -> dict[str, Any]:
        now = datetime.now(timezone.utc)
        service = model.signing_name
        claim = Claim(
            access_key_id=self._access_key_id,
            date=now.strftime("%Y%m%d"),
            region=region,
            service=service,
            signed_headers=("host",),
            signature="",
            signed_at=now,
        )
        body, query = request["body"], request["query_string"]
        headers = {
            **request["headers"],
            "Authorization": f"{ALGORITHM} Credential={self._access_key_id}/{claim.scope}, "
            f"SignedHeaders=host, Signature={'0' * 64}",
        }
        if isinstance(body, dict):
            body = urlencode(body, doseq=True).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        if isinstance(body, str):
            body = body.encode()
        environ: dict[str, Any] = EnvironBuilder(
            path=request["url_path"],
            base_url="http://localhost",
            query_string=query if isinstance(query, str) else urlencode(query, doseq=True),
            method=request["method"],
            headers=headers,
            data=body,
        ).get_environ()
        environ[CLAIM] = claim
        return environ


class _Lowered(dict[str, str]):
    """Headers as botocore's parsers look for them, in whatever case."""

    def __init__(self, headers: Headers) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key.lower(), default)

    def __getitem__(self, key: str) -> str:
        return super().__getitem__(key.lower())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and super().__contains__(key.lower())


@functools.lru_cache(maxsize=16)
def _model(service: str) -> ServiceModel | None:
    try:
        return get_service_model(service)
    except (UnknownServiceError, ValueError):
        return None


def find_operation(service: str, action: str) -> OperationModel | None:
    """The operation of a service, whatever the case of its name; None where there is none."""
    model = _model(service)
    if model is None:
        return None
    name = next((name for name in model.operation_names if name.lower() == action.lower()), None)
    return model.operation_model(name) if name else None
