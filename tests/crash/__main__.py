"""`make crash-matrix`: kills every component at every edge of an instance's life, and a pool's; says what is left.

Each job starts a stack of its own in a folder of its own and tries cells on it, one after the other. Ends with 1 if a
cell failed or could not be tried.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import sys
import tempfile
import threading
import traceback
from pathlib import Path

from tests.crash import report
from tests.crash.catalogue import all_cells
from tests.crash.cells import Cell
from tests.crash.repositories import write_pools
from tests.crash.runner import Result, carry_out
from tests.crash.stand import SHORT_SETTINGS, Stand
from tests.support.stack import running_stack


def main() -> int:
    """Try the cells, print the matrix."""
    parser = argparse.ArgumentParser(prog="crash-matrix", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="stacks side by side; each wants a core or two")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="cells whose name matches; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the cells and try none")
    parser.add_argument("--report", type=Path, action="append", default=[], help="write it there: .md or .json")
    parser.add_argument("--state", type=Path, help="keep the stacks' files here instead of removing them")
    arguments = parser.parse_args()
    cells = [cell for cell in all_cells() if not arguments.only or any(map(cell.matches, arguments.only))]
    if arguments.list or not cells:
        print("\n".join(cell.name for cell in cells) or "no cell has such a name; see --list")
        return 0 if cells else 2
    if arguments.state is not None:
        arguments.state.mkdir(parents=True, exist_ok=True)
        results = _try_all(cells, arguments.jobs, arguments.state)
    else:
        with tempfile.TemporaryDirectory(prefix="janitor-crash-") as folder:
            results = _try_all(cells, arguments.jobs, Path(folder))
    for path in arguments.report:
        report.write(results, path)
    print("\n" + report.markdown(results))
    missing = len(cells) - len(results)
    if missing:
        print(f"{missing} cells were not tried: see the errors above", file=sys.stderr)
    return 0 if not missing and all(result.passed for result in results) else 1


def _try_all(cells: list[Cell], jobs: int, folder: Path) -> list[Result]:
    waiting: queue.Queue[tuple[int, Cell]] = queue.Queue()
    for entry in enumerate(cells):
        waiting.put(entry)
    done: dict[int, Result] = {}
    threads = [
        threading.Thread(
            target=_job, args=(folder / f"stack-{number}", waiting, done, len(cells)), name=f"job-{number}"
        )
        for number in range(min(jobs, len(cells)))
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        print("ending the stacks after the cells that are being tried", file=sys.stderr, flush=True)
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
        for thread in threads:
            thread.join()
    return [done[index] for index in sorted(done)]


def _job(folder: Path, waiting: queue.Queue[tuple[int, Cell]], done: dict[int, Result], total: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pools = {"JANITOR_DEFAULT_CONFIG": str(write_pools(folder / "pools.json"))}
        with running_stack(folder / "state", {**SHORT_SETTINGS, **pools}) as settings:
            stand = Stand(settings, folder)
            while True:
                try:
                    index, cell = waiting.get_nowait()
                except queue.Empty:
                    return
                place = folder / f"cell-{index}"
                place.mkdir(parents=True)
                done[index] = carry_out(stand, cell, place)
                _tell(done[index], len(done), total)
    except Exception:
        # Its cells go to the other jobs; what is left in the end is counted as not tried.
        traceback.print_exc()


def _tell(result: Result, number: int, total: int) -> None:
    lines = [f"[{number}/{total}] {report.line(result)}"]
    lines += [f"    {problem}" for problem in (*result.failures, result.impossible, result.finding) if problem]
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
