"""The JSON Schema of the report, made from the same limits and enumerations that `Report` reads by.

`python -m janitor.protocol.report_schema` prints it; `report-v1.schema.json` beside this file is its published form.
What a schema can't say, such as that the status is the one that the checks make, `Report.from_dict` still refuses.
"""

from __future__ import annotations

import json
import sys
from enum import Enum
from typing import Any

from janitor.protocol import proof, report
from janitor.protocol.spec import UUID_PATTERN
from janitor.protocol.statuses import CheckStatus, Engine, EvidenceKind, ReportStatus
from janitor.protocol.text import signature

Schema = dict[str, Any]


def report_schema() -> Schema:
    """The schema of `janitor-report/1`."""
    name = {"type": "string", "pattern": f"^(?:{report.NAME_PATTERN})$"}
    seconds = {"type": "number", "minimum": 0, "maximum": report.MAX_SECONDS}
    uuid = {"type": "string", "pattern": f"^(?:{UUID_PATTERN})$"}
    properties: Schema = {
        "format": {"const": report.REPORT_FORMAT},
        "validator_version": _text(50),
        "validation_id": uuid,
        "run_id": uuid,
        "repository": _object(
            name=_text(200),
            organization=_text(200),
            url=_text(2_000),
            ref=_or_null(_text(250)),
            commit_sha=_or_null({"type": "string", "pattern": f"^(?:{report.SHA_PATTERN})$"}),
        ),
        "prompt": _text(report.MAX_PROMPT_CHARACTERS),
        "engine": _or_null(_member(Engine)),
        "status": _member(ReportStatus),
        "reason_code": _or_null(name),
        "summary": _text(report.MAX_SUMMARY_CHARACTERS),
        "failing_check": _or_null(name),
        "partial": {"type": "boolean"},
        "started_at": _moment(),
        "finished_at": _moment(),
        "duration_seconds": seconds,
        **{
            key: _or_null({"type": "boolean"})
            for key in ("build_succeeded", "container_succeeded", "gpu_available", "cuda_detected")
        },
        "host": _object(
            gpu_name=_or_null(_text(200)),
            driver_version=_or_null(_text(100)),
            python=_text(50),
            cpus=_count(100_000),
            memory_bytes=_count(report.MAX_SIZE_BYTES),
            disk_free_bytes=_count(report.MAX_DISK_BYTES),
        ),
        "phases": {
            "type": "object",
            "maxProperties": report.MAX_PHASES,
            "propertyNames": {"minLength": 1, "maxLength": 64},
            "additionalProperties": seconds,
        },
        "checks": {"type": "array", "maxItems": report.MAX_CHECKS, "items": _check(name, seconds)},
    }
    # Reports of older validators lack these.
    later: Schema = {
        "phase_usd": _or_null(
            {
                "type": "object",
                "maxProperties": report.MAX_PHASES,
                "propertyNames": {"minLength": 1, "maxLength": 64},
                "additionalProperties": {"type": "number", "minimum": 0, "maximum": report.MAX_USD},
            }
        ),
        "signature": _or_null(
            _object(
                id={"type": "string", "pattern": f"^(?:{signature.ID_PATTERN})$"},
                check=_or_null(name),
                reason_code=name,
                line=_text(signature.MAX_LINE_CHARACTERS, empty=True),
                title=_text(signature.MAX_TITLE_CHARACTERS),
            )
        ),
        "proof": _or_null({"type": "string", "pattern": f"^(?:{proof.PROOF_PATTERN})$"}),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Janitor validation report, version 1",
        "description": "What a validator found in one worker repository.",
        **_object(later=later, **properties),
    }


def _check(name: Schema, seconds: Schema) -> Schema:
    evidence = _object(
        kind=_member(EvidenceKind),
        name=_text(200),
        sha256={"type": "string", "pattern": f"^(?:{report.SHA256_PATTERN})$"},
        size_bytes=_count(report.MAX_SIZE_BYTES),
        tail=_text(report.MAX_TAIL_CHARACTERS, empty=True),
    )
    check = _object(
        name=name,
        status=_member(CheckStatus),
        required={"type": "boolean"},
        reason_code=_or_null(name),
        reason=_or_null(_text(report.MAX_REASON_CHARACTERS)),
        started_at=_moment(),
        duration_seconds=seconds,
        argv=_or_null(
            {
                "type": "array",
                "maxItems": report.MAX_ARGV_ITEMS,
                "items": _text(report.MAX_ARGV_CHARACTERS, empty=True),
            }
        ),
        exit_code=_or_null({"type": "integer", "minimum": -(2**31), "maximum": 2**32}),
        evidence={"type": "array", "maxItems": report.MAX_EVIDENCE_PER_CHECK, "items": evidence},
        later={"measurements": _or_null(_measurements(name))},
    )
    return {
        **check,
        "if": {"properties": {"status": {"not": {"const": CheckStatus.PASS.value}}}},
        "then": {"properties": {"reason_code": {"type": "string"}, "reason": {"type": "string"}}},
    }


def _measurements(name: Schema) -> Schema:
    most = report.MAX_MEASURED_NUMBER
    return {
        "type": "object",
        "maxProperties": report.MAX_MEASUREMENTS,
        "propertyNames": name,
        "additionalProperties": {
            "anyOf": [{"type": "number", "minimum": -most, "maximum": most}, _text(report.MAX_MEASURED_TEXT)]
        },
    }


def _object(*, later: Schema | None = None, **properties: Schema) -> Schema:
    """An object of required properties, and of some that may be absent."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": {**properties, **(later or {})},
    }


def _text(longest: int, *, empty: bool = False) -> Schema:
    return {"type": "string", "minLength": 0 if empty else 1, "maxLength": longest}


def _count(most: int) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": most}


def _moment() -> Schema:
    return {"type": "string", "format": "date-time", "maxLength": 64}


def _member(kind: type[Enum]) -> Schema:
    return {"enum": [member.value for member in kind]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(report_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
