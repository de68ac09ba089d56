"""The facts of RunPod's published OpenAPI document that requests and answers are held to; `facts.json` has them.

They are ours, not the vendor's file: what is used, in a form that is easily compared with the next version of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FACTS: Mapping[str, Any] = json.loads(Path(__file__).with_name("facts.json").read_text(encoding="utf-8"))
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
}


def problems_of(body: Any, fields: Mapping[str, Any], where: str = "$") -> list[str]:
    """What is wrong with a body: unknown fields, missing ones, wrong types and values."""
    if not isinstance(body, dict):
        return [f"{where}: an object is expected"]
    found = [f"{where}: additional properties '{name}' not allowed" for name in sorted(set(body) - set(fields))]
    for name, rule in fields.items():
        unless = rule.get("requiredUnless")
        if name not in body:
            if rule.get("required") or (unless and unless not in body):
                found.append(f"{where}: missing property '{name}'")
        elif not (body[name] is None and rule.get("nullable")):
            found.extend(_value_problems(body[name], rule, f"{where}.{name}"))
    return found


def _value_problems(value: Any, rule: Mapping[str, Any], where: str) -> list[str]:
    kind = rule["type"]
    if not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
        return [f"{where}: {kind} is expected"]
    given: Any = value
    found = []
    if "enum" in rule and given not in rule["enum"]:
        found.append(f"{where}: one of {', '.join(rule['enum'])} is expected")
    if "minimum" in rule and given < rule["minimum"]:
        found.append(f"{where}: at least {rule['minimum']} is expected")
    if "minLength" in rule and len(given) < rule["minLength"]:
        found.append(f"{where}: at least {rule['minLength']} characters are expected")
    inner = rule.get("items") or rule.get("values")
    if inner is not None:
        parts = given if kind == "array" else list(given.values())
        found += [f"{where}: each is a {inner}" for part in parts if not isinstance(part, _TYPES[inner])][:1]
    if "pattern" in rule:
        texts = given if kind == "array" else [given]
        found += [f"{where}: {text!r} is no version" for text in texts if not re.search(rule["pattern"], str(text))]
    if "fields" in rule:
        found += problems_of(given, rule["fields"], where)
    return found
