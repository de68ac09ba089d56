"""Options that several commands have, and what they accept."""

from __future__ import annotations

import math

import click

from janitor.domain.config.limits import MAX_TIMEOUT_MINUTES


class Minutes(click.ParamType[float]):
    """A number of minutes, fractions allowed, within what a hard limit may be."""

    name = "minutes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number; anything else is a usage error."""
        try:
            minutes = float(str(value))
        except ValueError:
            minutes = math.nan
        # One second is the least that a limit may be; a comparison with NaN is false.
        if not 1 / 60 <= minutes <= MAX_TIMEOUT_MINUTES:
            self.fail(f"{str(value)[:40]!r} is not a number of minutes up to {MAX_TIMEOUT_MINUTES:,}", param, ctx)
        return minutes


timeout_option = click.option(
    "--timeout-minutes",
    type=Minutes(),
    help="Hard limit in minutes for repositories that name none. Default: the configuration's.",
)
repository_option = click.option(
    "--repo", "repository", metavar="REPO", help="Validate this repository alone: name or organization/name."
)
