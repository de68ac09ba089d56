"""Where an owner's instance is tried: types, zones and markets in order, over a few rounds.

An attempt is one token and one candidate. Lack of capacity and a price that is too high go on to the next candidate,
throttling repeats the same one later, everything else ends the search. A search begins anew after an instance was
launched, because what follows then replaces a lost one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Union

from janitor.domain.config.fields import Market
from janitor.domain.states import PlacementResult

ROUNDS = 3
"""How often the whole list is tried before the launch is given up."""
ROUND_PAUSE = timedelta(seconds=30)
"""Before the second round; twice as long before each further one."""
FIRST_THROTTLE_PAUSE = timedelta(seconds=2)
LONGEST_THROTTLE_PAUSE = timedelta(seconds=60)
PATIENCE = timedelta(minutes=30)
"""From the first attempt of a search: after that it ends whatever the reason of the last attempt."""

_MARKETS = {
    Market.SPOT: (Market.SPOT,),
    Market.ON_DEMAND: (Market.ON_DEMAND,),
    Market.SPOT_THEN_ON_DEMAND: (Market.SPOT, Market.ON_DEMAND),
}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One place to launch: `market` is SPOT or ON_DEMAND; without a subnet EC2 chooses the zone."""

    instance_type: str
    market: Market
    subnet_id: str | None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An earlier attempt of the same owner, oldest first in a sequence."""

    candidate: Candidate
    round: int
    position: int
    result: PlacementResult
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class Try:
    """Launch this candidate now."""

    candidate: Candidate
    round: int
    position: int


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Ask again at `until`."""

    until: datetime


@dataclass(frozen=True, kw_only=True)
class GiveUp:
    """Nothing is left to try; `last` says why the last attempt failed."""

    last: PlacementResult
    attempts: int


PlacementStep = Union[Try, Pause, GiveUp]  # noqa: UP007  (evaluated at import, also by Python 3.10)


def candidates_of(
    instance_types: Sequence[str],
    market: Market,
    subnet_ids: Sequence[str],
    *,
    spread: int,
    first: Sequence[str] = (),
    replaced: Candidate | None = None,
    interrupted: bool = False,
) -> tuple[Candidate, ...]:
    """Every place to try, in order: cheaper market first, then the types as configured, then the zones.

    Args:
        instance_types: In the order of the configuration.
        market: As configured.
        subnet_ids: One for each zone; empty: EC2's default.
        spread: Number by which neighbours in a run begin in different zones.
        first: Subnets that come before all others, with every type and market.
        replaced: Where the lost instance was: its successor begins with the next place.
        interrupted: Whether it was a spot interruption: the successor is on demand.
    """
    markets = (Market.ON_DEMAND,) if interrupted else _MARKETS[market]
    begin = spread % len(subnet_ids) if subnet_ids else 0
    zones: tuple[str | None, ...] = (*subnet_ids[begin:], *subnet_ids[:begin]) or (None,)
    every = tuple(
        Candidate(instance_type=each, market=bought, subnet_id=zone)
        for bought in markets
        for each in instance_types
        for zone in zones
    )
    every = tuple(sorted(every, key=lambda candidate: candidate.subnet_id not in first))
    if replaced is None or replaced not in every:
        return every
    after = every.index(replaced) + 1
    return every[after:] + every[:after]


def next_step(candidates: Sequence[Candidate], attempts: Sequence[Attempt], now: datetime) -> PlacementStep:
    """What to do next, given all ended attempts of the present search, oldest first."""
    if not attempts:
        return Try(candidate=candidates[0], round=1, position=0)
    last = attempts[-1]
    if now >= attempts[0].started_at + PATIENCE:
        return GiveUp(last=last.result, attempts=len(attempts))
    if last.result is PlacementResult.THROTTLED:
        pause = min(FIRST_THROTTLE_PAUSE * 2 ** min(_repeats(attempts) - 1, 10), LONGEST_THROTTLE_PAUSE)
        return _after(last.started_at + pause, now, candidates, last.round, last.position)
    if last.position + 1 < len(candidates):
        return Try(candidate=candidates[last.position + 1], round=last.round, position=last.position + 1)
    if last.round >= ROUNDS:
        return GiveUp(last=last.result, attempts=len(attempts))
    pause = ROUND_PAUSE * 2 ** (last.round - 1)
    return _after(last.started_at + pause, now, candidates, last.round + 1, 0)


def present_search(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """The attempts since the last one that launched an instance."""
    launched = [index for index, one in enumerate(attempts) if one.result is PlacementResult.LAUNCHED]
    return attempts[launched[-1] + 1 :] if launched else attempts


def _repeats(attempts: Sequence[Attempt]) -> int:
    count = 0
    for one in reversed(attempts):
        if one.result is not PlacementResult.THROTTLED:
            break
        count += 1
    return count


def _after(
    until: datetime, now: datetime, candidates: Sequence[Candidate], number: int, position: int
) -> PlacementStep:
    if now < until:
        return Pause(until=until)
    # A changed list of subnets may be shorter than the one that the earlier attempts went by.
    position = min(position, len(candidates) - 1)
    return Try(candidate=candidates[position], round=number, position=position)
