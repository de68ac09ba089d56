"""Money in words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from janitor.domain.money.places import MONEY_PLACES
from janitor.views.text.marks import one_line

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


def dollars_if_known(amount: Decimal | None, places: int) -> str:
    """`unknown` without an amount; the arguments are as for `dollars`."""
    return "unknown" if amount is None else dollars(amount, places)


def hourly_prices(usd_hour_by_type: Mapping[str, Decimal | None]) -> list[str]:
    """`g4dn.xlarge $0.526/h`, `g5.xlarge price unknown`: of each type, in their order."""
    return [
        f"{one_line(name)} {'price unknown' if price is None else f'${price.normalize():f}/h'}"
        for name, price in usd_hour_by_type.items()
    ]


def cost_text(amount: Decimal, places: int, *, is_final: bool) -> str:
    """`$0.035`, `$0.02 so far`: what something has cost, written the same wherever it stands.

    Args:
        amount: In USD.
        places: Its view's `cost_places`.
        is_final: Whether nothing is added any more.
    """
    return f"{dollars(amount, places)}{'' if is_final else ' so far'}"
