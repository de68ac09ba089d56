"""`python -m localcloud runpod`: RunPod's REST v2 on this machine, for whoever has the key in its key file."""

from __future__ import annotations

import argparse
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

EXIT_TROUBLE = 3


def add_parser(commands: Any) -> None:
    """Add the command's grammar to the top command's."""
    parser = commands.add_parser(
        "runpod",
        help="run RunPod's stand-in in the foreground until SIGTERM",
        epilog="example: python -m localcloud runpod --home .local/runpod --port 4567 --key-file .local/runpod/key",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--home", type=Path, required=True, help="folder for the boxes of pods")
    parser.add_argument("--port", type=int, required=True, help="port on the loopback")
    parser.add_argument("--key-file", type=Path, required=True, help="the account's key; made when missing")
    parser.add_argument("--boot-delay", type=float, default=0.2, help="seconds from PROVISIONING to STARTING")
    parser.add_argument("--calls-a-minute", type=int, default=6000, help="the rate; fifty times as many an hour")


def run(options: argparse.Namespace) -> int:
    """Run it. Returns 0 after SIGTERM, 3 where it could not start."""
    from localcloud.runpod.server import RunPodOptions, serve  # noqa: PLC0415  # loaded where it is needed alone

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        serve(
            RunPodOptions(
                home=options.home.resolve(),
                port=options.port,
                key_file=options.key_file.resolve(),
                boot_delay=timedelta(seconds=options.boot_delay),
                calls_a_minute=options.calls_a_minute,
            )
        )
    except OSError as exc:
        logging.getLogger("localcloud").error("RunPod's stand-in can't start: %s", exc)
        return EXIT_TROUBLE
    return 0
