"""Where a browser finds the log of a validation, and each of the pages."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from janitor.domain.states import RunKind
from janitor.domain.views import ValidationView
from janitor.services.report.validation import checked_validation
from janitor.settings import Settings

PAGE_PREFIX = "/janitor"
"""Of the pages that this deployment's web UI has of its own."""
PAGE_PATH = "/logs/{validation_id}"
"""Below it: one validation's log."""


def log_url(settings: Settings, validation_id: UUID, *, known: ValidationView | None = None) -> str | None:
    """The address: of AWS's console where AWS itself has the log, else of a page in the deployment's web UI.

    Args:
        settings: Of the deployment.
        validation_id: Which.
        known: The validation, for whoever has read it; else it is read where AWS has the log.

    Raises:
        NotFoundError: There is no such validation.
        DatabaseError: Postgres can't be used.
    """
    if settings.aws_endpoint_url is not None:
        if settings.airflow_url is None:
            return None
        return settings.airflow_url.rstrip("/") + PAGE_PREFIX + PAGE_PATH.format(validation_id=validation_id)
    stream = (known or checked_validation(settings, validation_id).validation).log_stream
    return None if stream is None else console_url(settings.region, settings.log_group, stream)


def page_url(settings: Settings, view: str, **query: str) -> str | None:
    """The address of one of the pages; None where the web UI's own isn't known.

    Args:
        settings: Of the deployment.
        view: Of `v=` in its address.
        query: What else its address says.
    """
    if settings.airflow_url is None:
        return None
    rest = "".join(f"&{key}={quote(value, safe='/')}" for key, value in query.items())
    return f"{settings.airflow_url.rstrip('/')}/plugin/janitor?v={view}{rest}"


def run_url(settings: Settings, airflow_run_id: str, kind: RunKind) -> str | None:
    """The address of a run in Airflow's own pages, where Janitor's tab is; None where the web UI's isn't known."""
    if settings.airflow_url is None:
        return None
    return f"{settings.airflow_url.rstrip('/')}/dags/{settings.dag_id_of(kind)}/runs/{quote(airflow_run_id)}"


def console_url(region: str, log_group: str, stream: str) -> str:
    """Source: the console's own addresses, whose fragment is escaped twice with `$` for `%`."""
    group, name = (quote(quote(part, safe=""), safe="").replace("%", "$") for part in (log_group, stream))
    home = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
    return f"{home}#logsV2:log-groups/log-group/{group}/log-events/{name}"
