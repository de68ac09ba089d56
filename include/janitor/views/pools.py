"""A pool as a JSON answer has it."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from janitor.domain.pool.pool import Pool


def pool_plain(pool: Pool) -> dict[str, Any]:
    """The JSON form of a pool's configuration; durations are under `<name>_seconds`."""
    plain: dict[str, Any] = {}
    for each in fields(pool):
        value = getattr(pool, each.name)
        if isinstance(value, timedelta) or each.name == "stuck_timeout":
            plain[f"{each.name}_seconds"] = None if value is None else value.total_seconds()
        elif isinstance(value, Decimal):
            plain[each.name] = float(value)
        else:
            plain[each.name] = value.value if isinstance(value, Enum) else value
    return plain
