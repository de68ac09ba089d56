"""What became of tasks on a pool's machines: in which order, how soon after their claim, and who pays for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

STARTS_WITHIN = timedelta(seconds=5)
"""From its claim until its command ran, where its worker was warm."""


@dataclass(frozen=True, kw_only=True)
class AccountedTurn:
    """A validation's turn on a machine."""

    validation_id: UUID
    repository: str
    """`organization/name`."""
    queued_at: datetime
    claimed_at: datetime
    started_at: datetime | None
    """When its command began, by the provider's word; None: that was never seen."""
    ended_at: datetime | None
    share_usd: Decimal | None
    """What it pays of the machine; None where the machine's price isn't known."""

    @property
    def took_to_start(self) -> timedelta | None:
        """From its claim until its command ran. Two clocks say it, so it may be a moment below zero."""
        return None if self.started_at is None else self.started_at - self.claimed_at


@dataclass(frozen=True, kw_only=True)
class AccountedMachine:
    """A worker's machine, with the turns that validations had on it."""

    worker_id: UUID
    ledger_id: int
    instance_id: str | None
    """None: it was never launched."""
    instance_type: str | None
    requested_at: datetime
    ready_at: datetime | None
    is_over: bool
    """Whether the ledger says that it has ended, and its worker too."""
    cost_usd: Decimal | None
    """None where its price isn't known, or where it was never launched."""
    turns: Sequence[AccountedTurn]
    """In the order of their claims."""


def what_differs(machines: Sequence[AccountedMachine], *, tasks: int, most_machines: int) -> list[str]:
    """What isn't as a pool promises it, in words; empty where all is.

    Args:
        machines: All that were launched for the tasks.
        tasks: How many there were.
        most_machines: The pool's max.
    """
    launched = [each for each in machines if each.instance_id is not None]
    turns = [turn for each in machines for turn in each.turns]
    said = []
    if len(launched) > most_machines:
        said.append(f"{len(launched)} machines were launched, and {most_machines} are the most")
    if (seen := len({turn.validation_id for turn in turns})) != tasks or len(turns) != tasks:
        said.append(f"{seen} of {tasks} validations had a turn, {len(turns)} turns altogether")
    said += [slow for each in machines for turn in each.turns[1:] if (slow := _too_late(turn)) is not None]
    for each in launched:
        paid = sum((turn.share_usd or Decimal(0) for turn in each.turns), Decimal(0))
        if each.cost_usd is None:
            said.append(f"what {each.instance_id} cost isn't known")
        elif each.turns and paid != each.cost_usd:
            said.append(f"the shares in {each.instance_id} add up to {paid} USD, and it cost {each.cost_usd}")
    return said + [f"{each.instance_id} isn't over, says the ledger" for each in launched if not each.is_over]


def _too_late(turn: AccountedTurn) -> str | None:
    if turn.took_to_start is None:
        return f"{turn.repository} was never seen to start"
    if turn.took_to_start < STARTS_WITHIN:
        return None
    return f"{turn.repository} started {turn.took_to_start.total_seconds():.1f} s after its claim, on a warm worker"
