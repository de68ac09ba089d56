"""The steps of a shard where each is a process of its own, as the tasks of a DAG are. Nobody waits here.

Each step takes the shard up under a new lease, goes by what is written down, and gives it back: a try that was given up
and goes on nevertheless has an older fence, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from janitor.domain.errors import AirflowError, ConflictError, LeaseHeldError, NotFoundError
from janitor.domain.experiment.experiment import Experiment, Laboratory, Observation
from janitor.domain.experiment.observe import inconclusive
from janitor.domain.repair.proposal import Failure
from janitor.domain.repair.shard import Repair, Shard
from janitor.domain.repair.states import RepairState, ShardStatus
from janitor.services.experiments.by_airflow import AirflowLaboratory
from janitor.services.maintenance.bench import Bench, at_bench, ending_badly, shard_of
from janitor.services.maintenance.failures import failure_of
from janitor.services.maintenance.parts import laboratory_of, workshop_of
from janitor.services.maintenance.running import CANARY_LIMIT
from janitor.services.maintenance.work_shard import finish_step, propose_step, prove_step, publish_step
from janitor.services.maintenance.workshop import NotYetProved, Proved, Workshop
from janitor.settings import Settings
from janitor.stores import repairs as repair_store
from janitor.stores import shards as store
from janitor.stores.database import transaction

PROOF_LIMIT = timedelta(hours=24)
"""How long the experiments of one repair may take together, with all that they wait for."""


class AskingLaboratory:
    """Has experiments carried out and doesn't wait for them: what goes on is `NotYetProved`."""

    def __init__(self, laboratory: AirflowLaboratory) -> None:
        self._laboratory = laboratory

    def observe(self, experiment: Experiment) -> Observation:
        """See `Laboratory`."""
        try:
            self._laboratory.ask(experiment)
            observed = self._laboratory.outcome(experiment)
        except (ConflictError, NotFoundError) as exc:
            return inconclusive(f"it can't be carried out: {exc}")
        except AirflowError as exc:
            raise NotYetProved(f"Airflow can't be asked: {exc}") from exc
        if observed is None:
            raise NotYetProved(f"experiment {experiment.experiment_id} goes on")
        return observed


def asking_workshop(settings: Settings, **more: object) -> Workshop:
    """The workshop of a deployment whose experiments aren't waited for. Arguments and errors as `workshop_of`."""

    def laboratory(shard_id: str, failure: Failure) -> Laboratory:
        found = laboratory_of(settings, shard_id, failure)
        return AskingLaboratory(found) if isinstance(found, AirflowLaboratory) else found

    return workshop_of(settings, laboratory=laboratory, **more)  # type: ignore[arg-type]  # handed through


def may_begin(shop: Workshop, shard_id: str, *, most_at_once: int) -> bool:
    """Begin a shard once its canary is over and its run has a place for it; True where that is so, or it is final.

    Raises:
        NotFoundError: There is no such shard.
        DatabaseError: Postgres can't be used.
    """
    shard = shard_of(shop, shard_id)
    if shard.status is not ShardStatus.PENDING:
        return True
    if shard.canary_of is not None and not _is_over(shop, shard.canary_of):
        return False
    try:
        with at_bench(shop, shard_id, most_at_once=most_at_once) as bench:
            return bench is not None or shard_of(shop, shard_id).status.is_final
    except LeaseHeldError:
        return False


def propose_shard(shop: Workshop, shard_id: str, *, is_new_try: bool = False) -> Shard:
    """The first step; a shard that is final comes back as it is. Raises as `work_shard`."""
    return _step(shop, shard_id, propose_step, is_new_try=is_new_try)


def prove_shard(shop: Workshop, shard_id: str, *, is_new_try: bool = False) -> Shard:
    """The second step.

    Raises:
        NotYetProved: Ask again in a while; the shard isn't held until then.
    """
    return _step(shop, shard_id, _prove, is_new_try=is_new_try)


def publish_shard(shop: Workshop, shard_id: str, *, is_new_try: bool = False) -> Shard:
    """The third step."""

    def step(bench: Bench, failure: Failure) -> None:
        repair = _repair_of(bench)
        if repair is not None:
            publish_step(bench, failure, repair)

    return _step(shop, shard_id, step, is_new_try=is_new_try)


def release_shard(shop: Workshop, shard_id: str) -> Shard:
    """The last step, whatever became of the others: the shard is final after it."""
    with at_bench(shop, shard_id, is_new_try=False) as bench:
        if bench is not None:
            with ending_badly(bench):
                repair = _repair_of(bench)
                if repair is None or repair.state in (RepairState.PROPOSED, RepairState.PROVING):
                    raise ConflictError("its steps didn't come to their end; see their logs")
                finish_step(bench)
    return shard_of(shop, shard_id)


def _step(shop: Workshop, shard_id: str, step: Callable[[Bench, Failure], object], *, is_new_try: bool) -> Shard:
    with at_bench(shop, shard_id, is_new_try=is_new_try) as bench:
        if bench is not None:
            with ending_badly(bench):
                step(bench, failure_of(shop.settings, bench.shard.validation_id))
    return shard_of(shop, shard_id)


def _prove(bench: Bench, failure: Failure) -> None:
    repair = _repair_of(bench)
    if repair is None:
        raise ConflictError("nothing was written down of its proposal; see the log of `propose`")
    try:
        prove_step(bench, failure, repair)
    except NotYetProved:
        now = _repair_of(bench) or repair
        if datetime.now(timezone.utc) - now.updated_at < PROOF_LIMIT:
            raise
        prove_step(_with_experiments_given_up(bench), failure, now)


def _with_experiments_given_up(bench: Bench) -> Bench:
    """The same, with experiments that are taken for given up."""

    def given_up(*_: object, **__: object) -> Proved:
        hours = PROOF_LIMIT.total_seconds() / 3600
        return Proved(
            state=RepairState.INCONCLUSIVE,
            reason=f"its experiments were not over after {hours:g} hours",
            proof_validation_id=None,
            control_validation_id=None,
            cost_usd=Decimal(0),
        )

    return replace(bench, shop=replace(bench.shop, prove=given_up))


def _repair_of(bench: Bench) -> Repair | None:
    with transaction(bench.shop.manager.database_url) as connection:
        shard = bench.shard
        own = repair_store.of_shard(connection, bench.deployment, shard.shard_id)
        return own or repair_store.live_of(connection, bench.deployment, shard.repository, shard.signature)


def _is_over(shop: Workshop, canary: str) -> bool:
    with transaction(shop.manager.database_url) as connection:
        found = store.find(connection, shop.settings.deployment, canary)
    if found is None or found.status.is_final:
        return True
    return datetime.now(timezone.utc) - found.updated_at > CANARY_LIMIT
