"""`make bench`: the cost of orchestration, against a plain DAG of the providers' own operators, in one run.

Both DAGs validate the same repositories with the same validator program on the same local cloud, one after the other on
one stack. A repository without a Dockerfile is used, so that the validation itself is over at once.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

from bench.measurements import Measurement, table
from bench.memory import PeakMemory
from janitor.protocol.spec import RepositorySpec, ValidationSpec
from janitor.protocol.statuses import EngineChoice
from janitor.services.airflow_client import AirflowClient, AirflowRunState
from janitor.settings import Settings, load_settings
from janitor.stack.layout import Layout
from janitor.stack.processes import stack_processes
from janitor.stack.stack import down, up
from janitor.validator.packaging import build_artefact

ROOT = Path(__file__).resolve().parent.parent
RUN_LIMIT = timedelta(minutes=10)
SIZES = (3, 10, 30)


def main() -> int:
    """Start a stack of its own, measure, print the table, remove everything."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="repositories per run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="janitor-bench-") as folder:
        settings = _settings(Path(folder))
        try:
            settings = up(settings, progress=lambda line: print(line, file=sys.stderr, flush=True))
            pairs = [_pair(settings, Path(folder), size) for size in arguments.sizes]
        finally:
            down(settings, progress=lambda line: None)
    print(table(pairs))
    return 0


def _settings(folder: Path) -> Settings:
    dags = folder / "dags"
    dags.mkdir()
    shutil.copy(ROOT / "dags" / "validate_workers.py", dags)
    shutil.copy(ROOT / "bench" / "dags" / "plain_validate.py", dags)
    return load_settings(
        "local",
        environ={**os.environ, "JANITOR_STATE_DIR": str(folder / "state"), "JANITOR_DAGS_FOLDER": str(dags)},
        project_root=ROOT,
    )


def _pair(settings: Settings, folder: Path, size: int) -> tuple[Measurement, Measurement]:
    repository = _repository(folder / "repository")
    config = folder / f"bench-{size}.yaml"
    entries = "".join(
        f'  - {{name: instant-{index}, organization: bench, prompt: look, gpu_required: false, url: "file://{repository}"}}\n'
        for index in range(size)
    )
    config.write_text(f"repositories:\n{entries}max_concurrent_instances: {size}\ndefault_timeout_minutes: 5\n")
    artefact = build_artefact(folder / "validator.pyz").path
    commands = [[_command(artefact, repository, index)] for index in range(size)]
    plain = _measure(settings, "plain_validate", size, {"commands": commands})
    ours = _measure(settings, "validate_workers", size, {"config_path": str(config)})
    return plain, ours


def _command(artefact: Path, repository: Path, index: int) -> str:
    spec = ValidationSpec(
        validation_id=str(UUID(int=index + 1)),
        run_id=str(UUID(int=1)),
        repository=RepositorySpec(name=f"instant-{index}", organization="bench", url=f"file://{repository}"),
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
    before = _calls(settings)
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
        aws_calls=_calls(settings) - before,
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


def _calls(settings: Settings) -> int:
    import httpx

    answer = httpx.get(f"{settings.aws_endpoint_url}/_localcloud/health", timeout=10, trust_env=False)
    return int(answer.json()["calls"])


def _repository(path: Path) -> Path:
    if not path.exists():
        environment = {"PATH": os.environ["PATH"], "HOME": str(path.parent), "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True, env=environment, timeout=30)
        (path / "README.md").write_text("# instant\n")
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for step in (["add", "-A"], [*identity, "commit", "-q", "-m", "instant"]):
            subprocess.run(["git", "-C", str(path), *step], check=True, env=environment, timeout=30)
    return path


if __name__ == "__main__":
    raise SystemExit(main())
