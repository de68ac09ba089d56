"""Command line of the local cloud: `python -m localcloud serve …`, `… faults …` and `… runpod …`."""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import timedelta
from pathlib import Path

from localcloud.faults import command as fault_command
from localcloud.runpod import command as runpod_command
from localcloud.settings import LOOPBACK, ContainmentChoice, Settings, prepare_own_environment
from localcloud.standard_output import code_after_output, open_closed_streams

EXIT_TROUBLE = 3


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns the exit code: 0 all well, 2 bad usage, 3 trouble, 141 an output that nobody reads."""
    open_closed_streams()
    try:
        options = parser().parse_args(arguments)
    except SystemExit as ended:  # help, or bad usage, was printed
        code_of_parser = int(ended.code or 0)
        return code_after_output(lambda: code_of_parser)
    code: int = options.run(options)
    return code


def run_server(options: argparse.Namespace) -> int:
    """Run a local cloud until SIGTERM. Returns 0 then, 3 where it could not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    prepare_own_environment()
    settings = Settings(
        home=options.home.resolve(),
        port=options.port,
        address=options.address,
        key_file=options.key_file.resolve(),
        region=options.region,
        boot_delay=timedelta(seconds=options.boot_delay),
        agent_delay=timedelta(seconds=options.agent_delay),
        cache_dir=options.cache_dir.resolve() if options.cache_dir else None,
        containment=ContainmentChoice(options.containment),
        hidden=tuple(folder.resolve() for folder in options.hide),
        shown=tuple(path.resolve() for path in options.show),
        terminated_retention=timedelta(seconds=options.terminated_retention),
        prune_interval=timedelta(seconds=options.prune_interval),
        secrets_file=options.secrets_file.absolute() if options.secrets_file else None,
        secrets_prefix=options.secrets_prefix,
        channels_prefix=options.channels_prefix,
    )
    # moto reads its settings when it is imported, so that comes after they are set.
    from localcloud.moto_pin import MotoMismatchError  # noqa: PLC0415  # loaded where it is needed alone
    from localcloud.requests.key_file import KeyFileError  # noqa: PLC0415  # loaded where it is needed alone
    from localcloud.server import serve  # noqa: PLC0415  # loaded where it is needed alone

    try:
        serve(settings)
    except (MotoMismatchError, KeyFileError, OSError) as exc:
        logging.getLogger("localcloud").error("the local cloud can't start: %s", exc)
        return EXIT_TROUBLE
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m localcloud", description="AWS on this machine, with real machines")
    commands = top.add_subparsers(required=True)
    fault_command.add_parser(commands)
    runpod_command.add_parser(commands)
    serve = commands.add_parser(
        "serve",
        help="run in the foreground until SIGTERM",
        epilog="example: python -m localcloud serve --home .local/cloud --port 4566 --key-file .local/cloud/key.json",
    )
    serve.set_defaults(run=run_server)
    serve.add_argument("--home", type=Path, required=True, help="folder for objects, logs and boxes")
    serve.add_argument("--port", type=int, required=True, help="port on that address")
    serve.add_argument(
        "--address", default=LOOPBACK, help="what to listen on; another for containers (default %(default)s)"
    )
    serve.add_argument("--key-file", type=Path, required=True, help="JSON with the access key; made when missing")
    serve.add_argument("--region", default="us-east-1", help="region that is loaded at the start (default %(default)s)")
    serve.add_argument("--boot-delay", type=float, default=0.5, help="seconds from pending to running")
    serve.add_argument("--agent-delay", type=float, default=0.5, help="seconds from running to the agent online")
    serve.add_argument("--cache-dir", type=Path, help="package download cache that all boxes share")
    serve.add_argument(
        "--containment",
        choices=[choice.value for choice in ContainmentChoice],
        default=ContainmentChoice.AUTO.value,
        help="how a box's processes are held together (default: the best that works here)",
    )
    for option, text in (
        ("--hide", "folder that boxes don't see, where this machine can hide it; the home is always one"),
        ("--show", "what boxes may read of a hidden folder"),
    ):
        serve.add_argument(option, type=Path, action="append", default=[], help=f"{text} (repeatable)")
    serve.add_argument(
        "--terminated-retention", type=float, default=3600, help="seconds that terminated instances are described"
    )
    serve.add_argument("--secrets-file", type=Path, help="NAME=value a line, mode 0600: the secrets of Secrets Manager")
    serve.add_argument("--secrets-prefix", default="", help="what comes before those names in Secrets Manager")
    serve.add_argument("--channels-prefix", help="what comes before the names of the file's lines news/NAME=value")
    serve.add_argument(
        "--prune-interval", type=float, default=60, help="seconds between looks for what may leave memory"
    )
    return top


if __name__ == "__main__":
    sys.exit(main())
