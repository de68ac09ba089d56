"""What a person orders: checked before anything starts, and its price shown before it is launched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.cli.render.runs.plan import plan_question, plan_text, sequential_plan_text
from janitor.cli.terminal.asking import require_yes
from janitor.cli.terminal.console import Console
from janitor.domain.errors import BudgetRefusedError
from janitor.domain.states import RunKind
from janitor.services.config_files import is_object
from janitor.services.launch.blueprint import RunBlueprint, RunRequest, blueprint_of, check_blueprint
from janitor.services.money.estimate import CheckedEstimate
from janitor.services.money.expected import RunForecast, forecast
from janitor.settings import Settings, StackKind

_UNTIL_TRIGGERED = ""
"""Airflow's id of a run that isn't triggered yet."""


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """What the user asked for, checked."""

    request: RunRequest
    timeout_minutes: float | None
    """As it was given, so that it travels unrounded."""
    blueprint: RunBlueprint
    checked: CheckedEstimate


def check_order(
    settings: Settings,
    *,
    config: str | None,
    repository: str | None,
    timeout_minutes: float | None,
    max_concurrent_instances: int | None = None,
    kind: RunKind = RunKind.PARALLEL,
) -> RunOrder:
    """Check everything that can be checked before anything starts.

    Args:
        settings: Of the environment.
        config: As the user gave it, seen from the current folder; None is the environment's default.
        repository: The only one to validate, or None.
        timeout_minutes: Takes the place of the configuration's default.
        max_concurrent_instances: Takes the place of the configuration's limit.
        kind: Of the run; each kind has a configuration of its own.

    Raises:
        ConfigError: The configuration is wrong; it lists every problem.
        NotFoundError: The repository isn't in it.
        BudgetRefusedError: Its worst case is above the run's limit; the day's is asked when the run is triggered.
    """
    request = manual_request(
        settings,
        config=config,
        repository=repository,
        timeout_minutes=timeout_minutes,
        max_concurrent_instances=max_concurrent_instances,
        kind=kind,
    )
    return _checked(settings, request, timeout_minutes)


def manual_request(
    settings: Settings,
    *,
    config: str | None,
    repository: str | None,
    timeout_minutes: float | None,
    max_concurrent_instances: int | None = None,
    kind: RunKind = RunKind.PARALLEL,
) -> RunRequest:
    """What a person asks for, unchecked; the arguments are as for `check_order`."""
    return RunRequest(
        airflow_run_id=_UNTIL_TRIGGERED,
        trigger="manual",
        config_path=config_path(settings, config, kind),
        repository=repository,
        timeout=timedelta(minutes=timeout_minutes) if timeout_minutes is not None else None,
        max_concurrent_instances=max_concurrent_instances,
        kind=kind,
    )


def check_rerun(settings: Settings, run_id: str, *, only_unsuccessful: bool) -> RunOrder:
    """Check that a run can be done again.

    Args:
        settings: Of the environment.
        run_id: As for `run_view`.
        only_unsuccessful: Of that run, only the repositories that were not successful.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It goes on, or nothing of it is to be done again.
        BudgetRefusedError: As for `check_order`.
        DatabaseError: Postgres can't be used.
    """
    request = RunRequest(
        airflow_run_id=_UNTIL_TRIGGERED,
        trigger="manual",
        config_path=settings.default_config,
        rerun_of=run_id,
        only_unsuccessful=only_unsuccessful,
    )
    return _checked(settings, request, None)


def _checked(settings: Settings, request: RunRequest, timeout_minutes: float | None) -> RunOrder:
    blueprint = blueprint_of(settings, request)
    checked = check_blueprint(settings, blueprint, ask_for_day=False)
    if checked.refusal is not None:
        raise BudgetRefusedError(checked.refusal.message, checked.refusal)
    return RunOrder(request=request, timeout_minutes=timeout_minutes, blueprint=blueprint, checked=checked)


def show_plan(console: Console, settings: Settings, order: RunOrder, *, yes: bool, as_json_text: bool) -> None:
    """Print what the run is expected to cost and what it costs at the worst, and ask where that is above the config's
    `confirm_above_usd`.

    Raises:
        DeclinedError: The person said no; nothing was launched.
    """
    is_local, estimate = settings.stack is StackKind.EMBEDDED, order.checked.estimate
    if order.blueprint.total_timeout is not None:
        # One instance for all of them: none has a price of its own.
        expected = RunForecast(repositories=(), worst_case_usd=estimate.worst_case_usd, unpriced=estimate.unpriced)
        console.progress(sequential_plan_text(order.blueprint, estimate, is_local=is_local))
    else:
        expected = forecast(settings, order.blueprint.plans, estimate)
        console.progress(plan_text(expected, is_local=is_local, region=settings.region))
    limit = order.blueprint.confirm_above_usd
    if (question := plan_question(expected, limit)) is not None:
        require_yes(question, yes=yes, as_json_text=as_json_text)


def config_path(settings: Settings, given: str | None, kind: RunKind = RunKind.PARALLEL) -> str:
    """The configuration as Airflow finds it: relative to the project where it is inside, absolute elsewhere.

    A path is taken from the current folder, as everywhere, and else from the project's. An object in S3 keeps its name.
    """
    if given is None:
        return settings.default_repos_file if kind is RunKind.SEQUENTIAL else settings.default_config
    if is_object(given):
        return given
    from_here = Path.cwd() / given
    if not from_here.exists():
        return given
    file = from_here.resolve()
    return str(file.relative_to(settings.project_root) if file.is_relative_to(settings.project_root) else file)
