"""A snapshot and its alerts as the document `janitor-dashboard/1`; its schema lies beside this file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from importlib import resources
from typing import Any
from uuid import UUID

from janitor.domain.evidence.cause import Causes
from janitor.domain.snapshot.alerts import Alert
from janitor.domain.snapshot.snapshot import DeploymentSnapshot, InstanceGlance, RepositoryNews, RunGlance
from janitor.settings import DEFAULT_ENVIRONMENT
from janitor.views.evidence import causes_dicts
from janitor.views.pools import glance_dict
from janitor.views.text.snapshot import safety, sentence

FORMAT = "janitor-dashboard/1"


def dashboard_schema() -> str:
    """The JSON Schema of the document."""
    return (resources.files("janitor.views") / "dashboard-v1.schema.json").read_text()


def snapshot_dict(
    snapshot: DeploymentSnapshot,
    alerts: Sequence[Alert],
    causes: Causes | None = None,
    *,
    environment: str = DEFAULT_ENVIRONMENT,
) -> dict[str, Any]:
    """Durations are seconds, instants ISO 8601 in UTC, money a decimal in text.

    Args:
        snapshot: What is shown.
        alerts: Of it.
        causes: Of its last run; None leaves them out.
        environment: Whose `make` the causes' commands mean.
    """
    news, money = snapshot.news, snapshot.money
    told = {} if causes is None else {"causes": causes_dicts(causes, environment), "causes_left_out": causes.left_out}
    return {
        **told,
        "format": FORMAT,
        "deployment": snapshot.deployment,
        "at": _plain(snapshot.at),
        "sentence": sentence(snapshot),
        "safety": safety(snapshot),
        "alerts": [_record(one) for one in alerts],
        "live_runs": [_record(one) for one in snapshot.live_runs],
        "last_run": None if snapshot.last_run is None else _record(snapshot.last_run),
        "repositories": {
            "total": snapshot.repositories,
            "failing": snapshot.failing,
            "untold": snapshot.untold,
            "new": [_record(one) for one in news.new],
            "fixed": [_record(one) for one in news.fixed],
            "still_failing": [_record(one) for one in news.still_failing],
            "unknown": [_record(one) for one in news.unknown],
        },
        "instances": [{**_record(one), "may_live_until": _plain(one.may_live_until)} for one in snapshot.instances],
        "cost": _record(money),
        "reaper": None
        if snapshot.last_pass is None
        else {**_record(snapshot.last_pass), "agrees": snapshot.last_pass.agrees},
        "airflow_problems": None if snapshot.airflow_problems is None else list(snapshot.airflow_problems),
        "pools": [glance_dict(each) for each in snapshot.pools],
    }


def _record(record: Alert | RunGlance | RepositoryNews | InstanceGlance | Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal() | UUID():
            return str(value)
    return value
