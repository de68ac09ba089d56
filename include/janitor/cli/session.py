"""What every command shares: the environment that was chosen, and how to end well when the user interrupts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from janitor.settings import Settings

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


@dataclass
class Session:
    """One invocation of the command."""

    environment: str | None = None
    """`--env`; None leaves the choice to the settings (JANITOR_ENV, ENV, then `local`)."""
    debug: bool = False
    """Print tracebacks."""
    on_interrupt: str | None = None
    """What Ctrl-C leaves behind at this point, and the next step."""

    def settings(self) -> Settings:
        """Settings of the chosen environment.

        Raises:
            SettingsError: The environment is unknown or incomplete.
        """
        from janitor.settings import load_settings

        return load_settings(self.environment)

    def settings_before_apply(self) -> Settings:
        """The same, of an environment that may lack what Terraform is yet to make.

        Raises:
            SettingsError: The environment is unknown, or a value is wrong.
        """
        from janitor.settings import load_settings

        return load_settings(self.environment, before_apply=True)


def _keep_environment(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).environment = value


def _keep_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).debug = True


def shared_options(function: _Decorated) -> _Decorated:
    """`--env` and `--debug`, which are accepted before and after the name of the command."""
    function = click.option(
        "--env",
        metavar="NAME",
        expose_value=False,
        callback=_keep_environment,
        help="Environment: local, dev, prod … Default: JANITOR_ENV, ENV, then local.",
    )(function)
    return click.option(
        "--debug", is_flag=True, expose_value=False, callback=_keep_debug, help="Show tracebacks of errors."
    )(function)


json_option = click.option("--json", "as_json_text", is_flag=True, help="Print JSON for scripts.")
pass_session = click.make_pass_decorator(Session, ensure=True)
