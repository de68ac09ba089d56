"""Prices of instances and volumes, as the prices file states them. What it doesn't state is unknown, never 0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from janitor.domain.config.document import ConfigDocument, Finding, Path, read_document
from janitor.domain.config_problems import ConfigProblem, in_file_order, nearest
from janitor.domain.errors import SettingsError

_UNKNOWN = "unknown"
_TOP_KEYS = ("regions", "other_regions")
_REGION_KEYS = ("gp3_usd_gib_month", "instances_usd_hour")
_OTHER_KEYS = ("like", "factor")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d+")
_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_HIGHEST = 10_000
"""Above every price of AWS; what is higher is a slip of the pen."""


@dataclass(frozen=True, kw_only=True)
class RegionPrices:
    """Prices of one region."""

    gp3_usd_gib_month: Decimal
    instances_usd_hour: Mapping[str, Decimal]
    """Instance type → on-demand price."""


@dataclass(frozen=True, kw_only=True)
class OtherRegions:
    """The stated rule for regions that aren't listed: those of another one, times a factor."""

    like: str
    factor: Decimal


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """What is known of AWS's prices, in USD."""

    source: str
    """The file as people know it."""
    regions: Mapping[str, RegionPrices]
    other_regions: OtherRegions | None = None
    """None: prices of other regions are unknown."""

    def instance_usd_hour(self, region: str, instance_type: str) -> Decimal | None:
        """On-demand price of an hour; None where the file doesn't state it.

        It bounds a spot instance's price too: Janitor sets no maximum, and EC2 takes the on-demand price for one.
        """
        prices, factor = self._prices_of(region)
        price = prices.instances_usd_hour.get(instance_type) if prices else None
        return None if price is None else price * factor

    def volume_usd_gib_month(self, region: str) -> Decimal | None:
        """Price of a GiB of gp3 for a month; None where the file doesn't state it."""
        prices, factor = self._prices_of(region)
        return prices.gp3_usd_gib_month * factor if prices else None

    def _prices_of(self, region: str) -> tuple[RegionPrices | None, Decimal]:
        if region in self.regions or self.other_regions is None:
            return self.regions.get(region), Decimal(1)
        return self.regions[self.other_regions.like], self.other_regions.factor


def parse_prices(content: str | bytes, *, source: str) -> PriceTable:
    """Read a prices file.

    Args:
        content: The YAML document.
        source: The file as the user knows it, for messages.

    Raises:
        SettingsError: Anything is wrong; it lists every problem with its line.
    """
    document = read_document(content)
    reading = _Reading(list(document.findings))
    table = None
    if document.data is not None or not reading.findings:
        table = reading.table(document.data, source)
    if reading.findings or table is None:
        raise SettingsError(_problems_text(reading.findings, document, source))
    return table


def _problems_text(findings: Iterable[Finding], document: ConfigDocument, source: str) -> str:
    problems = []
    for finding in findings:
        position = finding.position or document.position_of(finding.path)
        problems.append(
            ConfigProblem(
                source=source,
                line=position.line if position else None,
                column=position.column if position else None,
                field=".".join(str(part) for part in finding.path) or None,
                message=finding.message,
                hint=finding.hint,
            )
        )
    return "the prices can't be used:\n" + "\n".join(f"  {problem}" for problem in in_file_order(problems))


class _Reading:
    """Turns the document's data into a table and collects what is wrong with it."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    def table(self, data: Any, source: str) -> PriceTable:
        if not isinstance(data, dict):
            self._find((), "must be a mapping with `regions`")
            return PriceTable(source=source, regions={})
        top = self._mapping(data, (), _TOP_KEYS)
        listed = self._mapping(top.get("regions"), ("regions",), None)
        regions = {name: self._region(name, value) for name, value in listed.items()}
        if isinstance(top.get("regions"), dict) and not regions:
            self._find(("regions",), "lists no region")
        other = top.get("other_regions", _UNKNOWN)
        return PriceTable(
            source=source,
            regions=regions,
            other_regions=None if other == _UNKNOWN else self._other_regions(other, regions),
        )

    def _region(self, name: str, value: Any) -> RegionPrices:
        path: Path = ("regions", name)
        if not _REGION.fullmatch(name):
            self._find(path, "is not the name of an AWS region", "such as us-east-1")
        given = self._mapping(value, path, _REGION_KEYS)
        types_path = (*path, "instances_usd_hour")
        prices = {}
        for instance_type, price in self._mapping(given.get("instances_usd_hour"), types_path, None).items():
            if not _TYPE.fullmatch(instance_type):
                self._find((*types_path, instance_type), "is not an instance type", "such as g5.xlarge")
            prices[instance_type] = self._number(price, (*types_path, instance_type))
        return RegionPrices(
            gp3_usd_gib_month=self._number(given.get("gp3_usd_gib_month"), (*path, "gp3_usd_gib_month")),
            instances_usd_hour=prices,
        )

    def _other_regions(self, value: Any, regions: Mapping[str, RegionPrices]) -> OtherRegions:
        path: Path = ("other_regions",)
        if not isinstance(value, dict):
            self._find(path, f"must be `{_UNKNOWN}` or name a region and a factor", "{like: us-east-1, factor: 1.6}")
            return OtherRegions(like="", factor=Decimal(1))
        given = self._mapping(value, path, _OTHER_KEYS)
        like = given.get("like")
        if not isinstance(like, str) or like not in regions:
            self._find((*path, "like"), "must be one of the regions of this file")
        return OtherRegions(like=str(like), factor=self._number(given.get("factor"), (*path, "factor")))

    def _mapping(self, value: Any, path: Path, known: tuple[str, ...] | None) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._find(path, "is missing" if value is None else "must be a mapping")
            return {}
        for key in value if known is not None else ():
            if key not in (known or ()):
                near = nearest(key, known or ())
                self._find((*path, key), "unknown key", f"did you mean {near}?" if near else None)
        return value

    def _number(self, value: Any, path: Path) -> Decimal:
        if any(finding.spoils_value and finding.path == path for finding in self.findings):
            return Decimal(1)
        if value is None:
            self._find(path, "is missing")
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _HIGHEST:
            self._find(path, f"must be a number above 0 and up to {_HIGHEST:,}")
        else:
            # Through text: Decimal(0.1) would be 0.1000000000000000055.
            return Decimal(str(value))
        return Decimal(1)

    def _find(self, path: Path, message: str, hint: str | None = None) -> None:
        self.findings.append(Finding(path, message, hint))
