"""A snapshot as Prometheus reads it. Source: Prometheus documentation, "Exposition formats", text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from janitor.domain.snapshot.alerts import Alert, Severity
from janitor.domain.snapshot.snapshot import DeploymentSnapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_text(snapshot: DeploymentSnapshot, alerts: Sequence[Alert]) -> str:
    """Gauges of a deployment; none has a repository or a cause as its label, so that their number stays small."""
    return "\n".join(line for family in _families(snapshot, alerts) for line in family) + "\n"


def _families(snapshot: DeploymentSnapshot, alerts: Sequence[Alert]) -> Iterator[list[str]]:
    money, last = snapshot.money, snapshot.last_pass
    well = snapshot.repositories - snapshot.failing - snapshot.untold
    yield _family(
        "repositories",
        "repositories by what stands of them",
        [
            ({"standing": name}, count)
            for name, count in (("ok", well), ("failing", snapshot.failing), ("unknown", snapshot.untold))
        ],
    )
    yield _family(
        "repositories_newly_broken", "repositories that the last run found broken", [({}, len(snapshot.news.new))]
    )
    live: dict[tuple[str, str], int] = {}
    for one in snapshot.instances:
        live[one.market, one.instance_type] = live.get((one.market, one.instance_type), 0) + 1
    yield _family(
        "instances_live",
        "instances that the ledger holds alive",
        [({"market": market, "type": kind}, count) for (market, kind), count in sorted(live.items())] or [({}, 0)],
    )
    overdue = sum(one.may_live_until < snapshot.at for one in snapshot.instances)
    yield _family("instances_overdue", "of those, the ones past their expiry", [({}, overdue)])
    yield _family("instances_adopted", "instances adopted within a day", [({}, snapshot.adopted)])
    yield _family("runs_live", "runs that go on", [({}, len(snapshot.live_runs))])
    yield _family("cost_today_usd", "what today's instances have cost", [({}, money.launched_usd)])
    if money.daily_budget_usd:
        ratio = money.used_usd / money.daily_budget_usd
        yield _family("budget_used_ratio", "spent or set aside of the daily budget", [({}, ratio)])
    yield _family(
        "unexplained_seconds", "instance time of a day that nothing explains", [({}, money.unexplained.total_seconds())]
    )
    open_breakers = [one for one in snapshot.breakers if one.refuses(snapshot.at)]
    yield _family("breakers_open", "scopes whose launches are paused", [({}, len(open_breakers))])
    if last is not None:
        yield _family("reaper_last_pass_timestamp_seconds", "when the reaper made it", [({}, last.at.timestamp())])
        yield _family("ledger_equals_ec2", "whether both held the same instances alive then", [({}, int(last.agrees))])
    if snapshot.last_run is not None and snapshot.last_run.completed_at is not None:
        at = snapshot.last_run.completed_at.timestamp()
        yield _family("last_run_timestamp_seconds", "when the last run ended", [({}, at)])
    yield _family(
        "alerts",
        "what somebody has to know of",
        [({"severity": each.value}, sum(one.severity is each for one in alerts)) for each in Severity],
    )


def _family(name: str, text: str, samples: Sequence[tuple[dict[str, str], int | float | Decimal]]) -> list[str]:
    full = f"janitor_{name}"
    return [f"# HELP {full} {text}", f"# TYPE {full} gauge", *(f"{full}{_labels(by)} {value}" for by, value in samples)]


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"
