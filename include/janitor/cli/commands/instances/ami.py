"""The machine image: made, published, and older ones removed."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.ami import tidied_text
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.errors import SettingsError
from janitor.services.machine_image import housekeeping, packer
from janitor.settings import Settings, StackKind, project_root
from janitor.settings.process import process_environment


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor ami --env dev",
        "janitor ami --env dev --image ami-0123456789abcdef0   # go back to the one before",
        "janitor ami --env prod --tidy --dry-run",
    ),
)
@click.option("--image", metavar="AMI", help="Publish this image instead of building one.")
@click.option("--base", metavar="AMI", help="Build on this one. Default: AWS's newest with driver and toolkit.")
@click.option("--cuda-image", metavar="IMAGE", help="A container image that works with CUDA, to try each host with.")
@click.option("--tidy", is_flag=True, help="Build and publish nothing; remove superseded images.")
@click.option("--dry-run", is_flag=True, help="With --tidy: say what would be removed.")
@shared_options
@pass_session
def ami(  # noqa: PLR0917  # click gives them by name
    session: Session, image: str | None, base: str | None, cuda_image: str | None, tidy: bool, dry_run: bool
) -> ExitCode:
    """Build the image of the instances, publish it, and remove superseded ones.

    The newest two stay, so that `--image` can go back to the one before; an image that a launch template's default
    version or a parameter names is never removed. The snapshots of what is removed go with it.
    """
    context = click.get_current_context()
    if dry_run and not tidy:
        raise click.UsageError("--dry-run goes with --tidy", context)
    if image is not None and (base is not None or cuda_image is not None or tidy):
        raise click.UsageError("--image goes with none of --base, --cuda-image and --tidy", context)
    settings, console = session.settings(), Console()
    session.on_interrupt = "Packer was given time to remove its builder; what it left powers itself off."
    if settings.stack is StackKind.EMBEDDED:
        raise SettingsError("the instances of the embedded stack are boxes on this machine and have no image")
    if not tidy:
        built = image or _build(console, settings, base, cuda_image)
        parameter = housekeeping.publish(settings, built)
        console.result(f"{built} is published in {parameter}: every launch takes it from now on")
    with console.working("Looking for superseded images") as step:
        tidied = housekeeping.tidy(settings, dry_run=dry_run, progress=step)
    console.result(tidied_text(tidied, dry_run=dry_run))
    return ExitCode.OK


def _build(console: Console, settings: Settings, base: str | None, cuda_image: str | None) -> str:
    source = base or housekeeping.base_image(settings)
    console.progress(f"Building on {source} with Packer: about 15 minutes, and some cents for the builder")
    return packer.build_image(
        project_root(),
        packer.ImageOrder(
            deployment=settings.deployment,
            region=settings.region,
            source_ami=source,
            log_group=settings.log_group,
            at=datetime.now(timezone.utc),
            subnet_id=next(iter(settings.subnet_ids), None),
            cuda_image=cuda_image,
        ),
        process_environment(None),
    )
