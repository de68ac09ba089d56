"""Money in words."""

from __future__ import annotations

from decimal import Decimal


def dollars(amount: Decimal) -> str:
    """`$0.08`; four places below a cent."""
    return f"${amount:.2f}" if amount == 0 or amount >= Decimal("0.01") else f"${amount:.4f}"
