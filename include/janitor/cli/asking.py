"""Questions on a terminal before something is ended or paid for; nothing is asked where nobody could answer."""

from __future__ import annotations

import click

from janitor.cli.terminal_settings import can_ask
from janitor.domain.waits import waiting
from janitor.protocol.text.plain_text import without_commands

yes_option = click.option("--yes", "-y", "yes", is_flag=True, help="Don't ask.")


class DeclinedError(click.ClickException):
    """The person said no. Nothing was done, which the exit code for bad usage stands for as well."""


def require_yes(question: str, *, yes: bool, as_json_text: bool) -> None:
    """Ask, and go on only with a yes. Scripts, pipes and `--json` aren't asked.

    Args:
        question: Without its question mark's `[y/N]`.
        yes: Whether the answer was given as an option.
        as_json_text: Whether a script reads the answer.

    Raises:
        DeclinedError: The answer is no.
    """
    if yes or as_json_text or not can_ask():
        return
    # The person is what is waited for, and knows it.
    with waiting("waiting for an answer", shown=True):
        agreed = click.confirm(without_commands(question), err=True)
    if not agreed:
        raise DeclinedError("you said no: nothing was changed")
