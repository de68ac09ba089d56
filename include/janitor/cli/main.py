"""Entry of the `janitor` command, and the one place where errors become messages and exit codes.

Invariant: nothing beyond click and the standard library is imported here, so that `janitor --help` answers at once.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.json_errors import error_json, next_step_of, wants_json
from janitor.cli.registry import COMMANDS, LazyGroup
from janitor.cli.session import Session, shared_options
from janitor.cli.terminal.console import Console, accept_any_text
from janitor.cli.terminal.signals import ending_signal_of, ending_signals_raise
from janitor.cli.terminal.streams import (
    OutputClosedError,
    OutputError,
    guarded_streams,
    open_closed_streams,
    was_answered,
)
from janitor.cli.terminal.teller import no_silence
from janitor.cli.terminal.terminal_settings import COMPLETE_VARIABLE, is_completing
from janitor.domain.errors import (
    AirflowError,
    BudgetRefusedError,
    CloudError,
    ConfigError,
    ConflictError,
    DatabaseError,
    JanitorError,
    NotFoundError,
    SettingsError,
    StackDownError,
)

_BY_SIGNAL: dict[int, ExitCode] = {signal.SIGTERM: ExitCode.TERMINATED, signal.SIGHUP: ExitCode.HUNG_UP}
_USAGE_ERRORS = (BudgetRefusedError, ConfigError, ConflictError, SettingsError, NotFoundError)

EPILOG = """\
Examples:
  janitor run                                      validate the bundled example workers on the local stack
  janitor validate-all-workers --env dev           validate infra/workers-config.yaml on AWS
  janitor check-parallel-status --json             what is running, for a script

Exit codes:
  0  all well                      2  bad usage or configuration, nothing was launched
  1  a validation isn't successful 3  the stack, the cloud or the database is in trouble
  130, 143, 129  ended by Ctrl-C, SIGTERM, SIGHUP; a run that was followed goes on

With --json an error is JSON too: {"error": {"message", "next_step", "exit_code"}}."""


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    no_args_is_help=True,
)
@shared_options
@click.version_option(package_name="janitor", prog_name="janitor")
def cli() -> None:
    """Keep a fleet of GPU container repositories working."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words after `janitor`; default: those of the process.

    Returns:
        The exit status, an `ExitCode`.
    """
    open_closed_streams()
    accept_any_text()
    session = Session()
    if is_completing():
        return _complete(session)
    words = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in words if word in COMMANDS), "")
    doing = " ".join(filter(None, ("janitor", command, "is at work")))
    with guarded_streams():
        console = Console()
        with no_silence(doing, console.notice):
            failure = _Failure(console, as_json_text=wants_json(words))
            return _run(arguments, session, failure)


@dataclass(frozen=True)
class _Failure:
    """Says what went wrong: to people on standard error, and to whoever asked for JSON on standard output too."""

    console: Console
    as_json_text: bool

    def say(self, message: str, code: ExitCode, next_step: str | None = None, *, beside: str | None = None) -> ExitCode:
        """Say an error.

        Args:
            message: What happened.
            code: The exit code that it stands for.
            next_step: What to do about it.
            beside: What people read in the message's place; default: the message.
        """
        self.console.error(message if beside is None else beside)
        # An answer that is there already stays the one document.
        if self.as_json_text and not was_answered():
            with suppress(OutputClosedError, OutputError):  # the exit code says it all the same
                self.console.result(error_json(message, next_step, code))
        return code


def _complete(session: Session) -> int:
    """Answer a shell. Whatever is wrong, it waits for words to complete and for nothing else."""
    try:
        cli.main(args=[], prog_name="janitor", complete_var=COMPLETE_VARIABLE, standalone_mode=False, obj=session)
    except SystemExit as ended:
        return int(ended.code or 0)
    except Exception:
        return ExitCode.OK
    return ExitCode.OK


def _run(arguments: Sequence[str] | None, session: Session, failure: _Failure) -> int:
    try:
        with ending_signals_raise():
            status = cli.main(args=arguments, prog_name="janitor", standalone_mode=False, obj=session)
            # A closed pipe or a full disk shows only when the last of the output is written.
            sys.stdout.flush()
        return int(status) if isinstance(status, int) else ExitCode.OK
    except (KeyboardInterrupt, click.Abort) as interruption:
        return _interrupted(ending_signal_of(interruption) or signal.SIGINT, session, failure.console)
    except OutputClosedError as closed:
        # A terminal that goes away sends its signal, too, and either may be noticed first.
        number = ending_signal_of(closed)
        return ExitCode.PIPE_CLOSED if number is None else _interrupted(number, session, failure.console)
    except Exception as error:
        if session.debug:
            failure.console.notice(traceback.format_exc())
        cause = _cause_of(error, session)
        code = _explain(cause, failure)
        if session.on_interrupt and isinstance(cause, (DatabaseError, CloudError, AirflowError, OutputError)):
            # What was begun goes on, though this command doesn't see it any more.
            failure.console.notice(session.on_interrupt)
        return code


def _interrupted(number: int, session: Session, console: Console) -> ExitCode:
    """Say what goes on without this command; the exit code is the signal's."""
    how = "Interrupted." if number == signal.SIGINT else f"Ended by {signal.Signals(number).name}."
    # No error, so nothing to read for a script: its exit code says who ended it.
    console.notice(f"{how} {session.on_interrupt or 'Nothing was left behind.'}")
    return _BY_SIGNAL.get(number, ExitCode.INTERRUPTED)


def _cause_of(error: Exception, session: Session) -> Exception:
    """Where Postgres, the cloud or Airflow don't answer because the local stack is down, that is what to say."""
    if not isinstance(error, (DatabaseError, CloudError, AirflowError)):
        return error
    from janitor.stack.stack import require_up

    try:
        require_up(session.settings())
    except StackDownError as down:
        return down
    except JanitorError:
        pass
    return error


def _explain(error: Exception, failure: _Failure) -> ExitCode:
    """Print what happened and give the exit code that it stands for."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show(sys.stderr)
        return ExitCode.USAGE
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message, advice = error.format_message(), f"See `{error.ctx.command_path} --help`."
        beside = f"{message}\n{error.ctx.get_usage()}\n{advice}"
        return failure.say(message, ExitCode.USAGE, advice, beside=beside)
    if isinstance(error, click.ClickException):
        return failure.say(error.format_message(), ExitCode.USAGE)
    if isinstance(error, JanitorError):
        return failure.say(str(error), exit_code_for(error), next_step_of(error))
    if isinstance(error, OutputError):
        return failure.say(str(error), ExitCode.INFRASTRUCTURE)
    message, advice = f"unexpected {type(error).__name__}: {error}", "Run the command with --debug for the traceback."
    return failure.say(message, ExitCode.INFRASTRUCTURE, advice, beside=f"{message}\nThis is a defect. {advice}")


def exit_code_for(error: JanitorError) -> ExitCode:
    """Exit code of an error: the user's to correct, or the infrastructure's."""
    return ExitCode.USAGE if isinstance(error, _USAGE_ERRORS) else ExitCode.INFRASTRUCTURE


if __name__ == "__main__":
    sys.exit(main())
