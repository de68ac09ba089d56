"""What a while has cost, for the page."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

from janitor.domain.money.spending import Spending
from janitor.domain.snapshot.snapshot import Money
from janitor.services.money.waste import WasteReport
from janitor.views.waste import waste_dict


def spending_dict(spending: Spending, waste: WasteReport, money: Money) -> dict[str, Any]:
    """By day, repository and cause; with what nothing explains, and today's budget. Money is a decimal in text."""
    return {
        "days": [_record(each) for each in spending.days],
        "repositories": [_record(each) for each in spending.repositories],
        "causes": [_record(each) for each in spending.causes],
        "waste": waste_dict(waste),
        "budget": {
            "used_usd": str(money.used_usd),
            "reserved_usd": str(money.reserved_usd),
            "daily_budget_usd": None if money.daily_budget_usd is None else str(money.daily_budget_usd),
            "usual_usd": None if money.usual_usd is None else str(money.usual_usd),
        },
    }


def _record(record: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
