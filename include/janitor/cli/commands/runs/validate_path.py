"""Running the static checks on a checkout, before anything is pushed."""

from __future__ import annotations

from pathlib import Path

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import json_option, shared_options
from janitor.cli.terminal.console import Console
from janitor.cli.terminal.streams import not_written, write_file


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor validate .",
        "janitor validate . --network",
        "janitor validate . --junit janitor.xml --github --summary summary.md",
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
@click.option(
    "--summary", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Append Markdown to this file."
)
@click.option("--github", "as_annotations", is_flag=True, help="Print GitHub annotations, too, with file and line.")
@json_option
@shared_options
def validate(
    path: Path,
    *,
    network: bool,
    dockerfile: str | None,
    gpu_required: bool,
    junit: Path | None,
    summary: Path | None,
    as_annotations: bool,
    as_json_text: bool,
) -> ExitCode:
    """Run the static checks on a checkout; execute nothing of it.

    PATH is a worker's folder as it lies there, with changes that are not committed; what git ignores doesn't count.
    Needs neither network, engine, stack nor remote. Exit code 1 where a check fails or could not tell. A folder that
    is no checkout, and either large or without a Dockerfile, is refused.
    """
    if as_json_text and as_annotations:
        raise click.UsageError("--json and --github are two forms of one answer; give one of them")
    from janitor.domain.errors import NotFoundError
    from janitor.guest.processes.confinement import owning_descendants
    from janitor.validator.checkout.local_checkout import NoCheckoutError
    from janitor.validator.pipeline.static_run import validate_checkout
    from janitor.validator.settings import Settings

    console, settings = Console(), Settings.from_environment()
    try:
        with owning_descendants():  # nothing that the checks start may outlive them
            result = validate_checkout(
                path.resolve(),
                settings=settings,
                network=network,
                dockerfile=dockerfile,
                gpu_required=gpu_required,
            )
    except NoCheckoutError as error:
        raise NotFoundError(str(error)) from error
    except OSError as error:
        advice = "set TMPDIR to a writable folder"
        raise not_written("a temporary folder can't be made", error, advice) from error
    if junit is not None:
        from janitor.prepush.junit import junit_xml

        write_file(junit, junit_xml(result))
    if summary is not None:
        from janitor.prepush.summary import summary_markdown

        write_file(summary, summary_markdown(result), mode="a")
    from janitor.prepush.telling import static_json, static_text

    console.result(static_json(result) if as_json_text else static_text(result))
    if as_annotations:
        from janitor.prepush.annotations import annotation_lines
        from janitor.prepush.repository_root import folder_in_repository

        folder = folder_in_repository(result.root, settings.github_workspace)
        console.annotations(annotation_lines(result, folder=folder))
    return ExitCode.OK if result.is_good else ExitCode.NOT_SUCCESSFUL
