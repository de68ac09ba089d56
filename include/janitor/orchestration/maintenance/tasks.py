"""The tasks of `parallel_maintenance_poc` and of `sweep_workspaces`. Each calls one service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, get_current_context, task
from airflow.sdk.bases.sensor import PokeReturnValue

from janitor.domain.config.fields import RepairWay
from janitor.domain.errors import JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.domain.repair.shard import Shard
from janitor.domain.repair.states import ShardStatus
from janitor.domain.run_conf import MAINTENANCE_KEYS, unknown_among
from janitor.orchestration.failures import as_airflow_failure, failed_task
from janitor.orchestration.wiring import PLANNED_ENVIRONMENT, current_settings, settings_for
from janitor.services.maintenance import steps
from janitor.services.maintenance.airflow_runs import airflow_says_over
from janitor.services.maintenance.discovering import claim_all, find_work
from janitor.services.maintenance.sweeping import MaintenanceSweep, sweep_all
from janitor.services.maintenance.workshop import Edge, NotYetProved, Workshop
from janitor.services.workspaces.machine import this_process
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.services.workspaces.sweep import Swept
from janitor.settings import Settings
from janitor.stores import shards as store
from janitor.stores.database import transaction

if TYPE_CHECKING:
    from airflow.sdk import Context

log = LineLogger(__name__)

Step = Callable[..., Shard]
"""A function of `janitor.services.maintenance.steps`."""
LOOK_AGAIN = timedelta(seconds=15)
"""Between two looks at experiments that go on."""


@task
def discover() -> list[dict[str, str]]:
    """Find what there is to repair, claim it, and say what is left alone; one entry for each shard."""
    context = get_current_context()
    dag_run, params = context["dag_run"], context["params"]
    if refusal := unknown_among(dag_run.conf, MAINTENANCE_KEYS):
        raise failed_task(refusal)
    runs: list[UUID | None] = [UUID(each) for each in params["run_ids"]] or [None]
    try:
        settings = current_settings()
        for run in runs:
            found = find_work(settings, dag_run.run_id, validation_run=run, only=params["repositories"])
            for left in found.left_alone:
                log.info("%s is left alone: %s", left.repository, left.reason)
            if found.causes_left_out:
                log.info("%d causes more are left to the next run", found.causes_left_out)
            for planned in found.shards:
                log.info("%s%s", planned.shard_id, f", after {planned.canary_of}" if planned.canary_of else "")
            if not params["dry_run"]:
                claim_all(settings, found, airflow_run_id=dag_run.run_id)
        with transaction(settings.reader_url) as connection:
            # Also what a try before this one had claimed when it was killed.
            claimed = store.of_run(connection, settings.deployment, dag_run.run_id)
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    log.info("%d shards are this run's", len(claimed))
    return [
        {"shard_id": each.shard_id, "repository": each.repository, PLANNED_ENVIRONMENT: settings.environment}
        for each in claimed
    ]


_WAIT = {"mode": "reschedule", "poke_interval": 10.0, "timeout": timedelta(hours=24).total_seconds()}


@task.sensor(**_WAIT)  # type: ignore[untyped-decorator]  # Airflow's classes are not followed
def wait_for_turn(planned: dict[str, str]) -> PokeReturnValue:
    """Wait for the canary of the cause and for a place, without holding a worker."""
    context = get_current_context()
    context["repository"] = planned["repository"]
    try:
        shop = _shop(planned, context)
        begun = steps.may_begin(shop, planned["shard_id"], most_at_once=int(context["params"]["parallel_limit"]))
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    return PokeReturnValue(is_done=begun)


class AskingOperator(BaseOperator):
    """Carry out a step that may need experiments; deferred while they go on.

    :param planned: An entry of what `discover` returned.
    """

    step: Step

    template_fields = ("planned",)

    def __init__(self, *, planned: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned

    def execute(self, context: Context) -> str:
        """Ask for what is missing, and defer."""
        try:
            return _carried_out(self.planned, type(self).step)
        except NotYetProved as exc:
            log.info("%s", exc)
            self.defer(trigger=TimeDeltaTrigger(LOOK_AGAIN), method_name="execute_complete")
            raise

    def execute_complete(self, context: Context, event: Any) -> str:
        """Look again."""
        return self.execute(context)


class ProposeOperator(AskingOperator):
    """Look for a repair in a working tree, and judge it; which release broke it is found by experiments."""

    step = staticmethod(steps.propose_shard)


class ProveOperator(AskingOperator):
    """Have a repair proved by experiments."""

    step = staticmethod(steps.prove_shard)


@task
def publish(planned: dict[str, str]) -> str:
    """Give a proven repair to people."""
    return _carried_out(planned, steps.publish_shard)


@task
def release(planned: dict[str, str]) -> str:
    """Make the shard final, whatever became of its other tasks."""
    context = get_current_context()
    context["repository"] = planned["repository"]
    try:
        shard = steps.release_shard(_shop(planned, context), planned["shard_id"])
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    return _told(shard)


@task
def sweep() -> dict[str, int]:
    """Remove what dead workers of any run left, and end the shards of this one that aren't final."""
    own = get_current_context()["dag_run"].run_id
    try:
        settings = current_settings()
        others = airflow_says_over(settings)
        swept = sweep_all(WorkspaceManager.of(settings), is_over=lambda run_id: run_id == own or others(run_id))
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    return _counted(swept)


@task
def sweep_everything() -> dict[str, int]:
    """The same on a schedule; fails where something can't be removed."""
    dry_run = bool(get_current_context()["params"]["dry_run"])
    try:
        settings = current_settings()
        swept = sweep_all(WorkspaceManager.of(settings), is_over=airflow_says_over(settings), dry_run=dry_run)
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    counted = _counted(swept)
    if swept.failed:
        raise failed_task(*(f"{line.path}: {line.reason}" for line in swept.failed))
    return counted


@task
def verdict() -> str:
    """Judge the run: fails where nothing is known of a shard's repair, by trouble of ours."""
    run_id = get_current_context()["dag_run"].run_id
    try:
        settings = current_settings()
        with transaction(settings.reader_url) as connection:
            shards = store.of_run(connection, settings.deployment, run_id)
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    for shard in shards:
        log.info("%s: %s", shard.shard_id, _told(shard))
    bad = [shard for shard in shards if shard.status not in (ShardStatus.COMPLETED, ShardStatus.SKIPPED)]
    text = f"{len(shards) - len(bad)}/{len(shards)} shards came to an outcome"
    if bad:
        raise failed_task(text, *(f"{shard.shard_id}: {_told(shard)}" for shard in bad))
    return text


def _carried_out(planned: dict[str, str], step: Step) -> str:
    """Carry a step of this task out; fails where the shard did."""
    context = get_current_context()
    context["repository"] = planned["repository"]
    try:
        shard = step(_shop(planned, context), planned["shard_id"], is_new_try=context["ti"].try_number > 1)
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    if shard.status is ShardStatus.FAILED:
        raise failed_task(f"{shard.shard_id}: {shard.error_message}")
    return _told(shard)


def _told(shard: Shard) -> str:
    return shard.error_message or shard.outcome or shard.status.value


def _shop(planned: dict[str, str], context: Any) -> Workshop:
    settings: Settings = settings_for(planned)
    params, ti = context["params"], context["ti"]

    def reached(shard_id: str, edge: Edge) -> None:
        log.info("%s: %s", shard_id, edge.value.replace("_", " "))

    return steps.asking_workshop(
        settings,
        max_cost_usd=None if params["max_cost_usd"] is None else Decimal(str(params["max_cost_usd"])),
        way=None if params["mode"] is None else RepairWay(params["mode"]),
        reached=reached,
        holder=this_process(task=f"{ti.dag_id}/{ti.run_id}/{ti.task_id}[{ti.map_index}] try {ti.try_number}"),
    )


def _counted(swept: MaintenanceSweep) -> dict[str, int]:
    for line in swept.lines:
        if line.what is not Swept.LIVE:
            log.info("%s: %s: %s", line.path or line.reason, line.what.value, line.reason)
    for shard in swept.ended:
        log.warning("%s: ended, as nobody worked on it any more", shard.shard_id)
    counted = {what.value: sum(line.what is what for line in swept.lines) for what in Swept}
    return {name: count for name, count in counted.items() if count} | {"shards_ended": len(swept.ended)}
