"""A run says that it is an experiment wherever others say what triggered them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.cli.render.runs.run_list import runs_text
from janitor.domain.states import RunPurpose, RunStatus
from janitor.domain.views import RunSummary, RunView
from janitor.views.runs import run_dict, summary_dict

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def summary(purpose: RunPurpose) -> RunSummary:
    return RunSummary(
        run_id=UUID(int=1),
        airflow_run_id="experiment__1",
        config_path="workers.yaml",
        trigger="manual",
        started_at=NOW,
        status=RunStatus.RUNNING,
        successful=0,
        total_repositories=1,
        purpose=purpose,
    )


def view(purpose: RunPurpose) -> RunView:
    return RunView(
        run_id=UUID(int=1),
        airflow_run_id="experiment__1",
        config_path="workers.yaml",
        trigger="manual",
        started_at=NOW,
        timeout=timedelta(minutes=5),
        status=RunStatus.RUNNING,
        total_repositories=1,
        purpose=purpose,
    )


def test_the_list_of_runs_tells_them_apart() -> None:
    lines = runs_text([summary(each) for each in RunPurpose], NOW).splitlines()
    assert [("manual" in line, "experiment" in line) for line in lines] == [(True, False), (False, True)]
    assert [view(each).occasion for each in RunPurpose] == ["manual", "experiment"]


def test_scripts_are_told_both() -> None:
    for told in (summary_dict(summary(RunPurpose.EXPERIMENT), NOW), run_dict(view(RunPurpose.EXPERIMENT), NOW)):
        assert (told["trigger"], told["purpose"]) == ("manual", "experiment")
