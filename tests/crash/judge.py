"""The invariants, judged by EC2, Postgres, S3 and Airflow after the dust has settled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.crash.cells import Cell
from tests.crash.observer import Observer, Overlap, Sighting, aws_client
from tests.crash.outage import Outage
from tests.crash.repositories import GRACE
from tests.crash.stand import Stand

SHUTDOWN = timedelta(seconds=5)
"""What EC2 itself may take to end an instance, and the observer to see it."""
_FINAL = ("success", "failed", "error", "timed_out", "incomplete", "cancelled")
_CLOSED = ("terminated", "not_launched")
_OF_AN_OUTAGE = ("interrupted", "instance_lost", "no_sign_of_life", "began_late")
"""Reasons that say that nobody was there, or not in time, and nothing of the repository."""
_SURE_OF_TIME = timedelta(seconds=1)
"""S3 keeps seconds."""


@dataclass
class Facts:
    """What is known of a cell's runs."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    validations: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    pool: list[str] = field(default_factory=list)
    """What is open of its pool: workers, tasks, turns, in words."""

    @property
    def run_ids(self) -> set[str]:
        """The runs' ids, as tags have them."""
        return {str(run["run_id"]) for run in self.runs}

    @property
    def validation_ids(self) -> set[str]:
        """The validations' ids, as tags have them."""
        return {str(validation["validation_id"]) for validation in self.validations}


def read_facts(stand: Stand, airflow_run_ids: list[str]) -> Facts:
    """Read what Postgres has. Raises psycopg.Error."""
    of_runs = "where r.airflow_run_id = any(%s)"
    join = "join validation_runs r using (run_id)"
    return Facts(
        runs=stand.rows(f"select r.* from validation_runs r {of_runs}", airflow_run_ids),
        validations=stand.rows(
            f"select v.*, p.storage_key, p.partial from repository_validations v {join}"
            f" left join validation_reports p using (validation_id) {of_runs} order by repository_index",
            airflow_run_ids,
        ),
        ledger=stand.rows(f"select i.* from instances i {join} {of_runs} order by i.ledger_id", airflow_run_ids),
    )


def read_pool_facts(stand: Stand, airflow_run_ids: list[str]) -> Facts:
    """The same of pooled runs: the ledger's rows are those of the workers that came since. Raises psycopg.Error."""
    facts, deployment = read_facts(stand, airflow_run_ids), stand.settings.deployment
    if facts.runs:
        since = min(run["started_at"] for run in facts.runs)
        facts.ledger = stand.rows(
            "select i.* from instances i join workers w on i.owner_kind = 'worker' and i.owner_id = w.worker_id"
            " where i.deployment = %s and w.requested_at >= %s order by i.ledger_id",
            deployment,
            since,
        )
    facts.pool = [
        str(row["what"])
        for row in stand.rows(
            "select format('worker %%s is %%s', worker_id, state) as what from workers"
            " where deployment = %s and ended_at is null"
            " union all select format('task %%s is %%s', task_id, state) from tasks"
            " where deployment = %s and ended_at is null"
            " union all select format('turn %%s of %%s is open', t.number, t.validation_id) from turns t"
            " join instances i using (ledger_id) where i.deployment = %s and t.ended_at is null",
            *[deployment] * 3,
        )
    ]
    return facts


def unsettled(facts: Facts, instances: list[Sighting], *, planned: bool = True) -> list[str]:
    """What is still at work; empty when the dust has settled."""
    found = [f"run {run['run_id']} is {run['status']}" for run in facts.runs if run["status"] == "running"]
    if planned and not facts.runs:
        found.append("no run is planned")
    found += [
        f"{one['repository_name']} is {one['status']}" for one in facts.validations if one["status"] not in _FINAL
    ]
    found += [
        f"ledger row {row['ledger_id']} ({row['instance_id']}) is {row['state']}"
        for row in facts.ledger
        if row["state"] not in _CLOSED
    ]
    found += [f"EC2 shows {one.instance_id} as {one.state}" for one in instances if not one.is_gone]
    return found + facts.pool


def judge(stand: Stand, cell: Cell, facts: Facts, observer: Observer, outage: Outage | None = None) -> list[str]:
    """Every breach of an invariant, in words with its evidence; empty where the cell has passed.

    Args:
        outage: How long the control plane was away, where the blow was a kill.
    """
    instances = observer.machines_of_workers() if cell.is_pooled else observer.instances_of(facts.run_ids)
    return [
        *outlived(stand.settings.reap_interval, instances),
        *launched_twice(facts, observer.overlaps_of(facts.validation_ids), instances),
        *verdict_missing(cell, facts, outage),
        *differently_many(cell, instances),
        *(breach for one in facts.validations for breach in _report_lost(stand, one)),
        *ledger_differs(facts, instances),
        *left_of_the_pool(facts),
    ]


def bound_of(reap_interval: timedelta, sighting: Sighting) -> datetime:
    """When an instance must be gone at the latest: its expiry, one period of the reaper, and EC2's own time."""
    expires = sighting.tags.get("janitor:expires")
    if expires is not None:
        expiry = datetime.fromisoformat(expires)
    else:
        expiry = datetime.fromisoformat(sighting.tags["janitor:deadline"]) + GRACE
    return expiry + reap_interval + SHUTDOWN


def outlived(reap_interval: timedelta, instances: list[Sighting]) -> Iterator[str]:
    """(1) Nothing is alive after its bound, by EC2."""
    for one in instances:
        bound = bound_of(reap_interval, one)
        alive = datetime.now(timezone.utc) if one.is_alive else one.last_alive_at
        if alive is not None and alive > bound:
            late = (alive - bound).total_seconds()
            still = "still alive" if one.is_alive else "alive"
            yield f"(1) {one.instance_id} was {still} {late:.1f} s after its bound {bound:%H:%M:%S} (state {one.state})"


def launched_twice(facts: Facts, overlaps: list[Overlap], instances: list[Sighting]) -> Iterator[str]:
    """(2) One instance for a client token, one live instance for a validation, none without an intent."""
    tokens = Counter(one.client_token for one in instances)
    for token, count in tokens.items():
        if count > 1:
            ids = [one.instance_id for one in instances if one.client_token == token]
            yield f"(2) {count} instances have the client token {token[:12]}: {', '.join(ids)}"
    known = {row["client_token"] for row in facts.ledger}
    for one in instances:
        if one.client_token not in known:
            yield f"(2) {one.instance_id} was launched with a token that no intent has: {one.client_token[:12]}"
    told = set()
    for overlap in overlaps:
        if overlap.instance_ids not in told:
            told.add(overlap.instance_ids)
            yield (
                f"(2) validation {overlap.validation_id} had several instances alive at {overlap.at:%H:%M:%S}:"
                f" {', '.join(overlap.instance_ids)}"
            )


def differently_many(cell: Cell, instances: list[Sighting]) -> Iterator[str]:
    """(2) As many instances as the cell says: one replacement where one was lost, none where none was."""
    if cell.instances is not None and len(instances) != cell.instances:
        yield f"(2) {len(instances)} instances instead of {cell.instances}: {[one.instance_id for one in instances]}"


def verdict_missing(cell: Cell, facts: Facts, outage: Outage | None = None) -> Iterator[str]:
    """(3) Every run and every validation comes to its end, and to the right one.

    Where the control plane was away for so long that nobody can have worked on a validation before its hard limit, it
    may have ended without a verdict on the repository; whoever ended its instance then did so in time or not by (1).
    """
    for run in facts.runs:
        if run["status"] == "running":
            yield f"(3) run {run['run_id']} never came to an end"
    for one in facts.validations:
        name, status = one["repository_name"], one["status"]
        if status not in _FINAL:
            yield f"(3) {name} has no verdict: it is {status}"
            continue
        if cell.statuses is None or outlived_the_limit(facts, one, outage):
            continue
        if cell.reason is not None and one["status_reason_code"] != cell.reason:
            yield f"(3) {name} has the reason {one['status_reason_code']} instead of {cell.reason}"
        if status not in {expected.value for expected in cell.statuses}:
            expected = "/".join(sorted(status.value for status in cell.statuses))
            yield (
                f"(3) {name} ended as {status} instead of {expected}:"
                f" {one['status_reason_code']}: {one['status_summary']}"
            )


def outlived_the_limit(facts: Facts, validation: dict[str, Any], outage: Outage | None) -> bool:
    """Whether a validation ended in the way of those whose limit passed while nobody could be at work on them."""
    if outage is None or validation["status"] != "error" or validation["status_reason_code"] not in _OF_AN_OUTAGE:
        return False
    deadlines = [row["deadline_at"] for row in facts.ledger if row["validation_id"] == validation["validation_id"]]
    return bool(deadlines) and outage.outlived(max(deadlines))


def _report_lost(stand: Stand, validation: dict[str, Any]) -> Iterator[str]:
    """A whole report that was in storage when the verdict was given counts."""
    s3 = aws_client(stand.settings, "s3")
    prefix = f"janitor-reports/{validation['run_id']}/{validation['validation_id']}/"
    objects = s3.list_objects_v2(Bucket=stand.settings.bucket, Prefix=prefix).get("Contents", [])
    in_time = [one for one in _reports_of(objects) if one["LastModified"] + _SURE_OF_TIME < validation["finished_at"]]
    if not in_time:
        return
    newest = max(in_time, key=lambda one: int(one["Key"].rpartition("/")[2].removesuffix(".json")))
    report = json.loads(s3.get_object(Bucket=stand.settings.bucket, Key=newest["Key"])["Body"].read())
    name = validation["repository_name"]
    if validation["storage_key"] is None:
        yield f"(3) {name}: the report {newest['Key']} was there, but the row has none ({validation['status']})"
    elif not report.get("partial") and validation["status"] != report["status"]:
        yield f"(3) {name}: the report says {report['status']}, the row {validation['status']}"


def _reports_of(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the signs of life that lie beside them."""
    return [one for one in objects if one["Key"].endswith(".json")]


def ledger_differs(facts: Facts, instances: list[Sighting]) -> Iterator[str]:
    """(4) The ledger equals EC2, and each row says why it ended."""
    rows = {row["instance_id"]: row for row in facts.ledger}
    for one in instances:
        row = rows.get(one.instance_id)
        if row is None:
            yield f"(4) EC2 has {one.instance_id} ({one.state}), the ledger doesn't know it"
        elif row["state"] != one.state:
            yield f"(4) {one.instance_id} is {one.state} in EC2 and {row['state']} in the ledger"
    seen = {one.instance_id for one in instances}
    for row in facts.ledger:
        if row["state"] not in _CLOSED:
            yield f"(4) ledger row {row['ledger_id']} is still live: {row['state']}"
        elif row["termination_reason"] is None:
            yield f"(4) ledger row {row['ledger_id']} has no termination reason"
        if row["instance_id"] is not None and row["instance_id"] not in seen:
            yield f"(4) ledger row {row['ledger_id']} names {row['instance_id']}, which EC2 never showed"


def left_of_the_pool(facts: Facts) -> Iterator[str]:
    """(7) No worker, task or turn is without its end: a row that says so of nobody at work lies."""
    yield from (f"(7) {one}" for one in facts.pool)
