"""Amazon MWAA: Airflow's REST API behind AWS's own, which knows callers by their signature and has no passwords."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError

_AIRFLOWS_OWN = ("RestApiClientException", "RestApiServerException")
"""Airflow has answered, and not with a success: its status and its words are in the exception.
Source: Amazon MWAA API, InvokeRestApi, "Errors"."""


def invoke_rest_api(
    access: CloudAccess, *, environment: str, method: str, path: str, query: Mapping[str, Any], body: Any
) -> tuple[int, Any]:
    """Ask the Airflow of an environment.

    Args:
        access: Whoever asks needs airflow:InvokeRestApi for a role of that environment's Airflow.
        environment: Its name in MWAA.
        method: Such as GET.
        path: Below Airflow's API, without `/api/v2`.
        query: Of the address; a list where a name occurs several times.
        body: JSON; None for none.

    Returns:
        Airflow's status and what it answered.

    Raises:
        CloudError: MWAA can't be asked, or refuses.
    """
    arguments: dict[str, Any] = {"Name": environment, "Method": method, "Path": path}
    if query:
        arguments["QueryParameters"] = dict(query)
    if body is not None:
        arguments["Body"] = body
    try:
        answer = access.client("mwaa").invoke_rest_api(**arguments)
    except CLIENT_ERRORS as exc:
        if isinstance(exc, ClientError) and error_code(exc) in _AIRFLOWS_OWN:
            said: Mapping[str, Any] = exc.response
            return int(said.get("RestApiStatusCode", 500)), said.get("RestApiResponse") or {}
        raise CloudError(f"InvokeRestApi of the MWAA environment {environment} in {access.region}: {exc}") from exc
    return int(answer["RestApiStatusCode"]), answer.get("RestApiResponse") or {}
