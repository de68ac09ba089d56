"""`python -m tests.corpus`: judges every case and prints the confusion matrix.

Exit code 1 on any false green, any false blame, and any other difference from what the cases say.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

from tests.accuracy.side_by_side import side_by_side
from tests.corpus.case import Case, Kind
from tests.corpus.catalogue import all_cases
from tests.corpus.judging import Seen, judge
from tests.corpus.matrix import Matrix
from tests.corpus.real import FOLDER


def main() -> int:
    """Run the corpus."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description="Judge the labelled corpus.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at a time")
    parser.add_argument("--only", default="", help="only cases whose name has this in it")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, the lines on standard error")
    parser.add_argument("--quiet", action="store_true", help="only the matrix")
    options = parser.parse_args()
    out = sys.stderr if options.json else sys.stdout
    cases = [case for case in all_cases() if options.only in case.name]
    if not cases:
        parser.error(f"no case has {options.only!r} in its name")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="janitor-corpus-") as name:
        judged = judge_all(cases, Path(name), jobs=options.jobs, out=None if options.quiet else out)
    if not FOLDER.is_dir():
        print(f"skipped: the real workers' files and logs: {FOLDER} is not here", file=out)
    matrix = Matrix(judged)
    print("\n".join(matrix.lines()), file=out)
    print(f"in {time.monotonic() - started:.0f} s", file=out)
    if options.json:
        print(json.dumps(matrix.document(), indent=2))
    return 1 if matrix.wrong else 0


def judge_all(
    cases: list[Case], folder: Path, *, jobs: int, out: TextIO | None = None
) -> dict[str, tuple[Case, Seen | str]]:
    """Judge cases side by side, each in a folder of its own; `out` gets a line for each."""
    judged: dict[str, tuple[Case, Seen | str]] = {}
    order = sorted(cases, key=lambda case: case.kind is not Kind.WHOLE)  # the longest first
    for number, seen in side_by_side(order, judge, folder, jobs=jobs):
        case = order[number]
        judged[case.name] = (case, seen)
        if out is not None:
            bad = isinstance(seen, str) or bool(seen.differs(case))
            status = "?" if isinstance(seen, str) else seen.status.value
            print(f"{'✗' if bad else '✓'} {case.name}: {status}", flush=True, file=out)
    return {case.name: judged[case.name] for case in cases}


if __name__ == "__main__":
    sys.exit(main())
