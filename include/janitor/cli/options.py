"""Options that several commands have, and what they accept."""

from __future__ import annotations

import math

import click

from janitor.cli.completion import complete_repository
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


class Count(click.ParamType[int]):
    """A whole number within bounds."""

    name = "number"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the number; anything else is a usage error."""
        text = str(value).strip()
        number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(self.most)) else None
        if number is None or not self.least <= number <= self.most:
            said = f"{str(value)[:40]!r} is not a whole number from {self.least:,} to {self.most:,}"
            self.fail(said, param, ctx)
        return number


timeout_option = click.option(
    "--timeout-minutes",
    type=Minutes(),
    help="Hard limit in minutes for repositories that name none. Default: the configuration's.",
)
repository_option = click.option(
    "--repo",
    "repository",
    metavar="REPO",
    shell_complete=complete_repository,
    help="Validate this repository alone: name or organization/name.",
)
