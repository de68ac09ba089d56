"""Completion in the user's shell, by Click's own scripts."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import shared_options
from janitor.cli.terminal.console import Console
from janitor.cli.terminal.terminal_settings import COMPLETE_VARIABLE, users_shell

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor completion bash > ~/.janitor-completion; echo '. ~/.janitor-completion' >> ~/.bashrc",
        "janitor completion zsh > ~/.zfunc/_janitor",
        "janitor completion fish > ~/.config/fish/completions/janitor.fish",
    ),
)
@click.argument("shell", required=False, type=click.Choice(_SHELLS))
@shared_options
def completion(shell: str | None) -> ExitCode:
    """Print what makes a shell complete commands, names and ids.

    SHELL is bash (4.4 or later), zsh or fish; default: the shell that you log in with. Commands, options, repositories,
    run ids and instance ids are completed, the last three from the ledger: where the stack is down, there are none.
    `.venv/bin` must be in PATH, or the command be called by its path.
    """
    chosen = shell or users_shell()
    kind = get_completion_class(chosen) if chosen in _SHELLS else None
    if kind is None:
        said = f"{chosen[:40]!r} can't be completed for" if chosen else "it isn't known which shell is yours"
        raise click.UsageError(f"{said}; give one of {', '.join(_SHELLS)}", click.get_current_context())
    from janitor.cli.main import cli

    Console().result(kind(cli, {}, "janitor", COMPLETE_VARIABLE).source())
    return ExitCode.OK
