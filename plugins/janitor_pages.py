"""What Janitor adds to Airflow's web UI: its pages, a tab on each run, a tile at home, the page of a validation's log.

Every Airflow process loads the plugins; the pages are made where they are served alone, so that nothing of them can
stop a scheduler.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from janitor.services.report.log_link import PAGE_PREFIX
from janitor.web.scripts import PREFIX, react_apps


def _serves() -> bool:
    return "api-server" in sys.argv or "standalone" in sys.argv


def _apps() -> list[dict[str, Any]]:
    if not _serves():
        return []
    from janitor.orchestration.web.log_page import log_pages  # noqa: PLC0415 - only where it is served
    from janitor.orchestration.web.pages import janitor_pages  # noqa: PLC0415
    from janitor.settings import load_dag_settings  # noqa: PLC0415

    dag_id = load_dag_settings().dag_id
    return [
        {"app": log_pages(dag_id), "url_prefix": PAGE_PREFIX, "name": "Janitor log"},
        {"app": janitor_pages(dag_id), "url_prefix": PREFIX, "name": "Janitor"},
    ]


class JanitorPages(AirflowPlugin):  # type: ignore[misc]
    """Registers the pages."""

    name = "janitor"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = _apps()
    react_apps: ClassVar[list[dict[str, Any]]] = react_apps() if _serves() else []
