"""The JSON Schema of a document, made from the annotations that it is read by.

What a schema can't say, such as that a status is the one that its checks make, the document's own reading still
refuses.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from datetime import datetime
from typing import Any, Union

from janitor.protocol.codec import Document, Part, fields_of
from janitor.protocol.report import Check
from janitor.protocol.terms.statuses import CheckStatus
from janitor.protocol.values import INSTANT_TEXT, Kind, Range

Schema = dict[str, Any]


def part_schema(part: type[Part]) -> Schema:
    """The schema of an object: what is required, what may be absent, and nothing else."""
    first: Schema = {"format": {"const": part.FORMAT}} if issubclass(part, Document) else {}
    fields = fields_of(part)
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": [*first, *(each.key for each in fields if not each.is_later)],
        "properties": {
            **first,
            **{each.key: _nullable(each.kind, each.kind.nullable or each.is_later) for each in fields},
        },
    }
    if part is Check:
        schema["if"] = {"properties": {"status": {"not": {"const": CheckStatus.PASS.value}}}}
        schema["then"] = {"properties": {"reason_code": {"type": "string"}, "reason": {"type": "string"}}}
    return schema


def _nullable(kind: Kind, nullable: bool) -> Schema:
    schema = _kind_schema(kind)
    return {"anyOf": [schema, {"type": "null"}]} if nullable else schema


def _kind_schema(kind: Kind) -> Schema:
    base, bounds = kind.base, kind.bounds
    if base is bool:
        return {"type": "boolean"}
    if base is str and bounds.pattern is not None:
        return {"type": "string", "pattern": f"^(?:{bounds.pattern})$"}
    if base is str:
        return {"type": "string", "minLength": 0 if bounds.empty else 1, "maxLength": bounds.longest}
    if base is datetime:
        return {"type": "string", "format": "date-time", "maxLength": INSTANT_TEXT.bounds.longest}
    if isinstance(bounds, Range):
        return {"type": "integer" if base is int else "number", "minimum": bounds.least, "maximum": bounds.most}
    if is_dataclass(base):
        return part_schema(base)  # type: ignore[arg-type]  # every dataclass of a document is a Part
    if not kind.inner:
        return {"enum": [member.value for member in base]}
    inner = [_nullable(each, each.nullable) for each in kind.inner]
    if base is Union:
        return {"anyOf": inner}
    if base is tuple:
        return {"type": "array", "maxItems": bounds.entries, "items": inner[0]}
    keys: Schema = {"minLength": 1, "maxLength": bounds.longest_key}
    return {
        "type": "object",
        "maxProperties": bounds.entries,
        "propertyNames": keys if bounds.key_pattern is None else {"pattern": f"^(?:{bounds.key_pattern})$"},
        "additionalProperties": inner[0],
    }
