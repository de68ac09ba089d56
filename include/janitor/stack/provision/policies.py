"""Policies of IAM: files in `infra/policies`, one text for the local stack and for Terraform's `templatefile`.

A `${name}` stands for a value. Invariant: a value can't change the document's form; it is put in after parsing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from janitor.domain.errors import CloudError

FOLDER = Path("infra/policies")
"""Relative to the project's root."""


def read_policy(project_root: Path, name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """The document of a policy with its values.

    Args:
        project_root: Where `infra` is.
        name: The file's, without `.json`.
        values: For each `${…}` in it.

    Raises:
        CloudError: It can't be read, is no JSON, or names a value that isn't given.
    """
    path = project_root / FOLDER / f"{name}.json"
    try:
        document: dict[str, Any] = _filled(json.loads(path.read_text(encoding="utf-8")), values)
    except (OSError, ValueError) as exc:
        raise CloudError(f"the policy {path} can't be read: {exc}") from exc
    except KeyError as exc:
        raise CloudError(f"the policy {path} wants a value for {exc}") from exc
    return document


def _filled(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, str):
        return Template(part).substitute(values)
    if isinstance(part, dict):
        return {key: _filled(value, values) for key, value in part.items()}
    return [_filled(each, values) for each in part] if isinstance(part, list) else part
