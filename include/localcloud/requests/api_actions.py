"""Which API action a request is, for every wire protocol of AWS."""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import UnknownServiceError
from moto.core.utils import get_service_model

FORM_PREFIX_BYTES = 65536
ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
RPC_PATH = re.compile(r"/service/\w+/operation/(\w+)")
"""Source: Smithy RPC v2 CBOR, "Request URI"."""
MODEL_NAMES = {"monitoring": "cloudwatch"}
"""Services whose model isn't named as requests to them are signed."""
URI_LABEL = re.compile(r"\\\{(\w+)(\\\+)?\\\}")


def is_form(environ: dict[str, Any]) -> bool:
    """Whether the request says that its body is a form."""
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")


def action_of(environ: dict[str, Any], service: str) -> str:
    """The API action of a request to a service (its signing name); empty where it can't be told."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if service == "s3":
        return s3_action(environ)
    if is_form(environ):
        stream = environ["wsgi.input"]
        match = ACTION.search(stream.read(FORM_PREFIX_BYTES))
        stream.seek(0)
        return match[1].decode() if match else ""
    path = str(environ["PATH_INFO"])
    if rpc := RPC_PATH.fullmatch(path):
        return rpc[1]
    return rest_action(service, environ["REQUEST_METHOD"], path)


def s3_action(environ: dict[str, Any]) -> str:
    """The common actions of S3."""
    _, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    method = environ["REQUEST_METHOD"]
    if key:
        if "uploadId" in query or "uploads" in query:
            return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload"}.get(method, "ListParts")
        return {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, "")
    if method == "GET":
        return "ListObjectsV2" if "list-type" in query else "ListObjects"
    return {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}.get(method, "")


def rest_action(service: str, method: str, path: str) -> str:
    """The action behind a method and a path, by the service's own model."""
    return next(
        (name for verb, pattern, name in _rest_table(service) if verb == method and pattern.fullmatch(path)), ""
    )


@functools.lru_cache(maxsize=16)
def _rest_table(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    try:
        model = get_service_model(MODEL_NAMES.get(service, service))
    except (UnknownServiceError, ValueError):
        return []
    table = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        uri = str(http.get("requestUri", "/")).partition("?")[0].rstrip("/")
        literal = len(re.sub(r"\{[^}]*\}", "", uri))
        table.append((literal, str(http.get("method", "POST")), _path_pattern(uri), name))
    # Where several fit, the one with the longest literal part is meant.
    return [entry[1:] for entry in sorted(table, key=lambda entry: -entry[0])]


def _path_pattern(uri: str) -> re.Pattern[str]:
    """A path has been decoded before it is matched, so that its last label (an ARN) may hold slashes."""
    head, brace, last = uri.rpartition("{")
    if brace and last.endswith("}"):
        return re.compile(f"{_labels(head)}.+")
    return re.compile(f"{_labels(uri)}/?")


def _labels(uri: str) -> str:
    return URI_LABEL.sub(lambda label: ".+" if label[2] else "[^/]+", re.escape(uri))
