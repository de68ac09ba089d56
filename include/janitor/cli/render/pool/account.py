"""What became of a pool's machines, as text."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from janitor.domain.pool.account import AccountedMachine, AccountedTurn
from janitor.domain.snapshot.pool import short_id
from janitor.views.text.marks import one_line

_PLACES = 6
"""Shares are in millionths of a dollar, and shown so that they can be added up by hand."""


def account_text(machines: Sequence[AccountedMachine]) -> str:
    """Each machine with its tasks in order, how long each took to start, and who pays what of it."""
    parts = [[_machine_line(each), *map(_turn_line, each.turns), _sum_line(each)] for each in machines]
    return "\n\n".join("\n".join(part) for part in parts)


def _machine_line(machine: AccountedMachine) -> str:
    kind = f"{machine.instance_id or 'never launched'} ({machine.instance_type or 'no type'})"
    took = "never ready"
    if machine.ready_at is not None:
        took = f"ready {(machine.ready_at - machine.requested_at).total_seconds():.1f} s after it was wanted"
    return f"worker {short_id(machine.worker_id)} on {one_line(kind)}, {took}:"


def _turn_line(turn: AccountedTurn) -> str:
    waited = (turn.claimed_at - turn.queued_at).total_seconds()
    took = turn.took_to_start
    started = "never seen to start" if took is None else f"claimed → started {took.total_seconds():5.1f} s"
    return f"  {one_line(turn.repository):<40}  waited {waited:5.1f} s  {started}  {_usd(turn.share_usd)}"


def _sum_line(machine: AccountedMachine) -> str:
    shares = [turn.share_usd for turn in machine.turns]
    paid = None if None in shares else sum((each for each in shares if each is not None), Decimal(0))
    return f"  shares add up to {_usd(paid)}, the machine cost {_usd(machine.cost_usd)}"


def _usd(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"${amount:.{_PLACES}f}"
