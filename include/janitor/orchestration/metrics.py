"""The deployment's gauges for whoever has Airflow's own metrics on, by StatsD or OpenTelemetry.

They are told by the reaper's task, so that there is one source of them. Labels are parts of a name: a plain StatsD has
no others. Nothing here fails what it stands beside.
"""

from __future__ import annotations

from uuid import UUID

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

from janitor.domain.errors import JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.domain.snapshot.alerts import alerts_of
from janitor.domain.states import RunPurpose
from janitor.services.report.validation import checked_validation
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.text.metrics import families

log = LineLogger(__name__)


def tell_gauges(settings: Settings) -> None:
    """Tell the same gauges as the page `metrics`; asks nobody where Airflow's metrics are off."""
    if not _are_on():
        return
    try:
        snapshot = take_snapshot(settings)
        for family in families(snapshot, alerts_of(snapshot)):
            for labels, value in family.samples:
                name = ".".join(["janitor", family.name, *(each.replace(".", "_") for each in labels.values())])
                stats.gauge(stats.normalize_name_for_stats(name, log_warning=False), float(value))
    except JanitorError as exc:
        log.warning("metrics are left out this time: %s", exc)
    except Exception as exc:
        # A defect here must not make a pass of the reaper red.
        log.error("metrics are left out this time: %s", type(exc).__name__)


def count_verdict(settings: Settings, validation_id: UUID) -> None:
    """Count a verdict on the fleet, and tell how long it took."""
    if not _are_on():
        return
    try:
        validation = checked_validation(settings, validation_id).validation
    except JanitorError as exc:
        log.warning("the verdict isn't counted: %s", exc)
        return
    if validation.purpose is RunPurpose.EXPERIMENT:
        return
    stats.incr(f"janitor.validations.{validation.status.value}")
    if validation.execution_time is not None:
        stats.timing("janitor.validation_time", validation.execution_time)


def _are_on() -> bool:
    names = ("statsd_on", "statsd_datadog_enabled", "otel_on")
    return any(conf.getboolean("metrics", name, fallback=False) for name in names)
