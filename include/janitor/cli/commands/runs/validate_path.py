"""Running the static checks on a checkout, before anything is pushed."""

from __future__ import annotations

from pathlib import Path

import click

from janitor.cli.console import Console
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import json_option, shared_options
from janitor.cli.streams import not_written


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor validate .",
        "janitor validate . --network",
        "janitor validate . --junit janitor.xml --github",
        "janitor validate . --json | jq '.checks[] | select(.status == \"fail\")'",
    ),
)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--network", is_flag=True, help="Ask registries, model hosts and the package index too.")
@click.option("--dockerfile", metavar="FILE", help="The Dockerfile, from the repository's root. Default: searched for.")
@click.option("--gpu", "gpu_required", is_flag=True, help="The worker must use a GPU, whatever its hub.json says.")
@click.option(
    "--junit", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML to this file."
)
@click.option("--github", "as_annotations", is_flag=True, help="Print GitHub annotations with file and line.")
@json_option
@shared_options
def validate(
    path: Path,
    *,
    network: bool,
    dockerfile: str | None,
    gpu_required: bool,
    junit: Path | None,
    as_annotations: bool,
    as_json_text: bool,
) -> ExitCode:
    """Run the static checks on a checkout; execute nothing of it.

    PATH is a worker's folder as it lies there, with changes that are not committed; what git ignores doesn't count.
    Needs neither network, engine, stack nor remote. Exit code 1 where a check fails or could not tell.
    """
    if as_json_text and as_annotations:
        raise click.UsageError("--json and --github are two forms of one answer; give one of them")
    from janitor.guest.processes.confinement import owning_descendants
    from janitor.validator.pipeline.static_run import validate_checkout
    from janitor.validator.settings import Settings

    console = Console()
    try:
        with owning_descendants():  # nothing that the checks start may outlive them
            result = validate_checkout(
                path.resolve(),
                settings=Settings.from_environment(),
                network=network,
                dockerfile=dockerfile,
                gpu_required=gpu_required,
            )
    except OSError as error:
        advice = "set TMPDIR to a writable folder"
        raise not_written("a temporary folder can't be made", error, advice) from error
    if junit is not None:
        from janitor.cli.render.repository.junit import junit_xml

        try:
            junit.write_text(junit_xml(result), encoding="utf-8")
        except OSError as error:
            raise not_written(f"{junit} can't be written", error) from error
    if as_json_text:
        from janitor.cli.render.repository.static import static_json

        console.result(static_json(result))
    elif as_annotations:
        from janitor.cli.render.repository.annotations import annotation_lines

        console.annotations(annotation_lines(result))
    else:
        from janitor.cli.render.repository.static import static_text

        console.result(static_text(result))
    return ExitCode.OK if result.is_good else ExitCode.NOT_SUCCESSFUL
