"""Shards and repairs as text, and as what scripts read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from janitor.domain.repair.discovery import Discovered, LeftAlone
from janitor.domain.repair.shard import Repair, Shard
from janitor.domain.repair.states import RepairState, ShardStatus
from janitor.services.maintenance.running import RunAnswer
from janitor.services.maintenance.workshop import Edge
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line
from janitor.views.text.money import dollars
from janitor.views.text.times import compactly, instant

EDGE_WORDS: dict[Edge, str] = {
    Edge.CLAIMED: "claimed",
    Edge.LEASED: "leased",
    Edge.BEGUN: "begun",
    Edge.CHECKED_OUT: "looking for a repair",
    Edge.PROPOSED: "a proposal is made",
    Edge.WRITTEN: "the proposal is written down",
    Edge.PROVING: "proving it",
    Edge.PROVED: "the experiments are over",
    Edge.PUBLISHING: "proven; giving it to people",
    Edge.PUBLISHED: "published",
    Edge.ENDING: "writing the end",
    Edge.ENDED: "ended",
}
_SHARD_MARKS = {
    ShardStatus.PENDING: WAITING,
    ShardStatus.RUNNING: WAITING,
    ShardStatus.COMPLETED: GOOD,
    ShardStatus.FAILED: BAD,
    ShardStatus.SKIPPED: UNKNOWN,
}
_REPAIR_MARKS = {
    RepairState.PUBLISHED: GOOD,
    RepairState.PROVEN: GOOD,
    RepairState.PROPOSED: WAITING,
    RepairState.PROVING: WAITING,
    RepairState.DISPROVEN: BAD,
    RepairState.BLOCKED: BAD,
}


def shard_line(shard: Shard, now: datetime) -> str:
    """A shard in a line."""
    took = shard.took(now)
    told = shard.error_message or shard.outcome or shard.status.value
    parts = [f"{_SHARD_MARKS[shard.status]} {shard.shard_id}: {shard.status.value}"]
    if told != shard.status.value:
        parts.append(told)
    if took is not None:
        parts.append(compactly(took))
    if shard.cost_usd is not None:
        parts.append(dollars(shard.cost_usd))
    return one_line(", ".join(parts))


def shards_text(shards: Sequence[Shard], now: datetime) -> str:
    """The answer of `shards list`."""
    if not shards:
        return "There is no shard. `janitor maintain --run-ids …` makes them of what the last run found broken."
    return "\n".join(shard_line(shard, now) for shard in shards)


def shard_dict(shard: Shard) -> dict[str, Any]:
    """A shard for scripts."""
    return {
        "shard_id": shard.shard_id,
        "run_id": shard.run_id,
        "airflow_run_id": shard.airflow_run_id,
        "repository": shard.repository,
        "signature": shard.signature,
        "source_validation_id": str(shard.validation_id),
        "canary_of": shard.canary_of,
        "status": shard.status.value,
        "outcome": shard.outcome,
        "error_message": shard.error_message,
        "attempt": shard.attempt,
        "worker_id": shard.worker_id,
        "started_at": _iso(shard.started_at),
        "completed_at": _iso(shard.completed_at),
        "updated_at": _iso(shard.updated_at),
        "cost_usd": None if shard.cost_usd is None else float(shard.cost_usd),
        "artefact_prefix": shard.artefact_prefix,
    }


def discovered_text(found: Discovered) -> str:
    """What a run would work on, and what it leaves alone."""
    lines = [
        f"{WAITING} {one_line(each.repository)}: would be worked on"
        + (f", after {one_line(each.canary_of)}" if each.canary_of else "")
        for each in found.shards
    ]
    lines += [left_line(each) for each in found.left_alone]
    counted = f"{len(found.shards)} {'shard' if len(found.shards) == 1 else 'shards'}"
    more = f", {found.causes_left_out} causes left to the next run" if found.causes_left_out else ""
    return "\n".join([*lines, f"{counted}, {len(found.left_alone)} left alone{more}; dry run."])


def discovered_dict(found: Discovered) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "shards": [
            {
                "shard_id": each.shard_id,
                "repository": each.repository,
                "signature": each.signature,
                "source_validation_id": str(each.validation_id),
                "canary_of": each.canary_of,
            }
            for each in found.shards
        ],
        "left_alone": [left_dict(each) for each in found.left_alone],
        "causes_left_out": found.causes_left_out,
    }


def left_line(left: LeftAlone) -> str:
    """Why a repository is left alone."""
    return f"{UNKNOWN} {one_line(left.repository)}: left alone: {one_line(left.reason)}"


def left_dict(left: LeftAlone) -> dict[str, Any]:
    """The same for scripts."""
    return {"repository": left.repository, "signature": left.signature, "reason": left.reason}


def answer_text(answer: RunAnswer, now: datetime) -> str:
    """What a run did."""
    lines = [shard_line(shard, now) for shard in answer.shards]
    lines += [left_line(each) for each in answer.left_alone]
    lines += [f"{UNKNOWN} {one_line(each.repository)}: another run has it" for each in answer.left_to_others]
    counted = f"{len(answer.shards)} {'shard' if len(answer.shards) == 1 else 'shards'}"
    return "\n".join([*lines, f"Run {one_line(answer.run_id)}: {counted}, {len(answer.failed)} failed."])


def repair_line(repair: Repair) -> str:
    """A repair in a line."""
    mark = _REPAIR_MARKS.get(repair.state, UNKNOWN)
    told = repair.url or repair.reason or repair.summary or ""
    cost = f" {dollars(repair.cost_usd)}" if repair.cost_usd is not None else ""
    by = f" by {repair.name}" if repair.name else ""
    return one_line(f"{mark} {str(repair.repair_id)[:8]} {repair.repository}: {repair.state.value}{by}{cost}  {told}")


def repairs_text(repairs: Sequence[Repair]) -> str:
    """The answer of `repairs`."""
    return "\n".join(repair_line(each) for each in repairs) if repairs else "There is no repair yet."


def repair_text(repair: Repair) -> str:
    """The answer of `repairs show`."""
    rows = {
        "repair": str(repair.repair_id),
        "repository": repair.repository,
        "cause": repair.signature,
        "state": repair.state.value,
        "why": repair.reason,
        "by": None if repair.proposed_by is None else f"{repair.proposed_by.value} {repair.name}",
        "summary": repair.summary,
        "root cause": repair.root_cause,
        "base": f"{repair.base_commit} (validation {repair.base_validation_id})",
        "proof": None if repair.proof_validation_id is None else str(repair.proof_validation_id),
        "control": None if repair.control_validation_id is None else str(repair.control_validation_id),
        "published": None if repair.published_as is None else f"{repair.published_as} {repair.url or ''}",
        "cost": None if repair.cost_usd is None else dollars(repair.cost_usd),
        "shard": repair.shard_id,
        "made": instant(repair.created_at),
    }
    lines = [f"{name + ':':<12} {one_line(value)}" for name, value in rows.items() if value]
    lines += [f"{'evidence:':<12} {one_line(line)}" for line in repair.evidence]
    return "\n".join([*lines, "", repair.patch] if repair.patch else lines)


def repair_dict(repair: Repair) -> dict[str, Any]:
    """A repair for scripts."""
    return {
        "repair_id": str(repair.repair_id),
        "shard_id": repair.shard_id,
        "repository": repair.repository,
        "signature": repair.signature,
        "state": repair.state.value,
        "reason": repair.reason,
        "proposed_by": None if repair.proposed_by is None else repair.proposed_by.value,
        "name": repair.name,
        "summary": repair.summary,
        "root_cause": repair.root_cause,
        "evidence": list(repair.evidence),
        "base_commit": repair.base_commit,
        "base_validation_id": str(repair.base_validation_id),
        "proof_validation_id": None if repair.proof_validation_id is None else str(repair.proof_validation_id),
        "control_validation_id": None if repair.control_validation_id is None else str(repair.control_validation_id),
        "patch": repair.patch,
        "patch_sha256": repair.patch_sha256,
        "files": repair.files,
        "lines": repair.lines,
        "published_as": repair.published_as,
        "url": repair.url,
        "cost_usd": None if repair.cost_usd is None else float(repair.cost_usd),
        "created_at": _iso(repair.created_at),
        "published_at": _iso(repair.published_at),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
