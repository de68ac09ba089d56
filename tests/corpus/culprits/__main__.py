"""`python -m tests.corpus.culprits`: searches every case's culprit and counts.

Exit code 1 where a wrong culprit is named, or anything else isn't as the cases say.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.corpus.culprits.case import CulpritCase
from tests.corpus.culprits.catalogue import CASES
from tests.corpus.culprits.judging import Judged, judge, why_not


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.culprits", description="Search known culprits.")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--only", default="", help="only cases whose name has this in it")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, the lines on standard error")
    options = parser.parse_args()
    out = sys.stderr if options.json else sys.stdout
    cases = [case for case in CASES if options.only in case.name]
    if not cases:
        parser.error(f"no case has {options.only!r} in its name")
    began = time.monotonic()
    judged: list[Judged | str] = []
    with tempfile.TemporaryDirectory(prefix="janitor-culprits-") as name:
        for case, answer in _answers(cases, Path(name), options.jobs):
            if answer is None:
                continue
            judged.append(answer)
            problem = answer if isinstance(answer, str) else answer.problem
            print(f"{'✗' if problem else '✓'} {case.name}: {problem or _told(answer)}", file=out, flush=True)
    known = [each for each in judged if isinstance(each, Judged)]
    counts = {
        "cases": len(judged),
        "found": sum(each.culprit.is_found and not each.is_wrong for each in known),
        "inconclusive": sum(not each.culprit.is_found for each in known),
        "wrong": sum(each.is_wrong for each in known),
        "not_as_said": sum(isinstance(each, str) or each.problem is not None for each in judged),
        "experiments": sum(len(each.culprit.steps) for each in known),
    }
    print(
        f"\n{counts['cases']} cases: {counts['found']} found, {counts['inconclusive']} inconclusive,"
        f" {counts['wrong']} wrong; {counts['not_as_said']} not as they say; {counts['experiments']} experiments,"
        f" {counts['experiments'] / max(len(known), 1):.1f} for each, in {time.monotonic() - began:.0f} s",
        file=out,
    )
    if options.json:
        each = {one.case.name: len(one.culprit.steps) for one in known}
        print(json.dumps({**counts, "experiments_of": each}, indent=2))
    return 1 if counts["wrong"] or counts["not_as_said"] else 0


def _answers(cases: list[CulpritCase], folder: Path, jobs: int) -> Iterator[tuple[CulpritCase, Judged | str | None]]:
    """In their order; None of a case that is skipped, which is said."""
    cache = folder / "cache"
    cache.mkdir()

    def one(case: CulpritCase) -> Judged | str | None:
        if (reason := why_not(case, cache)) is not None:
            print(f"- {case.name}: skipped: {reason}", file=sys.stderr, flush=True)
            return None
        own = folder / case.name
        own.mkdir()
        try:
            return judge(case, own, cache)
        except Exception as error:  # a case that can't be judged is named, and the others go on
            return f"{type(error).__name__}: {error}"[:2_000]

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        yield from zip(cases, pool.map(one, cases), strict=True)


def _told(answer: Judged | str) -> str:
    assert isinstance(answer, Judged)
    state = answer.culprit.state.value
    return f"{state} in {len(answer.culprit.steps)} experiments: {answer.culprit.reason}"


if __name__ == "__main__":
    sys.exit(main())
