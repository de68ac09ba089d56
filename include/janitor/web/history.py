"""What the pages read of the past: the fleet over its runs, one run, one repository, the money, the end of a log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from janitor.domain.config.fields import Organization, RepositoryName
from janitor.protocol.text.plain_text import one_line
from janitor.services.money.spending import spending_since
from janitor.services.money.waste import waste_report
from janitor.services.report.logs import tail_of_validation
from janitor.services.report.reports import run_view
from janitor.services.report.repository_page import repository_page
from janitor.services.report.timelines import timelines_of
from janitor.services.snapshot.grid import MOST_RUNS, cause_grid, fleet_grid
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.history.grid import cause_grid_dict, grid_dict
from janitor.views.history.spending import spending_dict
from janitor.views.history.subjects import repository_dict, timeline_dicts
from janitor.views.runs import run_dict
from janitor.web.answers import json_answer
from janitor.web.words import Words

VALIDATIONS = 60
"""Of a repository."""
LOG_LINES = 200
"""From a log's end: more would be no page."""
_LONGEST_LINE = 1_000
_MOST_DAYS = 90
_Runs = Annotated[int, Query(ge=1, le=MOST_RUNS)]
_Days = Annotated[int, Query(ge=1, le=_MOST_DAYS)]


def history_routes(settings_of: Callable[[], Settings], may_read_logs: Callable[..., Any]) -> APIRouter:
    """The routes; see `janitor.web.app.pages`."""
    router = APIRouter()

    @router.get("/api/fleet")
    def fleet(runs: _Runs = 60, at: datetime | None = None) -> Response:
        return json_answer(grid_dict(fleet_grid(settings_of(), runs=runs, before=_instant(at))))

    @router.get("/api/causes")
    def causes(runs: _Runs = 60, at: datetime | None = None) -> Response:
        return json_answer(cause_grid_dict(cause_grid(settings_of(), runs=runs, before=_instant(at))))

    @router.get("/api/run/{airflow_run_id:path}")
    def run(airflow_run_id: Words) -> Response:
        settings = settings_of()
        view = run_view(settings, airflow_run_id)
        instances = timeline_dicts(timelines_of(settings, view.run_id))
        return json_answer({**run_dict(view, datetime.now(timezone.utc)), "instances": instances})

    @router.get("/api/repository/{organization}/{name}")
    def repository(organization: Organization, name: RepositoryName) -> Response:
        page = repository_page(settings_of(), organization, name, last=VALIDATIONS)
        return json_answer(repository_dict(page, datetime.now(timezone.utc)))

    @router.get("/api/cost")
    def cost(days: _Days = 30) -> Response:
        settings = settings_of()
        spending = spending_since(settings, datetime.now(timezone.utc) - timedelta(days=days))
        money = take_snapshot(settings, ask_airflow=False).money
        return json_answer(spending_dict(spending, waste_report(settings, days), money))

    @router.get("/api/log/{validation_id}", dependencies=[Depends(may_read_logs)])
    def log(validation_id: UUID) -> Response:
        lines = tail_of_validation(settings_of(), validation_id, LOG_LINES)
        return json_answer({"lines": [one_line(line, limit=_LONGEST_LINE) for line in lines]})

    return router


def _instant(at: datetime | None) -> datetime:
    """A time without a zone is UTC's."""
    if at is None:
        return datetime.now(timezone.utc)
    return at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
