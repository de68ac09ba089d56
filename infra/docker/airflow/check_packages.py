"""Run while the Airflow image is built: whatever a component of Janitor imports is there, or the build fails."""

from __future__ import annotations

import importlib
import sys

_MODULES = (
    # Airflow's, which its own image brings
    "airflow.providers.amazon.aws.operators.ec2",
    "airflow.providers.amazon.aws.operators.ssm",
    "airflow.providers.celery.executors.celery_executor",
    "airflow.providers.fab.auth_manager.fab_auth_manager",
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.standard.operators.python",
    "aiobotocore",
    "redis",
    # Janitor's
    "janitor.cli.main",
    "janitor.orchestration.operators.launch_operator",
    "janitor.orchestration.web.log_page",
    "janitor.orchestration.reap_tasks",
    "janitor.orchestration.sequential_tasks",
    "janitor.orchestration.tasks",
    "janitor.orchestration.operators.terminate_operator",
    "janitor.orchestration.trigger",
    "janitor.orchestration.operators.turns_operator",
    "janitor.orchestration.operators.validate_operator",
    "janitor.stores.migrate",
)


def main() -> int:
    """1 and the names where something is missing."""
    missing = []
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except ImportError as exc:
            missing.append(f"{name}: {exc}")
    for line in missing:
        sys.stderr.write(f"error: {line}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
