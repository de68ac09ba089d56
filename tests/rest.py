"""Runs what `make test` leaves out, part by part: `python -m tests.rest [--minutes N]`.

With `--minutes` it begins no part that its time doesn't reach, and says by name which it left out. Ends with the first
part's exit code that isn't 0, after all of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.selection import REST

ROOT = Path(__file__).resolve().parents[1]
_NO_TESTS = 5
"""pytest's exit code where nothing was collected."""


def main() -> int:
    """Run the parts, say what was left out."""
    parser = argparse.ArgumentParser(prog="tests.rest", description=__doc__)
    parser.add_argument("--minutes", type=float, help="begin no part that takes longer than what is left of these")
    arguments = parser.parse_args()
    began, left_out, code = time.monotonic(), [], 0
    for part in REST:
        spent = (time.monotonic() - began) / 60
        if arguments.minutes is not None and spent + part.minutes > arguments.minutes:
            left_out.append(part)
            continue
        print(f"== {part.name}: {part.why}", flush=True)
        paths = [f"tests/{path}" for path in part.paths]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--numprocesses=2", "--dist=loadscope", "-m", "full", *paths],
            cwd=ROOT,
            check=False,
        )
        if done.returncode == _NO_TESTS:
            print(f"error: {part.name} holds no test; see tests/selection.py", file=sys.stderr)
        code = code or done.returncode
    for part in left_out:
        print(f"LEFT OUT for want of time: {part.name} (about {part.minutes:g} minutes); `make test-full` runs it")
    return code


if __name__ == "__main__":
    sys.exit(main())
