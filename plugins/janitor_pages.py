"""What Janitor adds to Airflow's web UI: the page of a validation's log.

Every Airflow process loads the plugins; the pages are made where they are served alone, so that nothing of them can
stop a scheduler.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from janitor.services.report.log_link import PAGE_PREFIX


def _apps() -> list[dict[str, Any]]:
    if "api-server" not in sys.argv and "standalone" not in sys.argv:
        return []
    from janitor.orchestration.log_page import log_pages  # noqa: PLC0415 - only where it is served
    from janitor.settings import load_dag_settings  # noqa: PLC0415

    return [{"app": log_pages(load_dag_settings().dag_id), "url_prefix": PAGE_PREFIX, "name": "Janitor"}]


class JanitorPages(AirflowPlugin):  # type: ignore[misc]
    """Registers the pages."""

    name = "janitor"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = _apps()
