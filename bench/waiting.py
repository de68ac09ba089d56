"""Many validations that wait at the same time: what the waiting costs in AWS calls, memory and CPU.

Every validation's handler stands at a gate until all have come; then a window is measured in which nothing happens but
waiting; then the gate opens and the run has to end right.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from bench.repositories import Gate
from bench.usage import Usage, aws_calls, usage_of
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.settings import Settings
from janitor.stack.state.layout import Layout
from janitor.stack.supervisor.processes import stack_processes

WINDOW = timedelta(seconds=90)
_ALL_THERE_WITHIN = timedelta(minutes=15)
_ENDS_WITHIN = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class WaitingMeasurement:
    """One DAG with `repositories` validations that wait."""

    dag_id: str
    repositories: int
    aws_calls_per_minute: float
    triggerer: Usage
    scheduler: Usage
    until_all_wait: timedelta
    until_the_end: timedelta
    """From the gate's opening."""


def measure_waiting(
    settings: Settings, dag_id: str, size: int, conf: dict[str, object], gate: Gate
) -> WaitingMeasurement:
    """Run the DAG and measure the time in which everything waits.

    Raises:
        SystemExit: The run didn't come that far, or ended otherwise than it should.
    """
    settings = settings.model_copy(update={"airflow_dag_id": dag_id})
    layout, run_id = Layout.of(settings), f"bench__{uuid4()}"
    with AirflowClient(settings) as airflow:
        began = time.monotonic()
        airflow.trigger(run_id, conf)

        def deferred() -> int:
            states = airflow.task_states(run_id)
            return sum(state == "deferred" and task.endswith((".validate", ".run")) for task, _, state in states)

        _await(
            lambda: gate.arrived() >= size, _ALL_THERE_WITHIN, f"{dag_id}: {{}} of {size} are at the gate", gate.arrived
        )
        _await(lambda: deferred() >= size, _ALL_THERE_WITHIN, f"{dag_id}: {{}} of {size} are deferred", deferred)
        until_all_wait = timedelta(seconds=time.monotonic() - began)
        calls = aws_calls(settings)
        triggerer = usage_of(lambda: stack_processes(layout), "airflow triggerer")
        scheduler = usage_of(lambda: stack_processes(layout), "airflow scheduler")
        time.sleep(WINDOW.total_seconds())
        made = aws_calls(settings) - calls
        used = (triggerer(), scheduler())
        opened = time.monotonic()
        gate.open()
        _await(lambda: airflow.state(run_id).is_final, _ENDS_WITHIN, f"{dag_id} did not end", lambda: 0)
        state = airflow.state(run_id)
        if state is not AirflowRunState.SUCCESS:
            raise SystemExit(f"{dag_id} with {size} waiting validations ended as {state.value}")
    print(f"{dag_id} with {size} waiting: {made} calls in {WINDOW}", file=sys.stderr, flush=True)
    return WaitingMeasurement(
        dag_id=dag_id,
        repositories=size,
        aws_calls_per_minute=made / (WINDOW / timedelta(minutes=1)),
        triggerer=used[0],
        scheduler=used[1],
        until_all_wait=until_all_wait,
        until_the_end=timedelta(seconds=time.monotonic() - opened),
    )


def waiting_table(plain: WaitingMeasurement, ours: WaitingMeasurement) -> str:
    """Both beside each other; a ratio below 1 means that Janitor needs less."""

    def row(name: str, figure: Callable[[WaitingMeasurement], float], unit: str) -> str:
        one, other = figure(plain), figure(ours)
        ratio = f"{other / one:.2f}" if one else "-"
        return f"{name} | {one:.1f} {unit} | {other:.1f} {unit} | {ratio}"

    return "\n".join(
        [
            f"{plain.repositories} validations waiting at once | plain, deferred | janitor | ratio",
            "---|---|---|---",
            row("AWS calls", lambda m: m.aws_calls_per_minute, "/min"),
            row("triggerer memory (PSS)", lambda m: m.triggerer.memory_bytes / 2**20, "MiB"),
            row("triggerer CPU", lambda m: m.triggerer.cpu_percent, "% of a core"),
            row("scheduler CPU", lambda m: m.scheduler.cpu_percent, "% of a core"),
            row("until all wait", lambda m: m.until_all_wait.total_seconds(), "s"),
            row("from the last result to the end", lambda m: m.until_the_end.total_seconds(), "s"),
        ]
    )


def _await(reached: Callable[[], bool], within: timedelta, message: str, count: Callable[[], int]) -> None:
    deadline = time.monotonic() + within.total_seconds()
    while not reached():
        if time.monotonic() >= deadline:
            raise SystemExit(f"after {within}: {message.format(count())}")
        time.sleep(0.5)
