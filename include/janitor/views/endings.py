"""What was ended on a person's word, for scripts: the answers of `kill-all-workers`, `cancel` and `terminate`."""

from __future__ import annotations

from typing import Any

from janitor.services.reap.by_hand import KillReport
from janitor.services.reap.cancel import Cancellable
from janitor.services.reap.terminate_one import Terminable


def kill_dict(report: KillReport) -> dict[str, Any]:
    """Every instance and run of a deployment."""
    return {
        **_instances(report),
        "cancelled_runs": list(report.cancelled_runs),
        "problems": list(report.problems),
    }


def cancel_dict(run: Cancellable, report: KillReport) -> dict[str, Any]:
    """One run."""
    return {
        "run_id": str(run.run_id),
        "airflow_run_id": run.airflow_run_id,
        "cancelled_repositories": list(run.unfinished),
        **_instances(report),
        "kept": list(report.kept),
        "problems": list(report.problems),
    }


def terminate_dict(instance: Terminable, report: KillReport) -> dict[str, Any]:
    """One instance."""
    return {"instance_id": instance.instance_id, **_instances(report)}


def _instances(report: KillReport) -> dict[str, Any]:
    return {"terminated": list(report.terminated), "remaining": list(report.remaining), "was": dict(report.was)}
