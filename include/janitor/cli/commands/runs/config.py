"""Checking a configuration without launching anything."""

from __future__ import annotations

from dataclasses import asdict

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.orders import config_path
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.runs.config import config_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.config.sequential import SequentialConfig, sequential_config_schema
from janitor.domain.config.workers import WorkersConfig, workers_config_schema
from janitor.domain.errors import ConfigError
from janitor.domain.pool.resolve import resolved_pools
from janitor.domain.states import RunKind
from janitor.services.config_files import load_as
from janitor.views.document import as_json
from janitor.views.pools import pool_plain


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor check-config infra/workers-config.yaml",
        "janitor check-config --json | jq '.problems[].message'",
        "janitor check-config --sequential infra/repos.yaml",
        "janitor check-config --schema > infra/workers-config.schema.json",
    ),
)
@click.argument("config", required=False)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration instead.")
@click.option("--sequential", is_flag=True, help="It is the configuration of a sequential run.")
@json_option
@shared_options
@pass_session
def check_config(
    session: Session, config: str | None, *, schema: bool, sequential: bool, as_json_text: bool
) -> ExitCode:
    """Check a workers configuration; launch nothing.

    Every problem is listed with its file, line, repository and field. CONFIG defaults to the environment's own, with
    --sequential to its REPOS_FILE. Needs neither the stack nor the cloud.
    """
    console = Console()
    if schema:
        console.result(as_json(sequential_config_schema() if sequential else workers_config_schema()))
        return ExitCode.OK
    settings = session.settings_before_apply()
    path = config_path(settings, config, RunKind.SEQUENTIAL if sequential else RunKind.PARALLEL)
    try:
        loaded = load_as(SequentialConfig if sequential else WorkersConfig, settings, path)
    except ConfigError as error:
        if not as_json_text:
            raise
        problems = [asdict(problem) for problem in error.problems]
        console.result(as_json({"source": path, "valid": False, "problems": problems}))
        return ExitCode.USAGE
    pools = resolved_pools(loaded.config, settings.pool_overrides)
    if as_json_text:
        planned = loaded.config.plan(required_proof=settings.required_proof)
        plans = [plan.to_dict(whole=True) for plan in planned]
        answer = {"source": path, "valid": True, "problems": [], "repositories": plans}
        console.result(as_json(answer | {"pools": [pool_plain(pool) for pool in pools]}))
    else:
        proof, engine = settings.required_proof, settings.engine
        console.result(config_text(path, loaded.config, required_proof=proof, engine=engine, pools=pools))
    return ExitCode.OK
