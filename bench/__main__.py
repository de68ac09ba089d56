"""`make bench`: the cost of orchestration, against a plain DAG of the providers' own operators, in one run.

Both DAGs validate the same repositories with the same validator program on the same local cloud, one after the other on
one stack. First repositories without a Dockerfile, so that the validation itself is over at once; then many whose
handlers wait at the same time, polled every 15 s by both. Then the same few on an instance each, and on one worker of a
pool. Before that, on a database alone: what a fleet's history
takes to be read.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

from bench.faces import faces_table, measure_faces
from bench.measurements import Measurement, table
from bench.memory import PeakMemory
from bench.pool import measure_pool, pool_configurations, pool_table
from bench.reading import SIZES as FLEETS
from bench.reading import measure_reading, reading_table
from bench.repositories import Gate, instant_repository, waiting_repository
from bench.usage import aws_calls
from bench.waiting import WaitingMeasurement, measure_waiting, waiting_table
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.terms.statuses import EngineChoice
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.settings import Settings, load_settings
from janitor.stack.stack import down, up
from janitor.stack.state.layout import Layout
from janitor.stack.supervisor.processes import stack_processes
from janitor.validator.packaging import build_artefact

ROOT = Path(__file__).resolve().parent.parent
RUN_LIMIT = timedelta(minutes=10)
SIZES = (3, 10, 30)
_WAITING_DAGS = {
    "plain_waiting": ("bench/dags/plain.py",),
    # With its reaper: that is part of what Janitor costs.
    "validate_workers": ("dags/validate_workers.py", "dags/reap_instances.py"),
}


def main() -> int:
    """Start a stack of its own, measure, print the table, remove everything."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="repositories per run")
    parser.add_argument("--waiting", type=int, default=100, help="validations that wait at once; 0 leaves that out")
    parser.add_argument("--pool", type=int, default=4, help="validations on a pool, 2 or more; 0 leaves that out")
    parser.add_argument("--no-reading", action="store_true", help="leave out what is read of a fleet's history")
    arguments = parser.parse_args()
    if not arguments.no_reading:
        print(reading_table({fleet: measure_reading(fleet) for fleet in FLEETS}) + "\n", flush=True)
        print(faces_table({fleet: measure_faces(fleet) for fleet in FLEETS}) + "\n", flush=True)
    if arguments.sizes:
        print(table(_instant(arguments.sizes)), flush=True)
    if arguments.waiting:
        print("\n" + _waiting(arguments.waiting), flush=True)
    if arguments.pool:
        print("\n" + _pool(arguments.pool))
    return 0


def _instant(sizes: list[int]) -> list[tuple[Measurement, Measurement]]:
    """Both DAGs on one stack, one after the other, for each size."""
    with tempfile.TemporaryDirectory(prefix="janitor-bench-") as folder:
        settings = _settings(Path(folder), ("dags/validate_workers.py", "bench/dags/plain.py"))
        try:
            settings = up(settings, progress=lambda line: print(line, file=sys.stderr, flush=True))
            return [_pair(settings, Path(folder), size) for size in sizes]
        finally:
            down(settings, progress=lambda line: None)


def _waiting(size: int) -> str:
    """Each DAG on a stack of its own: what the one leaves in memory must not count for the other."""
    return waiting_table(*(_one_waiting(dag_id, size) for dag_id in _WAITING_DAGS))


def _one_waiting(dag_id: str, size: int) -> WaitingMeasurement:
    with tempfile.TemporaryDirectory(prefix="janitor-bench-") as name:
        folder = Path(name)
        settings = _settings(
            folder, _WAITING_DAGS[dag_id], {"JANITOR_POLL_INTERVAL_SECONDS": "15", "JANITOR_WORKER_WAIT_SECONDS": "4"}
        )
        gate = Gate(folder)
        repository = waiting_repository(folder / "repository", gate)
        try:
            settings = up(settings, progress=lambda line: print(line, file=sys.stderr, flush=True))
            plain, ours = _configurations(folder, repository, size)
            conf = ours if dag_id == "validate_workers" else plain
            return measure_waiting(settings, dag_id, size, conf, gate)
        finally:
            gate.open()
            down(settings, progress=lambda line: None)


def _pool(size: int) -> str:
    with tempfile.TemporaryDirectory(prefix="janitor-bench-") as name:
        folder = Path(name)
        own, pooled = pool_configurations(folder, instant_repository(folder / "repository"), size)
        files = ("dags/validate_workers.py", "dags/gpu_pool.py")
        settings = _settings(folder, files, {"JANITOR_DEFAULT_CONFIG": str(pooled)})
        try:
            settings = up(settings, progress=lambda line: print(line, file=sys.stderr, flush=True))
            return pool_table(measure_pool(settings, own, pooled, size))
        finally:
            down(settings, progress=lambda line: None)


def _settings(folder: Path, dag_files: tuple[str, ...], overrides: dict[str, str] | None = None) -> Settings:
    dags = folder / "dags"
    dags.mkdir()
    for file in dag_files:
        shutil.copy(ROOT / file, dags)
    return load_settings(
        "local",
        environ={
            **os.environ,
            "JANITOR_STATE_DIR": str(folder / "state"),
            "JANITOR_DAGS_FOLDER": str(dags),
            **(overrides or {}),
        },
        project_root=ROOT,
    )


def _pair(settings: Settings, folder: Path, size: int) -> tuple[Measurement, Measurement]:
    plain, ours = _configurations(folder, instant_repository(folder / "repository"), size)
    return (
        _measure(settings, "plain_validate", size, plain),
        _measure(settings, "validate_workers", size, ours),
    )


def _configurations(folder: Path, repository: Path, size: int) -> tuple[dict[str, object], dict[str, object]]:
    """What the plain DAG and Janitor's are triggered with: `size` validations of one repository."""
    config = folder / f"bench-{size}.yaml"
    entries = "".join(
        f'  - {{name: bench-{index}, organization: bench, prompt: look, gpu_required: false, url: "file://{repository}"}}\n'
        for index in range(size)
    )
    config.write_text(f"repositories:\n{entries}max_concurrent_instances: {size}\ndefault_timeout_minutes: 30\n")
    artefact = build_artefact(folder / "validator.pyz").path
    commands = [[_command(artefact, repository, index)] for index in range(size)]
    return {"commands": commands}, {"config_path": str(config)}


def _command(artefact: Path, repository: Path, index: int) -> str:
    spec = ValidationSpec(
        validation_id=str(UUID(int=index + 1)),
        run_id=str(UUID(int=1)),
        repository=RepositorySpec(name=f"bench-{index}", organization="bench", url=f"file://{repository}"),
        prompt="look",
        gpu_required=False,
        engine=EngineChoice.VENV,
        deadline=datetime.now(timezone.utc) + timedelta(hours=1),
        grace=timedelta(minutes=2),
        report_path="report.json",
    )
    encoded = base64.b64encode(spec.to_json().encode()).decode()
    return f"echo {encoded} | base64 -d | python3 {artefact} run --spec - || true"


def _measure(settings: Settings, dag_id: str, size: int, conf: dict[str, object]) -> Measurement:
    settings = settings.model_copy(update={"airflow_dag_id": dag_id})
    run_id = f"bench__{uuid4()}"
    layout = Layout.of(settings)
    before = aws_calls(settings)
    with AirflowClient(settings) as airflow, PeakMemory(lambda: stack_processes(layout)) as memory:
        began = time.monotonic()
        airflow.trigger(run_id, conf)
        while not airflow.state(run_id).is_final:
            if time.monotonic() - began > RUN_LIMIT.total_seconds():
                raise SystemExit(f"{dag_id} with {size} repositories did not end within {RUN_LIMIT}")
            time.sleep(0.25)
        duration = timedelta(seconds=time.monotonic() - began)
        tasks = airflow.task_states(run_id)
        _check_ended_as_meant(dag_id, airflow.state(run_id), tasks)
    print(f"{dag_id} with {size}: {duration.total_seconds():.1f} s", file=sys.stderr, flush=True)
    return Measurement(
        dag_id=dag_id,
        repositories=size,
        duration=duration,
        tasks=len(tasks),
        aws_calls=aws_calls(settings) - before,
        peak_memory_bytes=memory.peak_bytes,
    )


def _check_ended_as_meant(dag_id: str, state: AirflowRunState, tasks: list[tuple[str, int, str | None]]) -> None:
    """A run that broke is not a fast one: the plain DAG passes, Janitor's verdict is that the repositories fail."""
    broken = [
        (task, index, state)
        for task, index, state in tasks
        if state != "success" and not (dag_id == "validate_workers" and task.endswith(("validate", "verdict")))
    ]
    expected = AirflowRunState.FAILED if dag_id == "validate_workers" else AirflowRunState.SUCCESS
    if broken or state is not expected:
        raise SystemExit(f"{dag_id} ended as {state.value}, not {expected.value}: {broken}")


if __name__ == "__main__":
    raise SystemExit(main())
