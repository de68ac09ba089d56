"""The command line of the validator.

Exit codes of `run`: 0 report delivered and status success; 1 report delivered, any other status; 2 bad spec or usage;
3 the report could not be delivered. Of `scrub` and `tripwire`: see `janitor.protocol.reuse.result`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.processes.confinement import become_subreaper, hide_memory
from janitor.guest.redaction import Redactor, secrets_of
from janitor.protocol.order.spec import SPEC_MAX_BYTES, SpecError, ValidationSpec
from janitor.protocol.report import Report
from janitor.protocol.reuse.order import ORDER_MAX_BYTES, ReuseOrder, ReuseOrderError
from janitor.protocol.terms.statuses import ReportStatus
from janitor.validator import VERSION
from janitor.validator.delivery import LEAST_TIME, DeliveryError, deliver
from janitor.validator.loading import close_search_path, load_everything
from janitor.validator.package_cache import with_kept_packages
from janitor.validator.pipeline.runner import Runner
from janitor.validator.reuse.command import carry_out
from janitor.validator.secrets.delivery import PATIENCE, deliver_secrets
from janitor.validator.settings import Settings

EXIT_SUCCESS, EXIT_OTHER, EXIT_USAGE, EXIT_UNDELIVERED = 0, 1, 2, 3

_EXAMPLES = """\
examples:
  python3 janitor-validator.pyz run --spec spec.json
  python3 janitor-validator.pyz run --spec - < spec.json
  python3 janitor-validator.pyz scrub --order - < order.json
"""


_SCRUB = "scrub"
_REUSE = {
    _SCRUB: "clear this machine of its last task, and say what is left and how it looks now",
    "tripwire": "say how this machine looks, before its first task",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    Args:
        argv: Arguments, without the program's name; by default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="janitor-validator",
        description="Validates one worker repository and hands in a report.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"janitor-validator {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="validate what a spec names", description="Validate what a spec names.")
    run.add_argument("--spec", required=True, metavar="FILE", help="the spec as JSON; - reads standard input")
    for name, what in _REUSE.items():
        command = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
        command.add_argument("--order", required=True, metavar="FILE", help="the order as JSON; - reads standard input")
    options = parser.parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Whatever locale the instance's agent has: a line that can't be encoded would be lost.
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    try:
        if options.command in _REUSE:
            return _reuse(options.command, ReuseOrder.from_json(_read(options.order, ORDER_MAX_BYTES)))
        spec = ValidationSpec.from_json(_read(options.spec, SPEC_MAX_BYTES))
    except (SpecError, ReuseOrderError, OSError) as exc:
        print(f"janitor-validator: {exc}", file=sys.stderr)
        return EXIT_USAGE
    return run_spec(spec)


def _reuse(command: str, order: ReuseOrder) -> int:
    """Carry out an order about the machine itself.

    Raises:
        ReuseOrderError: It is one for the other command.
    """
    if (command == _SCRUB) is (order.before is None):
        raise ReuseOrderError(f"before: is {'missing' if command == _SCRUB else 'there'}, but the command is {command}")
    load_everything()
    return carry_out(order)


def run_spec(spec: ValidationSpec) -> int:
    """Validate, deliver the report, and return the exit code."""
    load_everything()
    become_subreaper()
    hide_memory()
    interrupts = Interrupts(spec.deadline)
    settings = Settings.from_environment()
    secrets = deliver_secrets(spec, settings, within=min(PATIENCE, interrupts.remaining()))
    redactor = Redactor((*_secrets(spec), *secrets.literals))
    journal = Journal(redactor)
    settings, said_of_cache = with_kept_packages(spec, settings)
    if said_of_cache is not None:
        journal.say(said_of_cache)
    delivered = False

    def flush(report: Report) -> None:
        """Get the partial report out before anything else; it is delivered again, whole, after the cleanup."""
        nonlocal delivered
        try:
            deliver(report, spec, settings, limit=spec.grace / 2, journal=journal)
            delivered = True
        except DeliveryError as exc:
            journal.say(f"partial report not delivered yet: {exc}")

    try:
        runner = Runner(
            spec=spec,
            settings=settings,
            journal=journal,
            redactor=redactor,
            interrupts=interrupts,
            secrets=secrets,
            flush=flush,
        )
    except OSError as exc:
        print(f"janitor-validator: no workspace can be made: {exc}; set TMPDIR to a writable folder", file=sys.stderr)
        return EXIT_UNDELIVERED
    report = runner.validate()
    journal.say(f"result: {report.status.value} in {report.duration_seconds:.1f} s: {report.summary}")
    try:
        sha256 = deliver(report, spec, settings, limit=_delivery_time(report, spec, interrupts), journal=journal)
    except DeliveryError as exc:
        journal.say(f"report not delivered: {exc}")
        return EXIT_OTHER if delivered else EXIT_UNDELIVERED
    journal.say(f"report delivered, sha256 {sha256}")
    return EXIT_SUCCESS if report.status is ReportStatus.SUCCESS else EXIT_OTHER


def _delivery_time(report: Report, spec: ValidationSpec, interrupts: Interrupts) -> timedelta:
    """Until the end of the grace period, which is counted from the deadline; less for one who is told to end."""
    until_end = max(interrupts.remaining() + spec.grace, LEAST_TIME)
    return min(until_end, spec.grace) if report.partial and interrupts.remaining() else until_end


def run_and_exit() -> NoReturn:
    """`main` as a program, ending the process at once: no thread or buffer of a validation keeps it."""
    load_everything()
    close_search_path()
    # Whatever umask an instance's agent has: the repository's processes read the checkout, and may be another user's.
    os.umask(0o022)
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass
    os._exit(code)


def _read(name: str, most: int) -> bytes:
    if name == "-":
        document = sys.stdin.buffer.read(most + 1)
        _close_stdin()
        return document
    with Path(name).open("rb") as file:
        return file.read(most + 1)


def _close_stdin() -> None:
    """What the spec was read from is open no longer: it holds secrets."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, sys.stdin.fileno())
        os.close(nothing)


def _secrets(spec: ValidationSpec) -> Iterable[str]:
    """What in a spec must not show anywhere."""
    yield from filter(None, (spec.report_url, spec.proof_key))
    for values in (spec.repository.env, spec.repository.build_args):
        yield from secrets_of(values)
