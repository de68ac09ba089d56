"""`python -m tests.accuracy FOLDER`: judges a folder of labelled repositories.

Exit codes: 0 every verdict is right, 1 one is wrong, 2 usage or an EXPECTED.txt that can't be read, 3 the engine that
was asked for doesn't answer.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from janitor.protocol.terms.statuses import EngineChoice
from janitor.validator.docker.client import DockerClient
from janitor.validator.settings import Settings
from tests.accuracy.expectation import ExpectationError
from tests.accuracy.judging import Judged, judge_folder
from tests.accuracy.repositories import find_labelled
from tests.accuracy.tally import Mark
from tests.accuracy.telling import case_line, closing_lines, document

_SECONDS = 600.0


def main() -> int:
    """Judge the folder."""
    options = _parser().parse_args()
    engine = EngineChoice(options.engine)
    try:
        labelled = [each for each in find_labelled(options.folder) if options.only in each.name]
    except ExpectationError as error:
        print(error, file=sys.stderr)
        return 2
    if not labelled:
        print(f"no repository of {options.folder} has {options.only!r} in its name", file=sys.stderr)
        return 2
    if engine is EngineChoice.DOCKER and (why_not := DockerClient(Settings.from_environment()).why_not()):
        print(f"ENGINE=docker: no engine can be used: {why_not}", file=sys.stderr)
        return 3
    started = time.monotonic()

    def tell(judged: Judged) -> None:
        print(case_line(judged), flush=True, file=sys.stderr if options.json else sys.stdout)

    judged = judge_folder(labelled, engine=engine, jobs=options.jobs, seconds=options.seconds, tell=tell)
    seconds = time.monotonic() - started
    if options.json:
        found = document(judged, folder=str(options.folder), engine=engine, seconds=seconds)
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(["", *closing_lines(judged), f"in {seconds:.0f} s, engine {engine.value}"]))
    return 0 if all(each.mark is Mark.RIGHT for each in judged) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.accuracy",
        description="Judge a folder of repositories that have an EXPECTED.txt each. Nothing is written into it.",
    )
    parser.add_argument("folder", type=_folder, help="holds the repositories")
    parser.add_argument("--engine", choices=[each.value for each in EngineChoice], default=EngineChoice.AUTO.value)
    parser.add_argument("--jobs", type=_jobs, default=os.cpu_count() or 1, help="repositories at a time")
    parser.add_argument("--only", default="", help="only repositories whose name has this in it")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="the deadline of each")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, the lines on standard error")
    return parser


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return Path(text)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of repositories at a time")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
