"""Questions on a terminal before something is ended or paid for; nothing is asked where nobody could answer."""

from __future__ import annotations

import click

from janitor.cli.terminal.terminal_settings import can_ask
from janitor.domain.watch.waits import waiting
from janitor.protocol.text.plain_text import without_commands

yes_option = click.option("--yes", "-y", "yes", is_flag=True, help="Don't ask.")


class DeclinedError(click.ClickException):
    """The person said no. Nothing was done, which the exit code for bad usage stands for as well."""


class UnaskedError(click.ClickException):
    """Nobody can say yes here, and no option said it. Nothing was done, as where the person says no."""


def require_somebody(*, yes: bool, what: str) -> None:
    """Refuse what must never go on unasked, where nobody can be asked and no option was given.

    Args:
        yes: Whether the answer was given as an option.
        what: What it would do, after "to".

    Raises:
        UnaskedError: Standard input or standard error is no terminal.
    """
    if not yes and not can_ask():
        raise UnaskedError(
            f"nobody can be asked here, as standard input or standard error is no terminal: give --yes (`make`: YES=1)"
            f" to {what}. Nothing was changed"
        )


def require_yes(question: str, *, yes: bool, as_json_text: bool) -> None:
    """Ask, and go on only with a yes. Scripts, pipes and `--json` aren't asked: `require_somebody` refuses them.

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
