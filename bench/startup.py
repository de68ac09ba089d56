"""`python -m bench.startup`: how long the validator's one file takes from nothing to its first line, and its size.

Each start is a process of its own, as on an instance: without byte code, for the file carries none.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from janitor.validator.packaging import build_artefact

_LIMIT_SECONDS = 1.0
"""What a start may take."""


def main() -> int:
    """Measure and print; 1 if the median start takes longer than the limit."""
    parser = argparse.ArgumentParser(prog="bench.startup", description=__doc__)
    parser.add_argument("--starts", type=int, default=15, help="how often it is started")
    parser.add_argument("--python", default=sys.executable, help="the interpreter")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="janitor-bench-") as folder:
        artefact = build_artefact(Path(folder))
        print(f"{artefact.path.name}: {artefact.size / 1024:.0f} KiB, sha256 {artefact.sha256[:12]}")
        print("start | median s | slowest s | modules")
        print("---|---|---|---")
        medians = [
            _line(name, [arguments.python, "-I", *words], arguments.starts, code)
            for name, words, code in (
                ("Python alone", ["-c", "pass"], "pass"),
                ("--version", [str(artefact.path), "--version"], "import janitor.validator.cli"),
                ("every check loaded", ["-c", _IMPORTS.format(path=str(artefact.path))], _LOADED),
            )
        ]
    return 0 if medians[-1] < _LIMIT_SECONDS else 1


_LOADED = (
    "import janitor.validator.cli, janitor.validator.pipeline.order, janitor.validator.engines.docker.engine, "
    "janitor.validator.engines.venv.engine"
)
_IMPORTS = f"import sys; sys.path.insert(0, {{path!r}}); {_LOADED}"


def _line(name: str, argv: list[str], starts: int, code: str) -> float:
    """Measure one kind of start and print its line; the median in seconds."""
    seconds = []
    for _ in range(starts):
        began = time.monotonic()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=60)
        seconds.append(time.monotonic() - began)
    modules = subprocess.run(
        [argv[0], "-c", f"import sys; {code}; print(len(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()
    print(f"{name} | {statistics.median(seconds):.3f} | {max(seconds):.3f} | {modules}")
    return statistics.median(seconds)


if __name__ == "__main__":
    sys.exit(main())
