"""The app behind the pages: it answers with JSON, reads, writes what is acknowledged, and is mounted by Airflow.

Invariants: no route that has data answers without `allowed`; a mounted folder is open to everybody, so only scripts and
icons lie there; routes are plain functions, which run in threads and hold up none of the server's other answers; a few
run at once, and each waits seconds at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import Depends, FastAPI, Response

from janitor.domain.snapshot.alerts import alerts_of
from janitor.domain.snapshot.snapshot import DeploymentSnapshot
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.snapshot import snapshot_dict
from janitor.views.text.metrics import CONTENT_TYPE, metrics_text
from janitor.web.answers import HEADERS, json_answer
from janitor.web.files import Scripts
from janitor.web.history import history_routes
from janitor.web.troubles import add_troubles
from janitor.web.turns import taking_turns
from janitor.web.writing import writing_routes


def pages(
    allowed: Callable[..., Any],
    settings_of: Callable[[], Settings],
    *,
    may_edit: Callable[..., str],
    may_read_logs: Callable[..., Any],
    airflow_problems: Callable[[], Sequence[str] | None],
) -> FastAPI:
    """The app.

    Args:
        allowed: A dependency of FastAPI's: it raises for whoever may not read the DAG.
        settings_of: The deployment's settings, asked for at each request.
        may_edit: Another dependency: it raises for whoever may not edit the DAG, and names whoever may.
        may_read_logs: A third one: it raises for whoever may not read the logs of the DAG's tasks.
        airflow_problems: What isn't well with Airflow's components, within seconds; None: that isn't known. The server
            that serves this app is one of them and would wait for itself, so it is told and doesn't ask.
    """
    # A mounted app's own documentation would be open to everybody.
    closed: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    app = FastAPI(title="Janitor", dependencies=[Depends(allowed), Depends(taking_turns())], **closed)
    add_troubles(app)

    def taken_now(settings: Settings) -> DeploymentSnapshot:
        return take_snapshot(settings, ask_airflow=False).with_airflow(airflow_problems())

    @app.get("/api/snapshot")
    def snapshot() -> Response:
        taken = taken_now(settings_of())
        return json_answer(snapshot_dict(taken, alerts_of(taken)))

    @app.get("/api/today")
    def today() -> Response:
        settings = settings_of()
        taken = taken_now(settings)
        causes = causes_of_snapshot(settings, taken)
        return json_answer(snapshot_dict(taken, alerts_of(taken), causes, environment=settings.environment))

    @app.get("/metrics")
    def metrics() -> Response:
        taken = taken_now(settings_of())
        return Response(metrics_text(taken, alerts_of(taken)), media_type=CONTENT_TYPE, headers=HEADERS)

    app.include_router(history_routes(settings_of, may_read_logs))
    app.include_router(writing_routes(may_edit, settings_of))
    app.mount("/static", Scripts(), name="static")
    return app
