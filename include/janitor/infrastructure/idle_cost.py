"""What a deployment costs a day while nothing runs: Terraform's plan as JSON, and a table of prices. Pure.

Invariant: a resource or an attribute that the table doesn't know, or whose price it can't tell, is an error and never
zero.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.idle_attributes import blocks_of, unpriced

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
        entry, values = prices.get(resource["type"]), resource.get("values") or {}
        told = [f"no price for {resource['type']}"] if entry is None else list(unpriced(entry, values))
        if entry is not None and "free" in entry:
            free += 1
        elif entry is not None:
            try:
                lines.append(_priced(resource["address"], entry, values))
            except _NoPriceError as exc:
                told.append(str(exc))
        problems += [f"{resource['address']}: {words}" for words in told]
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


def _priced(address: str, entry: Mapping[str, Any], values: Mapping[str, Any]) -> CostLine:
    parts = list(_parts(entry, values))
    return CostLine(
        name=address,
        usd_per_day=sum((amount for amount, _ in parts), Decimal(0)),
        why="; ".join(why for _, why in parts),
    )


def _parts(entry: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[Decimal, str]]:
    """What each price of a resource, and of the blocks in it, comes to."""
    for price in entry["prices"]:
        if _counts(price, values):
            amount = _amount(price, values)
            if amount or "above" not in price:
                yield amount, price["why"]
    for name, inner in entry.get("blocks", {}).items():
        for block in blocks_of(values.get(name)):
            try:
                yield from _parts(inner, block)
            except _NoPriceError as exc:
                raise _NoPriceError(f"{name}: {exc}") from None


def _counts(price: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    is_replaced = "without" in price and bool(values.get(price["without"]))
    return not is_replaced and all(values.get(name) == value for name, value in price.get("when", {}).items())


def _amount(price: Mapping[str, Any], values: Mapping[str, Any]) -> Decimal:
    unit = price["usd"]
    if isinstance(unit, Mapping):
        kind = values.get(price["by"])
        if kind not in unit:
            raise _NoPriceError(f"no price for {price['by']}={kind}")
        unit = unit[kind]
    usd = _decimal(unit) * _decimal(price.get("units", 1))
    if usd and "times" in price:
        usd *= _units(price, values)
    return usd * _HOURS_OF_A_DAY if _Per(price["per"]) is _Per.HOUR else usd / _DAYS_OF_A_MONTH


def _units(price: Mapping[str, Any], values: Mapping[str, Any]) -> Decimal:
    name = price["times"]
    if "above" not in price:
        return _number(name, values)
    # Without a value it is what the price includes.
    return max(Decimal(0), _number(name, values) - _decimal(price["above"])) if values.get(name) else Decimal(0)


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
