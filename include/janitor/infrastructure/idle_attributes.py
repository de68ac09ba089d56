"""Which attributes of a resource the table of idle prices knows. Pure.

Invariant: what a priced resource has and the table doesn't name is told, never taken for free.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SHOWN = 60


def unpriced(entry: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    """What a resource, or a block of one, has that the table doesn't price: in words.

    Args:
        entry: The table's, of the resource's type or of the block.
        values: The attributes, by Terraform's plan. Where one is false, zero or empty it asks for nothing.
    """
    limits: Mapping[str, Any] = entry.get("limits", {})
    blocks: Mapping[str, Any] = entry.get("blocks", {})
    known = {*entry.get("plain", ()), *limits, *blocks, *_used_by(entry.get("prices", ()))}
    for name, value in values.items():
        if not value:
            continue
        if ("free" not in entry and name not in known) or (name in limits and not _is_within(value, limits[name])):
            yield f"no price for {name}={_short(value)}"
        elif name in blocks:
            for block in blocks_of(value):
                yield from (f"{name}: {words}" for words in unpriced(blocks[name], block))


def blocks_of(value: object) -> Sequence[Mapping[str, Any]]:
    """The blocks that stand under one name: a plan has a list of them."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, (list, tuple)) else ()


def _used_by(prices: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for price in prices:
        yield from (price[key] for key in ("by", "times", "without") if key in price)
        yield from price.get("when", {})


def _is_within(value: object, limit: Sequence[object] | Mapping[str, Any]) -> bool:
    if not isinstance(limit, Mapping):
        return value in limit
    if "like" in limit:
        return re.fullmatch(limit["like"], str(value)) is not None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return bool(limit.get("least", value) <= value <= limit.get("most", value))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
