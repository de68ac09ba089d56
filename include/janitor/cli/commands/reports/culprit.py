"""Which release broke a repository."""

from __future__ import annotations

import shlex
from decimal import Decimal, InvalidOperation
from uuid import UUID

import click

from janitor.cli.completion import complete_repository, complete_run
from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.culprit.culprit import Culprit, Limits
from janitor.domain.experiment.experiment import Laboratory
from janitor.domain.repair.proposal import Failure
from janitor.settings import Settings

_MOST_STEPS = 200
_USUAL_USD = Decimal(5)
_MOST_USD = Decimal(10_000)


class Dollars(click.ParamType[Decimal]):
    """A positive amount of US dollars."""

    name = "dollars"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Read it; anything else is a usage error."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or not 0 < amount <= _MOST_USD:
            self.fail(f"{str(value)[:40]!r} is not an amount of US dollars up to {_MOST_USD:,}", param, ctx)
        return amount


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor culprit worker-basic",
        "janitor culprit worker-basic --here --max-steps 15",
        "janitor culprit worker-basic --run 550e84 --max-usd 2.50 --json | jq .changes",
    ),
)
@click.argument("repo", shell_complete=complete_repository)
@click.option(
    "--run", metavar="RUN", shell_complete=complete_run, help="In which it failed. Default: its last verdict."
)
@click.option("--max-steps", type=Count(1, _MOST_STEPS), default=40, show_default=True, help="Most experiments.")
@click.option(
    "--max-usd",
    type=Dollars(),
    default=_USUAL_USD,
    show_default=True,
    help="Most that they may cost together, in US dollars, so far as their cost is known; the budget holds as well.",
)
@click.option(
    "--here", is_flag=True, help="Try on this machine, by what the failure was seen with, and not on instances."
)
@json_option
@shared_options
@pass_session
def culprit(
    session: Session,
    *,
    repo: str,
    run: str | None,
    max_steps: int,
    max_usd: Decimal,
    here: bool,
    as_json_text: bool,
) -> ExitCode:
    """Say which release broke a repository whose commit did not change.

    Parts of what the last success was made of (packages, base images, Python) are put back, and the repository is
    validated again, until the smallest set is found that makes it green. Each step is written down: a search that is
    interrupted, or that comes to a limit, goes on when it is asked for again. Exit code 0: found; 1: it can't be told.
    """
    from janitor.services.culprit.question import failure_asked_about

    settings, console = session.settings(), Console(quiet=as_json_text)
    failure = failure_asked_about(settings, repo, _run_id(settings, run))
    session.on_interrupt = (
        "What was tried is kept, and an experiment on an instance goes on within its limits; ask again to go on:"
        f" janitor culprit {shlex.quote(repo)}{' --here' if here else ''}"
    )
    found = _search(settings, console, failure, Limits(max_steps=max_steps, max_usd=max_usd), here=here)
    if as_json_text:
        from janitor.views.culprit import culprit_dict
        from janitor.views.document import as_json

        console.result(as_json(culprit_dict(found, failure)))
    else:
        from janitor.cli.render.reports.culprit import culprit_text

        console.answer(culprit_text(found))
    return ExitCode.OK if found.is_found else ExitCode.NOT_SUCCESSFUL


def _run_id(settings: Settings, run: str | None) -> UUID | None:
    from janitor.services.report.reports import run_view

    return None if run is None else run_view(settings, run).run_id


def _search(settings: Settings, console: Console, failure: Failure, limits: Limits, *, here: bool) -> Culprit:
    from janitor.cli.render.reports.culprit import question_text, step_text
    from janitor.services.culprit.notebook import PostgresNotebook
    from janitor.services.culprit.question import search_key, tree_of
    from janitor.services.culprit.search import find_culprit, without_question

    console.progress(question_text(failure))
    if (unasked := without_question(failure)) is not None:
        return unasked
    key = search_key(failure, here=here)
    laboratory = _laboratory(settings, key, here=here)
    notebook = PostgresNotebook(settings, key=key, validation_id=failure.repeated.validation_id)
    with tree_of(settings, failure) as tree:
        return find_culprit(
            laboratory,
            failure,
            tree=tree,
            notebook=notebook,
            limits=limits,
            on_step=lambda step: console.progress(step_text(step), wrapped=True),
        )


def _laboratory(settings: Settings, key: str, *, here: bool) -> Laboratory:
    if here:
        from janitor.services.experiments.here import LocalLaboratory

        return LocalLaboratory(settings.state_dir / "experiments")
    from janitor.services.experiments.by_airflow import AirflowLaboratory
    from janitor.stack.stack import require_up

    require_up(settings)
    return AirflowLaboratory(settings, asked_by=key)
