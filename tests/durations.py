"""How long each module of `make test` takes, as it was measured once: what takes longest is begun first.

Measure anew with `.venv/bin/python -m pytest -n 4 --dist=loadscope -m "not full" --junitxml=suite.xml`, and then write
`tests/durations.tsv` with `.venv/bin/python -m tests.durations suite.xml`.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

FILE = Path(__file__).with_name("durations.tsv")
_LEAST_SECONDS = 1.0
"""What takes less is not kept: a module that isn't in the file is begun last of its folder."""


def seconds_of_modules() -> dict[str, float]:
    """Seconds by module, for example `integration/services/test_places.py`."""
    rows = (line.split("\t") for line in FILE.read_text().splitlines())
    return {module: float(seconds) for seconds, module in rows}


def write(seconds: Mapping[str, float]) -> None:
    """Keep these seconds by module, the longest first."""
    kept = sorted(((value, module) for module, value in seconds.items() if value >= _LEAST_SECONDS), reverse=True)
    FILE.write_text("".join(f"{value:.0f}\t{module}\n" for value, module in kept))


def main() -> None:
    """Take over what pytest's report of a whole run says."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        # A class of tests has its name behind the module's.
        parts = [part for part in case.attrib["classname"].split(".")[1:] if not part[0].isupper()]
        seconds["/".join(parts) + ".py"] += float(case.attrib["time"])
    write(seconds)


if __name__ == "__main__":
    main()
