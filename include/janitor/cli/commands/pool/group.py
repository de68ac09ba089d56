"""The group of the pools' commands."""

from __future__ import annotations

import click

from janitor.cli.registry import GROUPS, ExampleGroup
from janitor.cli.session import shared_options


@click.group(
    cls=ExampleGroup,
    entries=GROUPS["pool"],
    examples=(
        "janitor pool status",
        "janitor pool decisions --last 5",
        "janitor pool drain 550e84",
        "janitor pool stop default --reason 'the night is over'",
        "janitor pool run --every 30",
    ),
)
@shared_options
def pool() -> None:
    """See the pools of warm workers, and tell them what to do.

    A worker that drains finishes what it has, and ends; a pool that is stopped spawns nothing and drains all of it.
    Whatever is ordered here is written down with who ordered it; the next pass carries it out, within a minute.
    """
