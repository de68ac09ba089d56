"""What a warm worker saves: the same validations on an instance each, and on the one worker of a pool, in one run.

Both are Janitor's own DAG on one stack, one after the other, with repositories that are judged at once: what is left is
what the machines cost.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

from janitor.domain.pool.account import AccountedMachine
from janitor.services.airflow.client import AirflowClient
from janitor.services.pool_control.account import is_empty_within, machines_since
from janitor.settings import Settings
from janitor.stores.database import transaction

POOL = "bench"
_RUN_LIMIT = timedelta(minutes=10)
_EMPTY_WITHIN = timedelta(minutes=5)
_OWN = """
select i.command_started_at - i.intent_at as took, i.ended_at - i.launched_at as lived,
       i.ended_at - i.launched_at - (i.command_ended_at - i.command_started_at) as beside
from instances i join repository_validations v using (validation_id) join validation_runs r on r.run_id = v.run_id
where r.airflow_run_id = %s
"""
_LIVED = "select ended_at - launched_at as lived from instances where ledger_id = any(%s)"


@dataclass(frozen=True, kw_only=True)
class PoolMeasurement:
    """The same validations, twice."""

    repositories: int
    own_start: timedelta
    """From the wish for an instance until its command ran, the median."""
    cold_start: timedelta
    """The same for the worker's machine and its first task."""
    warm_start: timedelta
    """From the claim of a further task until its command ran, the median."""
    own_beside: timedelta
    """Of a machine's life what its command didn't take, the median."""
    pool_beside: timedelta
    """From the end of a task until the command of the worker's next one ran, the median."""
    own_lived: timedelta
    """Of all machines together, for each validation."""
    pool_lived: timedelta


def pool_configurations(folder: Path, repository: Path, size: int) -> tuple[Path, Path]:
    """The same repositories with an instance each, and on a pool of one worker; the latter is the deployment's own."""
    entries = "".join(
        f'  - {{name: pool-{index}, organization: bench, prompt: look, gpu_required: false, url: "file://{repository}"}}\n'
        for index in range(size)
    )
    own = folder / "bench-own.yaml"
    own.write_text(f"default_timeout_minutes: 30\nrepositories:\n{entries}")
    pooled = folder / "bench-pool.yaml"
    pooled.write_text(f"{own.read_text()}default_pool: {POOL}\npools:\n  - {{name: {POOL}, max: 1}}\n")
    return own, pooled


def measure_pool(settings: Settings, own: Path, pooled: Path, size: int) -> PoolMeasurement:
    """Run both and measure.

    Raises:
        SystemExit: A run didn't end, or the pool did otherwise than it should.
    """
    own_run = _ran(settings, own)
    with transaction(settings.reader_url) as connection:
        rows = connection.execute(_OWN, (own_run,)).fetchall()
    since = datetime.now(timezone.utc)
    _ran(settings, pooled)
    if not is_empty_within(settings, POOL, _EMPTY_WITHIN):
        raise SystemExit(f"the pool wasn't empty within {_EMPTY_WITHIN}")
    machines = machines_since(settings, POOL, since)
    with transaction(settings.reader_url) as connection:
        lived = connection.execute(_LIVED, ([each.ledger_id for each in machines],)).fetchall()
    turns = [turn for each in machines for turn in each.turns]
    cold = [
        each.turns[0].started_at - each.requested_at for each in machines if each.turns and each.turns[0].started_at
    ]
    warm = [took for each in machines for turn in each.turns[1:] if (took := turn.took_to_start) is not None]
    if (len(rows), len(turns), len(cold), len(warm)) != (size, size, 1, size - 1):
        raise SystemExit(f"{size} validations had {len(rows)} instances, and {len(turns)} turns: {machines}")
    return PoolMeasurement(
        repositories=size,
        own_start=_median([row["took"] for row in rows]),
        cold_start=cold[0],
        warm_start=_median(warm),
        own_beside=_median([row["beside"] for row in rows]),
        pool_beside=_median(_between(machines)),
        own_lived=sum((row["lived"] for row in rows), timedelta()) / size,
        pool_lived=sum((row["lived"] for row in lived), timedelta()) / size,
    )


def pool_table(measured: PoolMeasurement) -> str:
    """The figures; each ratio is to an instance of its own."""
    one = measured

    def line(name: str, own: timedelta, pooled: timedelta) -> str:
        seconds = f"{own.total_seconds():.1f} | {pooled.total_seconds():.1f}"
        return f"{name} | {seconds} | {pooled / own:.2f}"

    return "\n".join(
        (
            f"{one.repositories} validations, seconds | an instance each | one worker of a pool | ratio",
            "---|---|---|---",
            line("cold: from the wish for a machine until the command runs", one.own_start, one.cold_start),
            line("warm: from the claim of a further task until its command runs", one.own_start, one.warm_start),
            line(
                "overhead: of a machine, beside each further task",
                one.own_beside,
                one.pool_beside,
            ),
            line("life of machines for each validation", one.own_lived, one.pool_lived),
        )
    )


def _between(machines: list[AccountedMachine]) -> list[timedelta]:
    pairs = [pair for each in machines for pair in itertools.pairwise(each.turns)]
    return [after.started_at - before.ended_at for before, after in pairs if after.started_at and before.ended_at]


def _median(durations: list[timedelta]) -> timedelta:
    return timedelta(seconds=statistics.median(each.total_seconds() for each in durations))


def _ran(settings: Settings, config: Path) -> str:
    run_id = f"bench__{uuid4()}"
    with AirflowClient(settings) as airflow:
        began = time.monotonic()
        airflow.trigger(run_id, {"config_path": str(config)})
        while not airflow.state(run_id).is_final:
            if time.monotonic() - began > _RUN_LIMIT.total_seconds():
                raise SystemExit(f"{config.name} did not end within {_RUN_LIMIT}")
            time.sleep(0.25)
    print(f"{config.name}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return run_id
