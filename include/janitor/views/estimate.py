"""A run's worst case, for scripts: the answer of `estimate`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from janitor.services.money.estimate import CheckedEstimate

_HOUR = timedelta(hours=1)


def estimate_dict(checked: CheckedEstimate) -> dict[str, Any]:
    """The whole estimate, with the limits and what would fit."""
    estimate, limits, refusal = checked.estimate, checked.limits, checked.refusal
    return {
        "config_path": checked.config_path,
        "region": estimate.region,
        "prices_source": estimate.prices_source,
        "repositories": [
            {
                "repository": each.repository_name,
                "usd_hour_by_type": {name: _text(price) for name, price in each.usd_hour_by_type.items()},
                "hours": round(each.lifetime / _HOUR, 4),
                "worst_case_usd": _text(each.worst_case_usd),
                "pool": each.pool,
            }
            for each in estimate.repositories
        ],
        "pools": [
            {
                "pool": each.machine.repository_name,
                "usd_hour_by_type": {name: _text(price) for name, price in each.machine.usd_hour_by_type.items()},
                "machines": each.machines,
                "hours_each": round(each.machine.lifetime / _HOUR, 4),
                "worst_case_usd": _text(each.worst_case_usd),
                "daily_budget_usd": _text(each.daily_usd),
            }
            for each in checked.pools
        ],
        "hours": round(estimate.lifetime / _HOUR, 4),
        "worst_case_usd": _text(estimate.worst_case_usd),
        "set_aside_usd": _text(estimate.set_aside_usd),
        "unpriced": list(estimate.unpriced),
        "max_run_cost_usd": _text(limits.run_usd),
        "daily_budget_usd": _text(limits.daily_usd),
        "day_used_usd": _text(limits.day_used_usd),
        "day_left_usd": _text(limits.day_left_usd),
        "day_trouble": str(checked.day_trouble) if checked.day_trouble else None,
        "accepted": refusal is None,
        "refusal": None
        if refusal is None
        else {
            "message": refusal.message,
            "fits": {
                "repositories": list(refusal.fits.repositories),
                "timeout_minutes": refusal.fits.timeout_minutes,
                "instance_type": refusal.fits.instance_type,
            },
        },
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
