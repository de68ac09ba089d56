"""What a deployment costs while nothing runs, as text."""

from __future__ import annotations

from janitor.infrastructure.idle_cost import IdleCost


def idle_cost_text(cost: IdleCost) -> str:
    """A line for each thing that costs, then the sum and what it may be."""
    told = [line for line in cost.lines if line.usd_per_day]
    width = max((len(line.name) for line in told), default=0)
    lines = [f"{line.usd_per_day:8.3f}  {line.name:{width}}  {line.why}" for line in told]
    verdict = "within" if cost.is_within else "MORE THAN"
    return "\n".join(
        [
            "USD/day",
            *lines,
            f"{cost.usd_per_day:8.3f}  in all; {cost.free} resources cost nothing",
            f"Idle cost: ${cost.usd_per_day:.2f} a day, {verdict} ${cost.most_usd_per_day:.2f}",
        ]
    )
