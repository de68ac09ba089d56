"""Money in words."""

from __future__ import annotations

from decimal import Decimal

from janitor.domain.money.places import MONEY_PLACES

_SMALL_PLACES = 4


def dollars(amount: Decimal, places: int = MONEY_PLACES) -> str:
    """`$0.08`; four places below a cent.

    Args:
        amount: In USD.
        places: How many where amounts stand together; see `janitor.domain.money.places`.
    """
    if places == MONEY_PLACES and 0 < abs(amount) < Decimal("0.01"):
        places = _SMALL_PLACES
    return f"${amount:.{places}f}"


def cost_text(amount: Decimal, places: int, *, is_final: bool) -> str:
    """`$0.035`, `$0.02 so far`: what something has cost, written the same wherever it stands.

    Args:
        amount: In USD.
        places: Its view's `cost_places`.
        is_final: Whether nothing is added any more.
    """
    return f"{dollars(amount, places)}{'' if is_final else ' so far'}"
