"""The command line of the file that is used alone: `python3 janitor-validate.pyz PATH`.

The options are those of `janitor validate`. Exit codes: 0 nothing is wrong, 1 a check fails or could not tell, 2 bad
usage or no checkout, 3 an answer can't be written, 130 Ctrl-C, 141 whoever read the answer went away. With `--json` an
error is JSON too: `{"error": {"message", "next_step", "exit_code"}}`.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from janitor.protocol.text.plain_text import without_commands
from janitor.validator import VERSION

if TYPE_CHECKING:
    from janitor.validator.pipeline.static_run import StaticResult

EXIT_GOOD, EXIT_BAD, EXIT_USAGE, EXIT_TROUBLE, EXIT_INTERRUPTED, EXIT_PIPE_CLOSED = 0, 1, 2, 3, 130, 141
PROGRAM = "janitor-validate"
_SILENCES = (3.0, 17.0, 60.0)
"""Seconds until a word is due; the last one goes on."""
_EXAMPLES = """\
examples:
  janitor-validate .
  janitor-validate . --network
  janitor-validate . --github --junit janitor.xml --summary "$GITHUB_STEP_SUMMARY"

exit codes: 0 nothing is wrong, 1 a check fails or could not tell, 2 bad usage or no checkout, 3 the answer can't be
written
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    Args:
        argv: Arguments, without the program's name; by default those of the process.
    """
    words = sys.argv[1:] if argv is None else argv
    as_json = _wants_json(words)
    parser = _parser(as_json=as_json)
    options = parser.parse_args(words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Whatever locale a runner has: a line that can't be encoded would be lost.
            stream.reconfigure(encoding="utf-8", errors="replace")
    if not options.path.is_dir():
        parser.error(f"{options.path} is not a folder")
    try:
        return _judge(options)
    except KeyboardInterrupt:
        # No error, so nothing to read for a script: its exit code says who ended it.
        return _said("interrupted; nothing was left behind", EXIT_INTERRUPTED)
    except BrokenPipeError:
        return EXIT_PIPE_CLOSED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{error.strerror or error}; nothing is said about the worker"
        return _failed(message, EXIT_TROUBLE, as_json=as_json)


def run_and_exit() -> NoReturn:
    """`main` as a program; a reader that has gone away is no traceback at the end of the process."""
    code = main()
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


def _wants_json(words: Sequence[str]) -> bool:
    """Whether JSON is asked for, whatever else is wrong with the words; argparse takes the beginning of it, too."""
    options = words[: words.index("--")] if "--" in words else words
    return any(len(word) > len("--j") and "--json".startswith(word) for word in options)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the words in the form that they ask for."""

    as_json = False

    def error(self, message: str) -> NoReturn:
        """Say it, and end with the exit code of bad usage."""
        self.print_usage(sys.stderr)
        advice = f"see `{PROGRAM} --help`"
        sys.exit(_failed(message, EXIT_USAGE, advice, as_json=self.as_json))


def _parser(*, as_json: bool) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="Check a worker's checkout before it is pushed; execute nothing of it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.as_json = as_json
    parser.add_argument("path", nargs="?", default=Path(), type=Path, help="the worker's folder; default: this one")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    parser.add_argument("--network", action="store_true", help="ask registries, model hosts and the package index too")
    parser.add_argument("--dockerfile", metavar="FILE", help="from the repository's root; default: searched for")
    parser.add_argument("--gpu", dest="gpu_required", action="store_true", help="the worker must use a GPU")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML to this file")
    parser.add_argument("--summary", metavar="FILE", type=Path, help="append Markdown to this file")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--github", action="store_true", help="print GitHub annotations below the list")
    forms.add_argument("--json", action="store_true", help="print JSON for scripts")
    return parser


def _judge(options: argparse.Namespace) -> int:
    """Run the checks and print their answer; what they need is loaded here, so that `--help` answers at once."""
    from janitor.guest.processes.confinement import owning_descendants
    from janitor.validator.checkout.local_checkout import NoCheckoutError
    from janitor.validator.pipeline.static_run import validate_checkout
    from janitor.validator.settings import Settings

    settings = Settings.from_environment()
    try:
        with _no_silence(), owning_descendants():  # nothing that the checks start may outlive them
            result = validate_checkout(
                options.path.resolve(),
                settings=settings,
                network=options.network,
                dockerfile=options.dockerfile,
                gpu_required=options.gpu_required,
            )
    except NoCheckoutError as error:
        return _failed(str(error), EXIT_USAGE, as_json=options.json)
    _answer(result, options, settings.github_workspace)
    sys.stdout.flush()
    return EXIT_GOOD if result.is_good else EXIT_BAD


def _answer(result: StaticResult, options: argparse.Namespace, workspace: Path | None) -> None:
    """Write the files, then print what was asked for; each form is loaded where it is wanted."""
    if options.junit is not None:
        from janitor.prepush.junit import junit_xml

        options.junit.write_text(junit_xml(result), encoding="utf-8")
    if options.summary is not None:
        from janitor.prepush.summary import summary_markdown

        with options.summary.open("a", encoding="utf-8") as file:
            file.write(summary_markdown(result))
    from janitor.prepush.telling import static_json, static_text

    if options.json:
        print(static_json(result))
        return
    print(without_commands(static_text(result)))
    if options.github:
        from janitor.prepush.annotations import annotation_lines
        from janitor.prepush.repository_root import folder_in_repository

        print("\n".join(annotation_lines(result, folder=folder_in_repository(result.root, workspace))))


def _failed(message: str, code: int, next_step: str | None = None, *, as_json: bool) -> int:
    """Say an error to people, and to whoever asked for JSON on standard output too, as `janitor` has it."""
    if as_json:
        from janitor.protocol.text.plain_text import json_text

        with suppress(OSError):  # the exit code says it all the same
            print(json_text({"error": {"message": message, "next_step": next_step, "exit_code": code}}), flush=True)
    return _said(message, code)


def _said(message: str, code: int) -> int:
    with suppress(OSError):
        print(f"{PROGRAM}: {without_commands(message)}", file=sys.stderr, flush=True)
    return code


@contextmanager
def _no_silence() -> Iterator[None]:
    """After a few seconds of silence a word on standard error, and then ever more seldom."""
    done, began = threading.Event(), time.monotonic()

    def tell() -> None:
        silences = iter(_SILENCES)
        silence = next(silences)
        while not done.wait(silence):
            silence = next(silences, silence)
            _said(f"still at work after {time.monotonic() - began:.0f} s", EXIT_GOOD)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


if __name__ == "__main__":
    run_and_exit()
