"""`python -m tests.corpus.repairs`: has every case repaired, by recipes alone, and counts.

Exit code 1 on any false proof, and on anything else that isn't as a case says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from tests.corpus.repairs.case import RepairCase
from tests.corpus.repairs.catalogue import CASES
from tests.corpus.repairs.gate import gate_count
from tests.corpus.repairs.judging import Judged, judge
from tests.corpus.repairs.tally import Tally


def main() -> int:
    """Run the corpus."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.repairs", description="Measure the repairs.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at a time")
    parser.add_argument("--only", default="", help="only cases whose name has this in it")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, the lines on standard error")
    options = parser.parse_args()
    out = sys.stderr if options.json else sys.stdout
    cases = [case for case in CASES if options.only in case.name]
    if not cases:
        parser.error(f"no case has {options.only!r} in its name")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="janitor-repairs-") as name:
        tally = Tally(list(judge_all(cases, Path(name), jobs=options.jobs, out=out)))
    gate = gate_count()
    print("\n".join([*tally.lines(), gate.line()]), file=out)
    print(f"in {time.monotonic() - started:.0f} s", file=out)
    if options.json:
        print(json.dumps({**tally.document(), "gate": asdict(gate)}, indent=2))
    return 1 if tally.wrong or not gate.is_right else 0


def judge_all(
    cases: Sequence[RepairCase], folder: Path, *, jobs: int, out: TextIO | None = None
) -> Iterator[Judged | tuple[RepairCase, str]]:
    """What came of each case, or why nothing did; `out` gets a line for each."""
    packages = folder / "packages"
    packages.mkdir()

    def one(number: int) -> Judged | tuple[RepairCase, str]:
        with tempfile.TemporaryDirectory(prefix=f"case-{number}-", dir=folder) as own:
            try:
                return judge(cases[number], Path(own), packages)
            except Exception as error:  # a case that can't be judged is named, and the others go on
                return cases[number], f"{type(error).__name__}: {error}"[:2_000]

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for future in as_completed([pool.submit(one, number) for number in range(len(cases))]):
            judged = future.result()
            if out is not None:
                print(_told(judged), file=out, flush=True)
            yield judged


def _told(judged: Judged | tuple[RepairCase, str]) -> str:
    if isinstance(judged, tuple):
        return f"✗ {judged[0].name}: {judged[1]}"
    if judged.problem is not None:
        return f"✗ {judged.case.name}: {judged.problem}"
    return f"✓ {judged.case.name}: {judged.state} ({judged.why}), {judged.seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
