"""Whether AWS knows who asks, whose clock is right, and how much the account may launch."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from janitor.cloud.asking import NoLoginError
from janitor.cloud.examine import account
from janitor.cloud.examine.launching import processors
from janitor.cloud.session import CloudAccess
from janitor.domain.config.fields import Market
from janitor.domain.errors import CloudError, SettingsError
from janitor.domain.findings import Finding, note, ok, problem, unknown
from janitor.services.examination.wanted import Wanted, sources_with, types_of
from janitor.services.money.price_files import load_prices
from janitor.settings import Settings

_CLOCK_NOTED = timedelta(seconds=30)
_CLOCK_REFUSED = timedelta(minutes=5)
"""AWS refuses signatures that are further off. Source: IAM user guide, "Troubleshoot AWS Signature Version 4"."""
_SPOT_ROLE = "AWSServiceRoleForEC2Spot"
_MAKE_SPOT_ROLE = "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"
_SIGN_IN = "sign in (`aws sso login`), choose a profile (AWS_PROFILE), or give the machine a role"


@dataclass(frozen=True)
class _Quota:
    code: str
    name: str
    series: tuple[str, ...]
    markets: frozenset[Market]


@dataclass(frozen=True, kw_only=True)
class _Demand:
    """What one configuration needs of a quota, in vCPUs."""

    source: str
    one: int
    at_once: int

    @property
    def all(self) -> int:
        return self.one * self.at_once


_ON_DEMAND = frozenset({Market.ON_DEMAND, Market.SPOT_THEN_ON_DEMAND})
_SPOT = frozenset({Market.SPOT, Market.SPOT_THEN_ON_DEMAND})
_QUOTAS = (
    _Quota("L-DB2E81BA", "Running On-Demand G and VT instances", ("g", "gr", "vt"), _ON_DEMAND),
    _Quota("L-3819A6DF", "All G and VT Spot Instance Requests", ("g", "gr", "vt"), _SPOT),
    _Quota("L-417A185B", "Running On-Demand P instances", ("p",), _ON_DEMAND),
    _Quota("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", ("p",), _SPOT),
    _Quota("L-1216C47A", "Running On-Demand Standard instances", tuple("acdhimrtz"), _ON_DEMAND),
    _Quota("L-34B43A08", "All Standard Spot Instance Requests", tuple("acdhimrtz"), _SPOT),
)
"""In vCPUs, by region. Source: Service Quotas, "Amazon Elastic Compute Cloud (Amazon EC2)"."""


def credentials(settings: Settings) -> tuple[list[Finding], bool]:
    """Who this process is for AWS, by whose clock, and whether more can be asked."""
    try:
        found = account.caller(CloudAccess.of(settings))
    except NoLoginError as exc:
        clock = _clock(account.clock_ahead_of_refusal(exc))
        return [problem("credentials", f"AWS doesn't know who asks: {exc}", _SIGN_IN), *clock], False
    except CloudError as exc:
        step = "check JANITOR_REGION, AWS_ENDPOINT_URL, the proxy and the network of this machine"
        return [unknown("credentials", f"AWS can't be asked: {exc}", step)], False
    return [ok("credentials", f"account {found.account} as {found.arn}"), *_clock(found.clock_ahead)], True


def _clock(ahead: timedelta | None) -> Iterator[Finding]:
    if ahead is None:
        step = "compare this machine's clock with another one (`timedatectl`)"
        yield unknown("clock", "AWS doesn't say its time", step)
        return
    seconds = ahead.total_seconds()
    said = f"this machine's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} AWS's"
    if abs(ahead) >= _CLOCK_REFUSED:
        step = "set it (`timedatectl set-ntp true`): hard limits and killers are instants"
        yield problem("clock", f"{said}, and AWS refuses what is signed so", step)
    elif abs(ahead) >= _CLOCK_NOTED:
        yield note("clock", f"{said}; hard limits and killers are instants", "set it (`timedatectl set-ntp true`)")
    else:
        yield ok("clock", "this machine's agrees with AWS's")


def region(settings: Settings) -> Iterator[Finding]:
    """Whether the region is one."""
    known = account.known_regions()
    if settings.region not in known:
        near = difflib.get_close_matches(settings.region, sorted(known), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield problem("region", f"{settings.region} is no region of EC2{hint}", "correct JANITOR_REGION or AWS_REGION")
        return
    yield ok("region", settings.region)


def prices(settings: Settings, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    """Whether what the config's instances cost is known: a budget refuses what has no price."""
    try:
        table = load_prices(settings)
    except SettingsError as exc:
        yield problem("prices", str(exc).partition("\n")[0], "correct JANITOR_PRICES_FILE")
        return
    unpriced = [each for each in types_of(wanted) if table.instance_usd_hour(settings.region, each) is None]
    if unpriced:
        said = f"none of {', '.join(unpriced)} in {settings.region}: a config with a budget is refused"
        yield note("prices", said, f"add them to {table.source}, or name another file by JANITOR_PRICES_FILE")
    else:
        yield ok("prices", f"known from {table.source}")


def quotas(settings: Settings, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    """Whether the account may run as many vCPUs as each config's instances have, in each market that it buys in."""
    if not wanted:
        yield unknown("quotas", "no configuration says what is launched", "correct the configuration first")
        return
    access, types = CloudAccess.of(settings), types_of(wanted)
    vcpus = processors(access, types)
    for unheard in (each for each in types if each not in vcpus):
        step = f"name another type in {sources_with(wanted, unheard)}"
        yield problem("instance types", f"{unheard} isn't offered in {settings.region}", step)
    for each in _QUOTAS:
        demands = [found for one in wanted if (found := _demand(each, one, vcpus)) is not None]
        if demands:
            yield _judged(each, account.quota(access, each.code), demands)


def _demand(each: _Quota, wanted: Wanted, vcpus: Mapping[str, int]) -> _Demand | None:
    sizes = [vcpus[name] for name in wanted.types_like(each.series) if name in vcpus]
    if not sizes or not wanted.markets & each.markets:
        return None
    return _Demand(source=wanted.source, one=max(sizes), at_once=wanted.at_once)


def _judged(each: _Quota, value: float | None, demands: Sequence[_Demand]) -> Finding:
    subject, most = f"quota {each.code}", max(demands, key=lambda demand: demand.all)
    ask = f"ask for {most.all} at Service Quotas (EC2, {each.code}); it can take days"
    if value is None:
        return unknown(subject, f"{each.name}: Service Quotas knows none", ask)
    said = f"{each.name}: {value:g} vCPUs"
    if none := [demand for demand in demands if value < demand.one]:
        one, sources = max(demand.one for demand in none), ", ".join(demand.source for demand in none)
        return problem(subject, f"{said}; one instance has {one}, so none can be launched ({sources})", ask)
    if value < most.all:
        some = f"enough for {int(value // most.one)} of {most.at_once} instances at once ({most.source})"
        return note(subject, f"{said}, {some}", ask)
    return ok(subject, f"{said}, enough for {most.at_once} instance{'s' * (most.at_once != 1)} at once")


def spot_role(settings: Settings, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    """Whether the account has the role without which EC2 launches no spot instance."""
    if account.has_role(CloudAccess.of(settings), _SPOT_ROLE):
        yield ok("spot role", _SPOT_ROLE)
        return
    said = f"the account has no {_SPOT_ROLE}, without which no spot instance is launched"
    if not wanted or any(each.markets & _SPOT for each in wanted):
        yield problem("spot role", said, f"once for the account: `{_MAKE_SPOT_ROLE}`")
    else:
        yield note("spot role", f"{said}; {' and '.join(each.source for each in wanted)} ask for none")
