"""How many places amounts of money need that stand together."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

MONEY_PLACES, _MOST_PLACES = 2, 6
_PER_PART = Decimal("0.000001")
"""How far Postgres's own rounding may put a part off."""


def places_for(parts: Sequence[Decimal | None], total: Decimal | None) -> int:
    """How many places amounts need that stand together, so that what is read adds up to the sum that is read.

    Two, unless rounding would contradict: $0.0163 and $0.0166 are no $0.02 each of $0.03. Two as well where the parts
    aren't the whole of the sum, or aren't known.
    """
    known = [part for part in parts if part is not None]
    if total is None or len(known) < len(parts) or abs(sum(known) - total) > _PER_PART * len(known):
        return MONEY_PLACES
    for places in range(MONEY_PLACES, _MOST_PLACES + 1):
        shown = [round(part, places) for part in known]
        if sum(shown) == round(total, places) and all(shown[i] or not part for i, part in enumerate(known)):
            return places
    return MONEY_PLACES
