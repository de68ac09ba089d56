"""What a deployment costs a day while nothing runs: Terraform's plan as JSON, and a table of prices. Pure.

Invariant: a resource that the table doesn't know, or whose price it can't tell, is an error and never zero.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from janitor.domain.errors import InfrastructureError

_DAYS_OF_A_MONTH = 30
_HOURS_OF_A_DAY = 24


class _Per(str, Enum):
    """What a price is for."""

    HOUR = "hour"
    MONTH = "month"


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """What one resource costs."""

    name: str
    """Its address in Terraform, or what it is."""
    usd_per_day: Decimal
    why: str


@dataclass(frozen=True, kw_only=True)
class IdleCost:
    """What everything costs."""

    lines: Sequence[CostLine]
    free: int
    """How many resources cost nothing."""
    most_usd_per_day: Decimal

    @property
    def usd_per_day(self) -> Decimal:
        """All of it."""
        return sum((line.usd_per_day for line in self.lines), Decimal(0))

    @property
    def is_within(self) -> bool:
        """Whether it is no more than it may be."""
        return self.usd_per_day <= self.most_usd_per_day


def idle_cost(plan: str, table: Mapping[str, Any]) -> IdleCost:
    """Price everything that a plan leaves standing.

    Args:
        plan: `terraform show -json` of a plan file.
        table: As `infra/idle-prices.yaml` has it.

    Raises:
        InfrastructureError: The plan is none, is of a region without prices, or has resources that can't be priced;
            all of them are named.
    """
    document = _document(plan)
    region = _region(document)
    if region != table["region"]:
        raise InfrastructureError(
            f"idle cost: there are prices for {table['region']} alone, and the plan is for {region}; add that region's"
            " to infra/idle-prices.yaml"
        )
    prices: Mapping[str, Any] = table["resources"]
    lines: list[CostLine] = []
    problems: list[str] = []
    free = 0
    for resource in _resources(document):
        entry = prices.get(resource["type"])
        if entry is None:
            problems.append(f"{resource['address']}: no price for {resource['type']}")
        elif "free" in entry:
            free += 1
        else:
            try:
                lines.append(_priced(resource, entry["prices"]))
            except _NoPriceError as exc:
                problems.append(f"{resource['address']}: {exc}")
    if problems:
        raise InfrastructureError("idle cost: add to infra/idle-prices.yaml what these cost:\n" + "\n".join(problems))
    for entry in table["beside_the_plan"]:
        amount = _amount(entry, {})
        lines.append(CostLine(name=entry["name"], usd_per_day=amount, why=entry["why"]))
    lines.sort(key=lambda line: (-line.usd_per_day, line.name))
    return IdleCost(lines=lines, free=free, most_usd_per_day=_decimal(table["most_usd_per_day"]))


class _NoPriceError(Exception):
    """The table doesn't tell what a resource costs."""


def _document(plan: str) -> Mapping[str, Any]:
    try:
        document = json.loads(plan)
        if not isinstance(document["planned_values"]["root_module"], dict):
            raise TypeError
    except (ValueError, KeyError, TypeError) as exc:
        raise InfrastructureError("idle cost: this is no plan of Terraform as JSON (`terraform show -json`)") from exc
    planned: Mapping[str, Any] = document
    return planned


def _region(document: Mapping[str, Any]) -> str:
    try:
        return str(document["variables"]["region"]["value"])
    except (KeyError, TypeError):
        return "an unknown region"


def _resources(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What stands after the plan, in every module; data sources are no resources of ours."""
    modules = [document["planned_values"]["root_module"]]
    while modules:
        module = modules.pop()
        yield from (one for one in module.get("resources", ()) if one.get("mode", "managed") == "managed")
        modules += module.get("child_modules", ())


def _priced(resource: Mapping[str, Any], prices: Sequence[Mapping[str, Any]]) -> CostLine:
    values = resource.get("values") or {}
    counted = [price for price in prices if _counts(price, values)]
    return CostLine(
        name=resource["address"],
        usd_per_day=sum((_amount(price, values) for price in counted), Decimal(0)),
        why="; ".join(price["why"] for price in counted),
    )


def _counts(price: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(values.get(name) == value for name, value in price.get("when", {}).items())


def _amount(price: Mapping[str, Any], values: Mapping[str, Any]) -> Decimal:
    unit = price["usd"]
    if isinstance(unit, Mapping):
        kind = values.get(price["by"])
        if kind not in unit:
            raise _NoPriceError(f"no price for {price['by']}={kind}")
        unit = unit[kind]
    usd = _decimal(unit) * _decimal(price.get("units", 1))
    if usd and "times" in price:
        usd *= _number(price["times"], values)
    return usd * _HOURS_OF_A_DAY if _Per(price["per"]) is _Per.HOUR else usd / _DAYS_OF_A_MONTH


def _number(name: str, values: Mapping[str, Any]) -> Decimal:
    value = values.get(name)
    if isinstance(value, (list, tuple)):
        return Decimal(len(value))
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _NoPriceError(f"the plan doesn't say its {name}")
    return _decimal(value)


def _decimal(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise _NoPriceError(f"{value!r} is no number") from None
