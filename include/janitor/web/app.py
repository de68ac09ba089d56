"""The app behind the pages: it answers with JSON, reads, writes what is acknowledged, and is mounted by Airflow.

Invariants: no route that has data answers without `allowed`; a mounted folder is open to everybody, so only scripts and
icons lie there; routes are plain functions, which run in threads and hold up none of the server's other answers, and
each waits seconds at most.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from janitor.domain.errors import ConflictError, DatabaseError, NotFoundError, SettingsError
from janitor.domain.snapshot.alerts import alerts_of
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.report.reports import repository_history, run_view
from janitor.services.snapshot.grid import MOST_RUNS, fleet_grid
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.grid import grid_dict
from janitor.views.runs import run_dict, validation_dicts
from janitor.views.snapshot import snapshot_dict
from janitor.views.text.metrics import CONTENT_TYPE, metrics_text
from janitor.web.scripts import SCRIPTS
from janitor.web.writing import writing_routes

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def pages(allowed: Callable[..., Any], settings_of: Callable[[], Settings], *, may_edit: Callable[..., str]) -> FastAPI:
    """The app.

    Args:
        allowed: A dependency of FastAPI's: it raises for whoever may not read the DAG.
        may_edit: Another one: it raises for whoever may not edit the DAG, and names whoever may.
        settings_of: The deployment's settings, asked for at each request.
    """
    # A mounted app's own documentation would be open to everybody.
    app = FastAPI(title="Janitor", dependencies=[Depends(allowed)], docs_url=None, redoc_url=None, openapi_url=None)
    _add_troubles(app)

    @app.get("/api/snapshot")
    def snapshot() -> Response:
        taken = take_snapshot(settings_of(), ask_airflow=False)
        return _json(snapshot_dict(taken, alerts_of(taken)))

    @app.get("/api/today")
    def today() -> Response:
        settings = settings_of()
        taken = take_snapshot(settings, ask_airflow=False)
        causes = causes_of_snapshot(settings, taken)
        return _json(snapshot_dict(taken, alerts_of(taken), causes, environment=settings.environment))

    @app.get("/api/fleet")
    def fleet(runs: Annotated[int, Query(ge=1, le=MOST_RUNS)] = 60, at: datetime | None = None) -> Response:
        return _json(grid_dict(fleet_grid(settings_of(), runs=runs, before=_instant(at))))

    @app.get("/api/run/{airflow_run_id:path}")
    def run(airflow_run_id: str) -> Response:
        return _json(run_dict(run_view(settings_of(), airflow_run_id), datetime.now(timezone.utc)))

    @app.get("/api/repository/{organization}/{name}")
    def repository(organization: str, name: str) -> Response:
        found = repository_history(settings_of(), f"{organization}/{name}", 30)
        return _json({"validations": validation_dicts(found, datetime.now(timezone.utc))})

    @app.get("/metrics")
    def metrics() -> Response:
        taken = take_snapshot(settings_of(), ask_airflow=False)
        return Response(metrics_text(taken, alerts_of(taken)), media_type=CONTENT_TYPE, headers=_HEADERS)

    app.include_router(writing_routes(may_edit, settings_of))
    app.mount("/static", StaticFiles(directory=_folder()), name="static")
    return app


def _add_troubles(app: FastAPI) -> None:
    @app.exception_handler(NotFoundError)
    def not_found(_: Request, exc: Exception) -> Response:
        return JSONResponse({"detail": str(exc)}, 404, headers=_HEADERS)

    @app.exception_handler(ConflictError)
    def refused(_: Request, exc: Exception) -> Response:
        return JSONResponse({"detail": str(exc)}, 409, headers=_HEADERS)

    @app.exception_handler(DatabaseError)
    @app.exception_handler(SettingsError)
    def unavailable(_: Request, exc: Exception) -> Response:
        return JSONResponse({"detail": str(exc)}, 503, headers=_HEADERS)


def _json(document: dict[str, Any]) -> Response:
    return JSONResponse(document, headers=_HEADERS)


def _instant(at: datetime | None) -> datetime:
    """A time without a zone is UTC's."""
    if at is None:
        return datetime.now(timezone.utc)
    return at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)


def _folder() -> Path:
    return Path(str(resources.files("janitor.web") / SCRIPTS))
