"""Who pays for a machine of a pool: the validations that had turns on it, by how long each was busy there.

A validation pays for its busy time and for its part of what nobody was busy in, boot and waiting, by the same share.
A machine on which nobody was busy has nobody who pays for it: it stays the pool's own. As long as it lives, all shares
go on changing with it, and so does a share whose turn has long ended.

The view `pool_shares` follows the same rules in SQL; a test compares the two on random machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

_PER_USD = 1_000_000
"""Bills are in millionths of a dollar, and so are shares: what a machine cost is given away without a remainder."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class MachineTurn:
    """A validation's time on a machine."""

    validation_id: UUID
    began_at: datetime
    ended_at: datetime | None
    """None while it goes on."""


@dataclass(frozen=True, kw_only=True)
class SharedBill:
    """What a machine cost, by who pays. The shares and `own_usd` add up to it, to the millionth of a dollar."""

    shares: Mapping[UUID, Decimal | None]
    """By validation, also one that was busy for no time at all; None where the machine's cost isn't known."""
    own_usd: Decimal | None
    """What nobody pays and the pool has to bear; None where that isn't known."""


def busy_times(turns: Iterable[MachineTurn], *, launched_at: datetime, over_at: datetime) -> dict[UUID, timedelta]:
    """How long each validation kept a machine busy while that was paid for.

    Args:
        turns: Those of the machine.
        launched_at: From when on it is billed.
        over_at: The first sight of its end, or now.
    """
    busy: dict[UUID, timedelta] = {}
    for turn in turns:
        spent = min(turn.ended_at or over_at, over_at) - max(turn.began_at, launched_at)
        busy[turn.validation_id] = busy.get(turn.validation_id, timedelta()) + max(spent, timedelta())
    return busy


def share_out(total_usd: Decimal | None, busy: Mapping[UUID, timedelta]) -> SharedBill:
    """Share what a machine cost out by busy time.

    What each has to pay is the part of the bill up to its end less the part up to its beginning, as if they stood in a
    row, in the order of their ids: so no remainder is left, each is off by less than a millionth of a dollar, and it
    makes no difference who is asked for first.

    Args:
        total_usd: What the machine cost as a whole, to the millionth; None where a price isn't known.
        busy: By validation; see `busy_times`.
    """
    if total_usd is None:
        return SharedBill(shares=dict.fromkeys(busy), own_usd=None if _ticks_of(busy.values()) == 0 else Decimal(0))
    whole = int((total_usd * _PER_USD).to_integral_value(ROUND_HALF_UP))
    ticks = _ticks_of(busy.values())
    if ticks == 0:
        return SharedBill(shares=dict.fromkeys(busy, Decimal(0)), own_usd=_usd(whole))
    shares: dict[UUID, Decimal | None] = {}
    before = 0
    for validation_id in sorted(busy):
        upto = before + busy[validation_id] // _TICK
        shares[validation_id] = _usd(whole * upto // ticks - whole * before // ticks)
        before = upto
    return SharedBill(shares=shares, own_usd=Decimal(0))


def _ticks_of(durations: Iterable[timedelta]) -> int:
    return sum(duration // _TICK for duration in durations)


def _usd(millionths: int) -> Decimal:
    return Decimal(millionths) / _PER_USD
