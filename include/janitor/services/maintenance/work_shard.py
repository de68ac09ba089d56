"""The work on one shard, from its lease to its end. Each step goes by what is written down, so that it may be repeated.

    lease of the shard -> working tree, baseline, proposal, gate -> experiments -> publication -> end

What has an effect is written within the lease of the shard (`HeldLease.effect`), which is a run's lease with the
shard's name: it has no tree, so that it outlives the working tree, and who works on the shard after a death has a newer
fence. Trouble of ours ends the shard as failed, with its error; a repair's outcome, whichever it is, completes it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from psycopg import IntegrityError

from janitor.domain.errors import BudgetRefusedError, ConflictError
from janitor.domain.repair.patch_size import patch_size
from janitor.domain.repair.proposal import Abstained, Failure, Proposal
from janitor.domain.repair.shard import Repair, Shard
from janitor.domain.repair.states import RepairState, ShardStatus
from janitor.domain.workspace.baseline import Baseline
from janitor.protocol.order.patch import Patch
from janitor.services.maintenance.bench import Bench, at_bench, ending_badly, shard_of
from janitor.services.maintenance.failures import failure_of
from janitor.services.maintenance.workshop import Edge, Proved, Workshop
from janitor.stores import repairs as repair_store
from janitor.stores import shards as store
from janitor.stores.database import Connection, transaction

_LARGEST_READ = 4 * 2**20
"""Bytes of a file that the gate looks at; a larger one is none that a repair changes."""


def work_shard(shop: Workshop, shard_id: str) -> Shard:
    """Work on a shard to its end, from wherever it is; returns it as it ended.

    Raises:
        NotFoundError: There is no such shard.
        LeaseHeldError: Somebody else works on it.
        LeaseLostError: The lease was lost; whoever has it now goes on.
        DatabaseError: Postgres can't be used: the shard isn't final, and a sweep or the next try ends it.
    """
    with at_bench(shop, shard_id) as bench:
        if bench is not None:
            with ending_badly(bench):
                failure = failure_of(shop.settings, bench.shard.validation_id)
                repair = propose_step(bench, failure)
                repair = prove_step(bench, failure, repair)
                publish_step(bench, failure, repair)
                finish_step(bench)
    return shard_of(shop, shard_id)


def propose_step(bench: Bench, failure: Failure) -> Repair:
    """The repair that is under way, or a new one: proposed, abstained or blocked."""
    known = _known_repair(bench)
    if known is not None:
        return known
    shop, shard, repeated = bench.shop, bench.shard, failure.repeated
    with shop.manager.workspace(shard.run_id, repeated.plan.url, repeated.commit_sha) as workspace:
        bench.reach(Edge.CHECKED_OUT)
        checks = {check.name: check.status for check in repeated.report.checks}
        workspace.write_baseline(shard.shard_id, shard.attempt, Baseline(commit=workspace.commit, checks=checks))
        before = reading(workspace.path)
        proposal = shop.propose(failure, workspace, shard_id=shard.shard_id)
        refusal = None if isinstance(proposal, Abstained) else shop.gate(proposal, before)
        bench.reach(Edge.PROPOSED)
        repair = _repair_of(bench, failure, proposal, refusal)
        if repair.patch is not None:
            workspace.write_artefact(shard.shard_id, shard.attempt, "repair.patch", repair.patch.encode())
        try:
            with bench.held.effect() as connection:
                repair_store.insert(connection, bench.deployment, repair, fence=bench.fence)
        except IntegrityError as exc:
            raise ConflictError(f"{shard.repository} has another repair of this cause meanwhile") from exc
    bench.reach(Edge.WRITTEN)
    return repair


def prove_step(bench: Bench, failure: Failure, repair: Repair) -> Repair:
    """The repair as its experiments leave it; one that isn't to be proved comes back as it is."""
    if repair.state not in (RepairState.PROPOSED, RepairState.PROVING):
        return repair
    limit = _money_left(bench)
    if limit is not None and limit <= 0:
        return _write(bench, repair, RepairState.INCONCLUSIVE, reason="the money of this run is spent")
    if repair.state is RepairState.PROPOSED:
        repair = _write(bench, repair, RepairState.PROVING)
    bench.reach(Edge.PROVING)
    try:
        proved = bench.shop.prove(
            failure,
            proposal_of(repair),
            shard_id=repair.shard_id,
            key=str(repair.repair_id),
            limit_usd=limit,
        )
    except BudgetRefusedError as exc:
        return _write(bench, repair, RepairState.INCONCLUSIVE, reason=f"the budget refused: {exc}")
    bench.reach(Edge.PROVED)
    return keep_proof(bench, repair, proved)


def keep_proof(bench: Bench, repair: Repair, proved: Proved) -> Repair:
    """Write down what the experiments say."""
    with bench.held.effect() as connection:
        repair_store.move(
            connection,
            bench.deployment,
            repair.repair_id,
            proved.state,
            fence=bench.fence,
            reason=proved.reason,
            proof_validation_id=proved.proof_validation_id,
            control_validation_id=proved.control_validation_id,
            cost_usd=None if proved.cost_usd is None else proved.cost_usd + (repair.proposal_usd or 0),
        )
    return _again(bench, repair)


def publish_step(bench: Bench, failure: Failure, repair: Repair) -> Repair:
    """Give a proven repair to people; another one comes back as it is."""
    if repair.state is not RepairState.PROVEN:
        return repair
    bench.reach(Edge.PUBLISHING)
    shard, repeated = bench.shard, failure.repeated
    with bench.shop.manager.workspace(shard.run_id, repeated.plan.url, repeated.commit_sha) as workspace:
        given = bench.shop.publish(shard, repair, failure, workspace)
    bench.reach(Edge.PUBLISHED)
    if given.state is RepairState.PROVEN:
        # The next run tries again; until then it is said what was in the way.
        return _write(bench, repair, RepairState.PROVEN, reason=given.reason)
    if given.state in (RepairState.SUPERSEDED, RepairState.REJECTED):
        return _write(bench, repair, given.state, reason=given.reason)
    if given.state is not RepairState.PUBLISHED:
        raise ConflictError(f"repair {repair.repair_id} can't be given to people: {given.reason}")
    with bench.held.effect() as connection:
        repair_store.publish(
            connection,
            bench.deployment,
            repair.repair_id,
            fence=bench.fence,
            published_as=given.published_as,
            url=given.url,
        )
    return _again(bench, repair)


def finish_step(bench: Bench) -> None:
    """Write the shard's end by that of its repair."""
    bench.reach(Edge.ENDING)
    repair = _known_repair(bench)
    with bench.held.effect() as connection:
        if repair is None:
            store.finish(
                connection, bench.shard, bench.held.lease, ShardStatus.SKIPPED, outcome="nothing was to be done"
            )
        else:
            outcome = repair.state.value + (f": {repair.reason}" if repair.reason else "")
            store.finish(
                connection,
                bench.shard,
                bench.held.lease,
                ShardStatus.COMPLETED,
                outcome=outcome,
                cost_usd=repair.cost_usd,
            )
    bench.shop.reached(bench.shard.shard_id, Edge.ENDED)


def proposal_of(repair: Repair) -> Proposal:
    """What was proposed, from what was written down of it.

    Raises:
        ConflictError: Nothing was.
    """
    if repair.patch is None or repair.proposed_by is None:
        raise ConflictError(f"repair {repair.repair_id} has no patch: it is {repair.state.value}")
    return Proposal(
        by=repair.proposed_by,
        name=repair.name or "",
        patch=Patch.of(repair.patch),
        summary=repair.summary or "",
        root_cause=repair.root_cause or "",
        evidence=repair.evidence,
        cost_usd=repair.proposal_usd,
    )


def reading(tree: Path) -> Callable[[str], bytes | None]:
    """Gives files of a tree, None where there is none; no link is followed out of it."""
    root = tree.resolve()

    def read(name: str) -> bytes | None:
        try:
            path = (root / name).resolve(strict=True)
            if not path.is_relative_to(root) or not path.is_file() or path.stat().st_size > _LARGEST_READ:
                return None
            return path.read_bytes()
        except (OSError, ValueError):
            return None

    return read


def _known_repair(bench: Bench) -> Repair | None:
    """The shard's repair, or one of an earlier run that is proven and that nobody was given yet."""
    shard = bench.shard
    with bench.held.effect() as connection:
        own = repair_store.of_shard(connection, bench.deployment, shard.shard_id)
        if own is not None:
            return own
        live = repair_store.live_of(connection, bench.deployment, shard.repository, shard.signature)
        if live is None or live.state not in (RepairState.PROVEN, RepairState.PUBLISHED):
            return None
        if live.base_validation_id == shard.validation_id:
            return live
        # The repository broke anew since: what people had is of a past.
        _move(bench, live, RepairState.SUPERSEDED, connection)
    return None


def _repair_of(bench: Bench, failure: Failure, proposal: Proposal | Abstained, refusal: str | None) -> Repair:
    shard, now = bench.shard, datetime.now(timezone.utc)
    proposed = proposal if isinstance(proposal, Proposal) else None
    size = None if proposed is None else patch_size(proposed.patch.text)
    state = RepairState.PROPOSED if refusal is None else RepairState.BLOCKED
    return Repair(
        repair_id=uuid5(NAMESPACE_URL, f"repair/{bench.deployment}/{shard.shard_id}"),
        shard_id=shard.shard_id,
        repository=shard.repository,
        signature=shard.signature,
        base_validation_id=failure.repeated.validation_id,
        base_commit=failure.repeated.commit_sha,
        proposed_by=None if proposed is None else proposed.by,
        name=None if proposed is None else proposed.name,
        summary=None if proposed is None else proposed.summary,
        root_cause=None if proposed is None else proposed.root_cause,
        evidence=() if proposed is None else proposed.evidence,
        patch=None if proposed is None else proposed.patch.text,
        patch_sha256=None if proposed is None else proposed.patch.sha256,
        files=None if size is None else size.files,
        lines=None if size is None else size.lines,
        state=RepairState.ABSTAINED if isinstance(proposal, Abstained) else state,
        reason=proposal.reason if isinstance(proposal, Abstained) else refusal,
        proof_validation_id=None,
        control_validation_id=None,
        published_as=None,
        url=None,
        proposal_usd=proposal.cost_usd,
        cost_usd=proposal.cost_usd,
        created_at=now,
        updated_at=now,
        published_at=None,
    )


def _money_left(bench: Bench) -> Decimal | None:
    if bench.shop.max_cost_usd is None:
        return None
    with transaction(bench.shop.manager.database_url) as connection:
        spent = repair_store.spent(connection, bench.deployment, bench.shard.run_id)
    return bench.shop.max_cost_usd - spent


def _write(bench: Bench, repair: Repair, state: RepairState, *, reason: str | None = None) -> Repair:
    with bench.held.effect() as connection:
        _move(bench, repair, state, connection, reason=reason)
    return _again(bench, repair)


def _move(
    bench: Bench, repair: Repair, state: RepairState, connection: Connection, *, reason: str | None = None
) -> None:
    repair_store.move(connection, bench.deployment, repair.repair_id, state, fence=bench.fence, reason=reason)


def _again(bench: Bench, repair: Repair) -> Repair:
    """As it is in the database now."""
    with transaction(bench.shop.manager.database_url) as connection:
        return repair_store.find(connection, bench.deployment, repair.repair_id) or repair
