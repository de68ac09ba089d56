"""CloudWatch alarms that are evaluated, and whose actions are taken.

Alarms on one metric are; those on expressions or other alarms keep the state that they are given. Actions are topics
and functions. Functions that ran here are metrics too (AWS/Lambda: Invocations, Errors, Duration).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.cloudwatch.models import (
    Alarm,
    CloudWatchBackend,
    Dimension,
    Metric,
    MetricAggregatedDatum,
    MetricDataQuery,
    MetricStat,
    cloudwatch_backends,
)

from localcloud.events.alarm_evaluation import COMPARISONS, AlarmRule, AlarmState, Missing, Sample, evaluate
from localcloud.events.delivery import Sender, Target, TargetError, TargetKind, deliver_later
from localcloud.events.internal_api import InternalApi
from localcloud.moto_pin import replace_attribute
from localcloud.settings import ACCOUNT_ID

log = logging.getLogger(__name__)

PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"
EVALUATION_INTERVAL = timedelta(seconds=2)
KEPT_SAMPLES = 20_000
"""How many values of metrics stay in memory, the newest ones."""
UNCHECKED = "Unchecked: Initial alarm creation"
ALARM_FIELDS = (
    *("name", "namespace", "metric_name", "comparison_operator", "evaluation_periods", "datapoints_to_alarm"),
    *("period", "threshold", "statistic", "extended_statistic", "description", "alarm_actions", "ok_actions"),
    *("insufficient_data_actions", "unit", "actions_enabled", "treat_missing_data"),
    *("evaluate_low_sample_count_percentile", "threshold_metric_id", "rule"),
)
STATE_FIELDS = ("state_value", "state_reason", "state_reason_data")

Announce = Callable[[str, str, str, dict[str, Any], list[str]], None]
"""Puts an event on the default bus: region, source, detail type, detail, resources."""


class AlarmWatch:
    """Evaluates every alarm every few seconds. `tick` is called more often, by one thread.

    Args:
        api: calls the actions' targets.
        announce: told about changes of state.
        changed: called when states were changed, so that they are kept on disk.
    """

    def __init__(self, api: InternalApi, announce: Announce, changed: Callable[[], None]) -> None:
        self._api = api
        self._announce = announce
        self._changed = changed
        self._next = datetime.min.replace(tzinfo=timezone.utc)

    def tick(self, now: datetime) -> None:
        """Evaluate what is due."""
        if now < self._next:
            return
        self._next = now + EVALUATION_INTERVAL
        changed = False
        for backend in list(cloudwatch_backends[ACCOUNT_ID].values()):
            del backend.metric_data[:-KEPT_SAMPLES]
            for alarm in list(backend.alarms.values()):
                try:
                    changed |= self._evaluate(backend, alarm, now)
                except Exception:
                    log.exception("alarm %s could not be evaluated", alarm.name)
        if changed:
            self._changed()

    def _evaluate(self, backend: CloudWatchBackend, alarm: Alarm, now: datetime) -> bool:
        rule = rule_of(alarm)
        if rule is None:
            return False
        before = AlarmState(alarm.state_value)
        state, reason, values = evaluate(rule, list(samples(backend, alarm, rule, now)), now, before)
        if state is before:
            return False
        alarm.update_state(reason, json.dumps({"version": "1.0", "recentDatapoints": values}), state.value)
        return True

    def act(self, alarm: Alarm, before: str) -> None:
        """Take the actions of a change of state, and announce it."""
        log.info("alarm %s: %s → %s: %s", alarm.name, before, alarm.state_value, alarm.state_reason)
        detail = _detail(alarm, before)
        self._announce(alarm.region_name, "aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm.alarm_arn])
        if not alarm.actions_enabled:
            return
        actions = {
            AlarmState.ALARM.value: alarm.alarm_actions,
            AlarmState.OK.value: alarm.ok_actions,
            AlarmState.NO_DATA.value: alarm.insufficient_data_actions,
        }[alarm.state_value]
        for arn in actions or []:
            try:
                target = Target.parse(arn, alarm.region_name, universal=False)
            except TargetError as exc:
                log.warning("alarm %s: no action: %s", alarm.name, exc)
                continue
            sender = Sender(f"alarm {alarm.name}", alarm.alarm_arn, PRINCIPAL)
            if target.kind is TargetKind.FUNCTION:
                deliver_later(self._api, target, json.dumps(_function_event(alarm, detail)), sender)
            else:
                subject = f'{alarm.state_value}: "{alarm.name}" in {alarm.region_name}'
                message = json.dumps(_message(alarm, before))
                deliver_later(self._api, target, message, sender, extra={"Subject": subject[:100]})


def rule_of(alarm: Alarm) -> AlarmRule | None:
    """What an alarm watches; None where the local cloud doesn't evaluate it."""
    statistic = alarm.statistic or alarm.extended_statistic
    if alarm.rule or alarm.metric_data_queries or not statistic or alarm.comparison_operator not in COMPARISONS:
        return None
    periods = int(alarm.evaluation_periods)
    return AlarmRule(
        statistic=statistic,
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        period=timedelta(seconds=int(alarm.period)),
        periods=periods,
        breaches=int(alarm.datapoints_to_alarm or periods),
        missing=Missing(alarm.treat_missing_data or Missing.MISSING.value),
    )


def samples(backend: CloudWatchBackend, alarm: Alarm, rule: AlarmRule, now: datetime) -> Iterator[Sample]:
    """The values of an alarm's metric that matter now."""
    oldest = now - rule.period * (rule.periods + 1)
    wanted = _dimensions(alarm.dimensions)
    for datum in list(backend.metric_data):
        if datum.name != alarm.metric_name or datum.namespace != alarm.namespace:
            continue
        moment = datum.timestamp if datum.timestamp.tzinfo else datum.timestamp.replace(tzinfo=timezone.utc)
        if not oldest <= moment <= now or _dimensions(datum.dimensions) != wanted:
            continue
        if isinstance(datum, MetricAggregatedDatum):
            yield Sample(moment, datum.sum, datum.sample_count, datum.min, datum.max)
        else:
            yield Sample(moment, datum.value, 1, datum.value, datum.value)


def _dimensions(dimensions: list[Dimension]) -> set[tuple[Any, Any]]:
    return {(dimension.name, dimension.value) for dimension in dimensions}


def put_function_metrics(region: str, function: str, *, failed: bool, duration: timedelta) -> None:
    """Count an invocation. Source: Lambda developer guide, "Types of metrics for Lambda functions"."""
    values = {"Invocations": 1, "Errors": int(failed), "Duration": duration.total_seconds() * 1000}
    cloudwatch_backends[ACCOUNT_ID][region].put_metric_data(
        "AWS/Lambda",
        [
            {"MetricName": name, "Value": value, "Dimensions": dimensions}
            for name, value in values.items()
            for dimensions in ([{"Name": "FunctionName", "Value": function}], [])
        ],
    )


def _stamp() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _state(alarm: Alarm) -> dict[str, Any]:
    return {"value": alarm.state_value, "reason": alarm.state_reason, "timestamp": _stamp()}


def _detail(alarm: Alarm, before: str) -> dict[str, Any]:
    """Source: CloudWatch user guide, "Alarm events and EventBridge"."""
    configuration = {"description": alarm.description or ""}
    return {
        "alarmName": alarm.name,
        "state": _state(alarm),
        "previousState": {"value": before},
        "configuration": configuration,
    }


def _function_event(alarm: Alarm, detail: dict[str, Any]) -> dict[str, Any]:
    """Source: CloudWatch user guide, "Invoke a Lambda function from an alarm"."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.alarm_arn,
        "accountId": ACCOUNT_ID,
        "time": _stamp(),
        "region": alarm.region_name,
        "alarmData": detail,
    }


def _message(alarm: Alarm, before: str) -> dict[str, Any]:
    """Source: SNS notifications of CloudWatch alarms, as they are sent."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT_ID,
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _stamp(),
        "Region": alarm.region_name,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "StatisticType": "Statistic",
            "Statistic": str(alarm.statistic or "").upper(),
            "Unit": alarm.unit,
            "Dimensions": [{"name": entry.name, "value": entry.value} for entry in alarm.dimensions],
            "Period": alarm.period,
            "EvaluationPeriods": alarm.evaluation_periods,
            "DatapointsToAlarm": alarm.datapoints_to_alarm,
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": alarm.threshold,
            "TreatMissingData": alarm.treat_missing_data or Missing.MISSING.value,
        },
    }


def install(watch: AlarmWatch) -> None:
    """Patch moto's CloudWatch."""
    moto_put = vars(CloudWatchBackend)["put_metric_alarm"]
    moto_update = vars(Alarm)["update_state"]

    def put_metric_alarm(self: CloudWatchBackend, name: str, **arguments: Any) -> Alarm:
        before = self.alarms.get(name)
        alarm: Alarm = moto_put(self, name=name, **arguments)
        # A new alarm has seen nothing yet; a changed one keeps its state.
        alarm.state_value = before.state_value if before else AlarmState.NO_DATA.value
        alarm.state_reason = before.state_reason if before else UNCHECKED
        if rule_of(alarm) is None:
            log.warning("alarm %s is not evaluated: only those on a statistic of one metric are", name)
        return alarm

    def update_state(self: Alarm, reason: str, reason_data: str, state_value: str) -> None:
        before = self.state_value
        moto_update(self, reason, reason_data, state_value)
        if state_value != before:
            watch.act(self, before)

    replace_attribute(CloudWatchBackend, "put_metric_alarm", put_metric_alarm)
    replace_attribute(Alarm, "update_state", update_state)


def export(backend: CloudWatchBackend) -> dict[str, Any]:
    """Every alarm of a region with its state, and every dashboard, as JSON data; values of metrics are not kept."""
    return {
        "alarms": [
            {
                **{name: getattr(alarm, name) for name in (*ALARM_FIELDS, *STATE_FIELDS)},
                "queries": [_query_data(query) for query in alarm.metric_data_queries],
                "dimensions": [{"Name": entry.name, "Value": entry.value} for entry in alarm.dimensions],
                "tags": backend.tagger.list_tags_for_resource(alarm.alarm_arn)["Tags"],
            }
            for alarm in backend.alarms.values()
        ],
        "dashboards": {dashboard.name: dashboard.body for dashboard in backend.dashboards.values()},
    }


def _query_data(query: MetricDataQuery) -> dict[str, Any]:
    data = {name: getattr(query, name) for name in ("id", "label", "period", "return_data", "expression")}
    stat = query.metric_stat
    if stat is not None:
        data["stat"] = {name: getattr(stat, name) for name in ("period", "stat", "unit")}
        data["metric"] = {
            "metric_name": stat.metric.metric_name,
            "namespace": stat.metric.namespace,
            "dimensions": [[entry.name, entry.value] for entry in stat.metric.dimensions],
        }
    return data


def _query(data: dict[str, Any]) -> MetricDataQuery:
    stat = None
    if "stat" in data:
        dimensions = [Dimension(name, value) for name, value in data["metric"]["dimensions"]]
        stat = MetricStat(Metric(**{**data["metric"], "dimensions": dimensions}), **data["stat"])
    fields = {name: data[name] for name in ("label", "period", "return_data", "expression")}
    return MetricDataQuery(query_id=data["id"], metric_stat=stat, **fields)


def restore(backend: CloudWatchBackend, data: dict[str, Any]) -> None:
    """Put back what `export` told."""
    for entry in data["alarms"]:
        arguments = {name: entry[name] for name in (*ALARM_FIELDS, "dimensions", "tags")}
        queries = [_query(data) for data in entry["queries"]]
        alarm = backend.put_metric_alarm(**arguments, metric_data_queries=queries)
        for name in STATE_FIELDS:
            setattr(alarm, name, entry[name])
    for name, body in data["dashboards"].items():
        backend.put_dashboard(name=name, body=body)
