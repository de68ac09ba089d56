"""The page of the web UI that shows a validation's log: for clouds that have no console of their own.

Invariant: without a login, and the right to read the logs of the DAG's tasks, it shows nothing; it is text, which no
browser takes for anything else, and nothing of it steers a terminal that it is copied to.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse

from janitor.domain.errors import CloudError, DatabaseError, NotFoundError, SettingsError
from janitor.orchestration.wiring import current_settings
from janitor.protocol.text.plain_text import plain
from janitor.services.report.log_link import PAGE_PATH
from janitor.services.report.logs import log_of_validation

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def log_pages(dag_id: str) -> FastAPI:
    """The app; Airflow mounts it.

    Args:
        dag_id: Whoever may read this DAG's task logs may read these.
    """
    allowed = Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS, param_dag_id=dag_id))
    # A mounted app's own documentation would be open to everybody.
    app = FastAPI(title="Janitor", dependencies=[allowed], docs_url=None, redoc_url=None, openapi_url=None)

    # Not `async`: it waits for Postgres and AWS, and must not hold up the server's other answers.
    @app.get(PAGE_PATH)
    def show_log(validation_id: UUID) -> StreamingResponse:
        try:
            lines = log_of_validation(current_settings(), validation_id)
        except NotFoundError as exc:
            raise HTTPException(404, str(exc)) from exc
        except (DatabaseError, SettingsError) as exc:
            raise HTTPException(503, str(exc)) from exc
        return StreamingResponse(_text(lines), media_type="text/plain; charset=utf-8", headers=_HEADERS)

    return app


def _text(lines: Iterator[str]) -> Iterator[str]:
    try:
        for line in lines:
            yield plain(line).replace("\n", " ") + "\n"
    except CloudError as exc:
        yield f"the rest can't be read: {exc}\n"
