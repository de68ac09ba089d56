"""Debug leases as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from janitor.domain.watch.sequential import works_for
from janitor.services.reap.keep import EndedLease, GuestTimer, KeptInstance, Lease
from janitor.views.text.marks import BAD, GOOD, WAITING, one_line
from janitor.views.text.money import dollars
from janitor.views.text.times import instant, roughly


def lease_text(lease: Lease, environment: str) -> str:
    """The answer of `keep --for`: until when, what it costs, how to get in, how to end it."""
    verb = "is now kept" if lease.is_extension else "is kept"
    lines = [
        f"{GOOD} {lease.repository}: {lease.instance_id} {verb} until {instant(lease.keep_until)}",
        f"Cost: {_cost(lease)}",
        f"Connect: aws ssm start-session --target {lease.instance_id} --region {lease.region}",
        f"End it early: janitor keep --repo {lease.repository} --end --env {environment}",
    ]
    if lease.guest_timer is not GuestTimer.MOVED:
        why = (
            "its agent doesn't answer"
            if lease.guest_timer is GuestTimer.AGENT_OFFLINE
            else "it did not confirm the new time"
        )
        lines.append(
            f"{BAD} Its own timer could not be moved ({why}): it powers itself off at"
            f" {instant(lease.guest_ends_at)}. Run the same command again once it answers."
        )
    return "\n".join(lines)


def _cost(lease: Lease) -> str:
    if lease.price_usd_hour is None:
        return "unknown; no price of this instance type is known"
    hourly = f"at {dollars(lease.price_usd_hour)} an hour"
    if not lease.reserved_usd:
        return f"nothing more than its validation's own, {hourly}"
    return f"at most {dollars(lease.reserved_usd)} beyond its validation's own, {hourly}"


def lease_dict(lease: Lease) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "instance_id": lease.instance_id,
        "repository": lease.repository,
        "run_id": str(lease.run_id),
        "keep_until": lease.keep_until.isoformat(),
        "is_extension": lease.is_extension,
        "price_usd_hour": None if lease.price_usd_hour is None else str(lease.price_usd_hour),
        "reserved_usd": str(lease.reserved_usd),
        "guest_timer": lease.guest_timer.value,
        "guest_ends_at": None if lease.guest_timer is GuestTimer.MOVED else lease.guest_ends_at.isoformat(),
        "external_timer_moved": lease.external_timer_moved,
        "connect": f"aws ssm start-session --target {lease.instance_id} --region {lease.region}",
    }


def ended_text(ended: EndedLease) -> str:
    """The answer of `keep --end`."""
    return (
        f"{GOOD} {ended.repository}: the lease of {ended.instance_id} is over."
        " The reaper ends the instance, at once with `janitor reap`, unless it is still being validated."
    )


def ended_dict(ended: EndedLease) -> dict[str, Any]:
    """The same for scripts."""
    return {"instance_id": ended.instance_id, "repository": ended.repository, "run_id": str(ended.run_id)}


def kept_text(kept: Sequence[KeptInstance], now: datetime) -> str:
    """Instances that leases hold, below the runs of `check-parallel-status`; empty where there are none."""
    lines = ["Kept for debugging:"] if kept else []
    for each in kept:
        hourly = f", {dollars(each.price_usd_hour)} an hour" if each.price_usd_hour is not None else ""
        lines.append(
            f"{WAITING} {one_line(works_for(each.repository, each.run_id))}: {each.instance_id} until"
            f" {instant(each.keep_until)} ({roughly(each.keep_until - now)} remaining{hourly})"
        )
    return "\n".join(lines)


def kept_dicts(kept: Sequence[KeptInstance]) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [
        {
            "instance_id": each.instance_id,
            "repository": each.repository,
            "run_id": None if each.run_id is None else str(each.run_id),
            "keep_until": each.keep_until.isoformat(),
            "price_usd_hour": None if each.price_usd_hour is None else str(each.price_usd_hour),
        }
        for each in kept
    ]
