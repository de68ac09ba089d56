"""Reports of version 1, which validators wrote before there was a provenance: read as one of today that lacks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from janitor.protocol.values import Place

REPORT_FORMAT_V1 = "janitor-report/1"


def upgraded(document: Any, place: Place, *, to: str) -> Any:
    """The document in today's form, unread: what is wrong with it is still there to be refused.

    Args:
        document: Decoded, of any form.
        place: Its own.
        to: Today's format.

    Raises:
        Exception: What `place` makes of a field that version 1 doesn't have.
    """
    if not isinstance(document, Mapping) or document.get("format") != REPORT_FORMAT_V1:
        return document
    _refuse(document, place, "provenance")
    upgraded = {**document, "format": to, "provenance": None}
    if isinstance(host := document.get("host"), Mapping):
        upgraded["host"] = _host(host, place.at("host"))
    if isinstance(checks := document.get("checks"), list):
        upgraded["checks"] = [_check(check, Place(f"checks[{at}]", place.error)) for at, check in enumerate(checks)]
    return upgraded


def _host(host: Mapping[str, Any], place: Place) -> dict[str, Any]:
    _refuse(host, place, "gpu_names", "cuda_version")
    if "gpu_name" not in host:
        raise place.at("gpu_name").problem("is missing")
    name = host["gpu_name"]
    others = {key: value for key, value in host.items() if key != "gpu_name"}
    return {"gpu_names": [] if name is None else [name], "cuda_version": None, **others}


def _check(check: Any, place: Place) -> Any:
    if not isinstance(check, Mapping):
        return check
    _refuse(check, place, "measurements")
    return {**check, "measurements": {}}


def _refuse(part: Mapping[str, Any], place: Place, *later: str) -> None:
    if unknown := [name for name in later if name in part]:
        raise place.problem(f"unknown field {unknown[0]!r}: it is none of {REPORT_FORMAT_V1}")
