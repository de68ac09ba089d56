"""A snapshot as Prometheus reads it. Source: Prometheus documentation, "Exposition formats", text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from janitor.domain.snapshot.alerts import Alert, Severity
from janitor.domain.snapshot.snapshot import DeploymentSnapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Family:
    """Gauges of one name."""

    name: str
    text: str
    samples: Sequence[tuple[dict[str, str], int | float | Decimal]]
    """Each with what tells it from the others."""


def metrics_text(snapshot: DeploymentSnapshot, alerts: Sequence[Alert]) -> str:
    """Gauges of a deployment; none has a repository or a cause as its label, so that their number stays small."""
    return "\n".join(line for family in families(snapshot, alerts) for line in _lines(family)) + "\n"


def families(snapshot: DeploymentSnapshot, alerts: Sequence[Alert]) -> Iterator[Family]:
    """The same before it has a form, for whoever tells it elsewhere."""
    money, last = snapshot.money, snapshot.last_pass
    well = snapshot.repositories - snapshot.failing - snapshot.untold
    yield Family(
        "repositories",
        "repositories by what stands of them",
        [
            ({"standing": name}, count)
            for name, count in (("ok", well), ("failing", snapshot.failing), ("unknown", snapshot.untold))
        ],
    )
    yield Family(
        "repositories_newly_broken", "repositories that the last run found broken", [({}, len(snapshot.news.new))]
    )
    live: dict[tuple[str, str], int] = {}
    for one in snapshot.instances:
        live[one.market, one.instance_type] = live.get((one.market, one.instance_type), 0) + 1
    yield Family(
        "instances_live",
        "instances that the ledger holds alive",
        [({"market": market, "type": kind}, count) for (market, kind), count in sorted(live.items())] or [({}, 0)],
    )
    overdue = sum(one.may_live_until < snapshot.at for one in snapshot.instances)
    yield Family("instances_overdue", "of those, the ones past their expiry", [({}, overdue)])
    yield Family("instances_adopted", "instances adopted within a day", [({}, snapshot.adopted)])
    yield Family("runs_live", "runs that go on", [({}, len(snapshot.live_runs))])
    yield Family("cost_today_usd", "what today's instances have cost", [({}, money.launched_usd)])
    if money.daily_budget_usd:
        ratio = money.used_usd / money.daily_budget_usd
        yield Family("budget_used_ratio", "spent or set aside of the daily budget", [({}, ratio)])
    yield Family(
        "unexplained_seconds", "instance time of a day that nothing explains", [({}, money.unexplained.total_seconds())]
    )
    open_breakers = [one for one in snapshot.breakers if one.refuses(snapshot.at)]
    yield Family("breakers_open", "scopes whose launches are paused", [({}, len(open_breakers))])
    if last is not None:
        yield Family("reaper_last_pass_timestamp_seconds", "when the reaper made it", [({}, last.at.timestamp())])
        yield Family("ledger_equals_ec2", "whether both held the same instances alive then", [({}, int(last.agrees))])
    if snapshot.last_run is not None and snapshot.last_run.completed_at is not None:
        at = snapshot.last_run.completed_at.timestamp()
        yield Family("last_run_timestamp_seconds", "when the last run ended", [({}, at)])
    yield Family(
        "alerts",
        "what somebody has to know of",
        [({"severity": each.value}, sum(one.severity is each for one in alerts)) for each in Severity],
    )
    yield Family(
        "news_undelivered",
        "messages that didn't arrive yet, or were given up",
        [({}, sum(one.undelivered for one in snapshot.dead_channels))],
    )


def _lines(family: Family) -> list[str]:
    full = f"janitor_{family.name}"
    return [
        f"# HELP {full} {family.text}",
        f"# TYPE {full} gauge",
        *(f"{full}{_labels(labels)} {value}" for labels, value in family.samples),
    ]


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"
