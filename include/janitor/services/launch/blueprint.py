"""What a run is made of: the repositories with all their parameters, and its limits; from a config, or from a run.

A run that is done again is made of what its plan said, not of what its config says by now: the same parameters, also
where the file has changed or is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from janitor.domain.config.fields import Badges
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.config.sequential import SequentialConfig
from janitor.domain.errors import CloudError, ConfigError, ConflictError, NotFoundError
from janitor.domain.money.budget import BudgetLimits, RunEstimate
from janitor.domain.news.routes import Routes
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.resolve import resolved_pools
from janitor.domain.states import RunKind, RunPurpose, RunStatus, ValidationStatus
from janitor.domain.watch.sequential import SEQUENTIAL_NAME
from janitor.services.config_files import load_as, load_config
from janitor.services.money.estimate import CheckedEstimate, check_estimate, estimate_plans, estimate_pools
from janitor.services.outbox.routing import routes_for
from janitor.services.report.reports import run_view
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.maintenance import experiments


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a trigger asks for; None leaves a value to the config."""

    airflow_run_id: str
    trigger: str
    config_path: str
    repository: str | None = None
    timeout: timedelta | None = None
    max_concurrent_instances: int | None = None
    rerun_of: str | None = None
    """A run that is done again, named as for `run_view`; what the config says counts no more then."""
    only_unsuccessful: bool = False
    """Of that run, only the repositories that were not successful."""
    kind: RunKind = RunKind.PARALLEL
    experiment: UUID | None = None
    """An experiment that is to be carried out; nothing of the above counts then but the trigger."""


@dataclass(frozen=True, kw_only=True)
class RunBlueprint:
    """A run before it is planned."""

    source: str
    """The config as the user knows it."""
    sha256: str
    """Of the config's text."""
    plans: tuple[RepositoryPlan, ...]
    grace: timedelta
    timeout: timedelta
    """The run's own hard limit for a repository."""
    max_concurrent_instances: int
    limits: BudgetLimits
    confirm_above_usd: Decimal | None
    kind: RunKind = RunKind.PARALLEL
    total_timeout: timedelta | None = None
    """Of a sequential run: the hard limit for all of its repositories together."""
    expected_errors: tuple[str, ...] = ()
    """Of a sequential run: patterns of the ERROR lines that its log may have."""
    news_routes: Routes | None = None
    """Who is told of its news."""
    badges: bool = False
    """Whether its repositories have a badge."""
    purpose: RunPurpose = RunPurpose.FLEET
    pools: tuple[Pool, ...] = ()
    """Those of the config that validate some of it, as this deployment has them."""


def blueprint_of(settings: Settings, request: RunRequest) -> RunBlueprint:
    """What a trigger asks for.

    Raises:
        ConfigError: The config is wrong.
        SettingsError: The deployment's own variables of its default pool contradict it.
        NotFoundError: The one repository that was asked for isn't in it, or the run, or the experiment, isn't known.
        ConflictError: The run goes on, or nothing of it is to be done again; or the experiment can't be carried out.
        DatabaseError: A run is to be done again, or an experiment carried out, and Postgres can't be used.
    """
    if request.experiment is not None:
        return _of_experiment(settings, request.experiment, request)
    if request.rerun_of is not None:
        return _of_run(settings, request.rerun_of, request)
    if request.kind is RunKind.SEQUENTIAL:
        return _of_repositories(settings, request)
    loaded = load_config(settings, request.config_path)
    config = loaded.config
    plans = config.plan(
        default_timeout=request.timeout, required_proof=settings.required_proof, only=request.repository
    )
    named = {plan.pool for plan in plans}
    return RunBlueprint(
        source=loaded.source,
        sha256=loaded.sha256,
        plans=plans,
        pools=tuple(pool for pool in resolved_pools(config, settings.pool_overrides) if pool.name in named),
        grace=config.grace,
        timeout=request.timeout or config.default_timeout,
        max_concurrent_instances=request.max_concurrent_instances or config.max_concurrent_instances,
        limits=BudgetLimits(run_usd=config.max_run_cost_usd, daily_usd=config.daily_budget_usd),
        confirm_above_usd=config.confirm_above_usd,
        news_routes=routes_for(settings, config),
        badges=config.badges is Badges.PUBLIC,
    )


def _of_repositories(settings: Settings, request: RunRequest) -> RunBlueprint:
    """A sequential run, from its own kind of configuration."""
    loaded = load_as(SequentialConfig, settings, request.config_path)
    config = loaded.config
    plans = config.plan(
        default_timeout=request.timeout, required_proof=settings.required_proof, only=request.repository
    )
    return RunBlueprint(
        source=loaded.source,
        sha256=loaded.sha256,
        plans=plans,
        grace=config.grace,
        timeout=request.timeout or config.default_timeout,
        max_concurrent_instances=request.max_concurrent_instances or config.max_concurrent_instances,
        limits=BudgetLimits(run_usd=config.max_run_cost_usd, daily_usd=config.daily_budget_usd),
        confirm_above_usd=config.confirm_above_usd,
        kind=RunKind.SEQUENTIAL,
        total_timeout=config.total_timeout([plan.timeout for plan in plans]),
        expected_errors=config.expected_errors,
        news_routes=routes_for(settings, config),
        badges=config.badges is Badges.PUBLIC,
    )


def _of_run(settings: Settings, wanted: str, request: RunRequest) -> RunBlueprint:
    run = run_view(settings, wanted)
    if run.status is RunStatus.RUNNING:
        raise ConflictError(
            f"run {run.run_id} still goes on; wait for its end (`make follow RUN_ID={run.run_id}`), or stop it first"
            f" (`make cancel RUN_ID={run.run_id}`)"
        )
    with transaction(settings.reader_url) as connection:
        planned = store.planned_run(connection, run.run_id)
    if planned.purpose is RunPurpose.EXPERIMENT:
        raise ConflictError(f"run {run.run_id} is an experiment; whoever asked for it asks for another one")
    if planned.kind is RunKind.SEQUENTIAL:
        raise ConflictError(
            f"run {run.run_id} is sequential; start another one instead:"
            f" `make run-janitor REPOS_FILE={planned.config_file_path}`"
        )
    chosen = [
        each
        for each in planned.repositories
        if not request.only_unsuccessful or each.status is not ValidationStatus.SUCCESS
    ]
    if not chosen:
        raise ConflictError(f"every repository of run {run.run_id} is successful: there is nothing to do again")
    try:
        plans = tuple(RepositoryPlan.from_dict(each.plan) for each in chosen)
    except ValueError as exc:
        raise ConflictError(f"run {run.run_id} was planned by another version of Janitor: {exc}") from exc
    return RunBlueprint(
        source=planned.config_file_path,
        sha256=planned.config_sha256,
        plans=plans,
        grace=chosen[0].grace,
        timeout=planned.timeout,
        max_concurrent_instances=request.max_concurrent_instances or planned.max_concurrent_instances,
        limits=BudgetLimits(run_usd=planned.max_run_cost_usd, daily_usd=planned.daily_budget_usd),
        confirm_above_usd=_confirm_above(settings, planned.config_file_path),
        news_routes=None if planned.news_routes is None else Routes.from_dict(planned.news_routes),
        badges=planned.badges,
    )


def _of_experiment(settings: Settings, wanted: UUID, request: RunRequest) -> RunBlueprint:
    """The repeated validation's plan at its exact commit, on the type that it really ran on, with the change."""
    with transaction(settings.reader_url) as connection:
        asked = experiments.find(connection, settings.deployment, wanted)
        if asked is None:
            raise NotFoundError(f"there is no experiment {wanted} in deployment {settings.deployment}")
        if asked.airflow_run_id != request.airflow_run_id:
            raise ConflictError(f"experiment {wanted} is carried out by run {asked.airflow_run_id} alone")
        repeated = experiments.repeatable(connection, settings.deployment, asked.repeated_validation_id)
        planned = None if repeated is None else store.planned_run(connection, repeated.run_id)
    if repeated is None or planned is None or repeated.purpose is RunPurpose.EXPERIMENT:
        raise ConflictError(f"validation {asked.repeated_validation_id} hasn't ended, or is an experiment itself")
    if repeated.commit_sha is None or repeated.instance_type is None:
        raise ConflictError(
            f"validation {repeated.validation_id} can't be repeated: it came to no commit, or to no instance"
        )
    try:
        plan = RepositoryPlan.from_dict(repeated.plan)
    except ValueError as exc:
        raise ConflictError(f"{repeated.validation_id} was planned by another version of Janitor: {exc}") from exc
    # On a machine of its own: what a pool's worker has been warmed with would be in the answer.
    types = (repeated.instance_type,)
    plan = replace(plan, ref=repeated.commit_sha, instance_types=types, patch=asked.patch, pool=None)
    return RunBlueprint(
        source=planned.config_file_path,
        sha256=planned.config_sha256,
        plans=(plan,),
        grace=repeated.grace,
        timeout=plan.timeout,
        max_concurrent_instances=planned.max_concurrent_instances,
        limits=BudgetLimits(run_usd=planned.max_run_cost_usd, daily_usd=planned.daily_budget_usd),
        confirm_above_usd=None,
        purpose=RunPurpose.EXPERIMENT,
    )


def _confirm_above(settings: Settings, source: str) -> Decimal | None:
    """What the config says now: whom to ask isn't the run's, but the person's who does it again."""
    try:
        return load_config(settings, source).config.confirm_above_usd
    except (CloudError, ConfigError):
        return None


def estimate_blueprint(settings: Settings, blueprint: RunBlueprint) -> RunEstimate:
    """What a run may cost at the worst: a sequential one has a single instance for all of its repositories.

    Raises:
        SettingsError: The prices can't be used.
    """
    plans = blueprint.plans
    if blueprint.total_timeout is not None:
        plans = (replace(plans[0], name=SEQUENTIAL_NAME, timeout=blueprint.total_timeout),)
    return estimate_plans(settings, blueprint.grace, plans)


def check_blueprint(settings: Settings, blueprint: RunBlueprint, *, ask_for_day: bool = True) -> CheckedEstimate:
    """The worst case of a run, judged by its budget; `ask_for_day` as for `check_estimate`.

    Raises:
        SettingsError: The prices can't be used.
    """
    estimate = estimate_blueprint(settings, blueprint)
    checked = check_estimate(settings, blueprint.source, estimate, blueprint.limits, ask_for_day=ask_for_day)
    return replace(checked, pools=estimate_pools(settings, blueprint.pools))
