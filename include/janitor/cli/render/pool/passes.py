"""What passes over the pools did."""

from __future__ import annotations

from typing import Any

from janitor.services.pool.cycle import PassReport
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line


def pass_text(report: PassReport) -> str:
    """What a pass did: a line for each pool, and below it each thing."""
    if report.is_elsewhere:
        return f"{UNKNOWN} another pass is under way: nothing was done"
    lines: list[str] = []
    for pool in report.pools:
        mark = BAD if pool.problems else GOOD
        lines.append(f"{mark} pool {one_line(pool.pool)}: {one_line(pool.why or 'nothing was decided')}")
        lines += [f"  {one_line(each)}" for each in pool.done]
        lines += [f"  {BAD} {one_line(each)}" for each in pool.problems]
    lines += [f"{WAITING} {one_line(each)}" for each in (*report.settled, *report.assigned)]
    lines += [f"{BAD} {one_line(each)}" for each in report.problems]
    return "\n".join(lines) or f"{GOOD} no pool has anything to do"


def pass_dict(report: PassReport) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "elsewhere": report.is_elsewhere,
        "pools": [
            {
                "name": each.pool,
                "why": each.why,
                "wanted": each.wanted,
                "done": list(each.done),
                "problems": list(each.problems),
            }
            for each in report.pools
        ],
        "assigned": list(report.assigned),
        "settled": list(report.settled),
        "problems": list(report.problems),
    }
