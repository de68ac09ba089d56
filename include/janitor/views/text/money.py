"""Money in words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

MONEY_PLACES, _MOST_PLACES = 2, 6
_SMALL_PLACES = 4
_PER_PART = Decimal("0.000001")
"""How far Postgres's own rounding may put a part off."""


def dollars(amount: Decimal, places: int = MONEY_PLACES) -> str:
    """`$0.08`; four places below a cent.

    Args:
        amount: In USD.
        places: How many where amounts stand together; see `places_for`.
    """
    if places == MONEY_PLACES and 0 < abs(amount) < Decimal("0.01"):
        places = _SMALL_PLACES
    return f"${amount:.{places}f}"


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
