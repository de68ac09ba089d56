"""What is defined in EventBridge, Lambda, CloudWatch and SNS is there again after the local cloud was killed."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud import Cloud, eventually, processes_with
from tests.support.functions import log_lines, make_function
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

ROLE = "arn:aws:iam::123456789012:role/scheduler"
METRIC = {"Namespace": "Janitor", "MetricName": "Overdue", "Dimensions": [{"Name": "Deployment", "Value": "d"}]}
SHOW = "import os\ndef handler(event, context): print('got', event.get('n'), os.environ['STAGE'])"


def at(moment: datetime) -> str:
    return f"at({moment:%Y-%m-%dT%H:%M:%S})"


def schedule(server: LocalCloudServer, name: str, moment: datetime, function: str, **options: Any) -> None:
    server.client("scheduler").create_schedule(
        Name=name,
        GroupName="killers",
        ScheduleExpression=at(moment),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function, "RoleArn": ROLE, "Input": json.dumps({"n": name})},
        **options,
    )


def define(server: LocalCloudServer) -> str:
    """Returns the function's ARN."""
    now = datetime.now(timezone.utc)
    function = make_function(server, SHOW, FunctionName="reaper", Environment={"Variables": {"STAGE": "first"}})
    server.client("lambda").update_function_configuration(
        FunctionName="reaper", Environment={"Variables": {"STAGE": "second"}}, Timeout=9
    )
    for principal in ("events", "sns"):
        server.client("lambda").add_permission(
            FunctionName="reaper",
            StatementId=principal,
            Action="lambda:InvokeFunction",
            Principal=f"{principal}.amazonaws.com",
        )
    tags = [{"Key": "Deployment", "Value": "d"}]
    server.client("scheduler").create_schedule_group(Name="killers", Tags=tags)
    schedule(server, "later", now + timedelta(hours=1), function)
    schedule(server, "done", now, function)
    schedule(server, "deleted", now + timedelta(hours=1), function)
    server.client("scheduler").delete_schedule(Name="deleted", GroupName="killers")
    events, sns = server.client("events"), server.client("sns")
    events.put_rule(Name="ours", EventPattern=json.dumps({"source": ["janitor.test"]}), Description="a rule")
    events.put_targets(Rule="ours", Targets=[{"Id": "1", "Arn": function, "Input": '{"n": "rule"}'}])
    events.put_rule(Name="nightly", ScheduleExpression="cron(0 3 * * ? *)", State="DISABLED")
    topic = sns.create_topic(Name="alerts", Tags=tags)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    cloudwatch = server.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="overdue",
        Namespace="Janitor",
        MetricName="Overdue",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
        TreatMissingData="ignore",
    )
    cloudwatch.set_alarm_state(AlarmName="overdue", StateValue="ALARM", StateReason="a drill")
    cloudwatch.put_metric_alarm(
        AlarmName="ratio",
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[
            {"Id": "a", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
            {"Id": "b", "Expression": "a * 2", "Label": "double", "ReturnData": True},
        ],
    )
    eventually("the one that is due", lambda: "got done second" in log_lines(server, function))
    return function


def test_definitions_survive_a_kill(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with LocalCloudServer(home) as first:
        function = define(first)
        # The last word before the kill: on a busy machine what is due soon would come before it.
        due = datetime.now(timezone.utc) + timedelta(seconds=5)
        schedule(first, "while-down", due, function, ActionAfterCompletion="DELETE")
        first.kill()
    with LocalCloudServer(home, boot_delay=0, agent_delay=0) as second:
        scheduler = second.client("scheduler")
        group = scheduler.get_schedule_group(Name="killers")
        assert scheduler.list_tags_for_resource(ResourceArn=group["Arn"])["Tags"] == [
            {"Key": "Deployment", "Value": "d"}
        ]
        eventually("what came due meanwhile", lambda: "got while-down second" in log_lines(second, function))

        def left() -> set[str]:
            return {entry["Name"] for entry in scheduler.list_schedules(GroupName="killers")["Schedules"]}

        eventually("it is deleted", lambda: left() == {"later", "done"})
        assert [line for line in log_lines(second, function) if line.startswith("got done")] == ["got done second"]
        assert second.client("lambda").get_function(FunctionName="reaper")["Configuration"]["Timeout"] == 9
        events = second.client("events")
        assert {rule["Name"]: rule["State"] for rule in events.list_rules()["Rules"]} == {
            "ours": "ENABLED",
            "nightly": "DISABLED",
        }
        events.put_events(Entries=[{"Source": "janitor.test", "DetailType": "T", "Detail": "{}"}])
        eventually("the rule's target", lambda: "got rule second" in log_lines(second, function))
        (topic,) = second.client("sns").list_topics()["Topics"]
        before = len(log_lines(second, function))
        second.client("sns").publish(TopicArn=topic["TopicArn"], Message="hello")
        eventually("the topic's subscription", lambda: len(log_lines(second, function)) > before)
        alarm, ratio = second.client("cloudwatch").describe_alarms()["MetricAlarms"]
        assert (alarm["AlarmName"], alarm["StateValue"]) == ("overdue", "ALARM")
        assert ratio["Metrics"][0]["MetricStat"]["Metric"] == METRIC
        assert ratio["Metrics"][1]["Expression"] == "a * 2"
        assert alarm["AlarmActions"] == [topic["TopicArn"]]
        assert Cloud.of(second).ec2.describe_instances()["Reservations"] == []


def test_functions_die_with_the_cloud(tmp_path: Path) -> None:
    mark = f"303.{time.time_ns() % 10**9}"
    with LocalCloudServer(tmp_path / "home") as server:
        function = make_function(
            server,
            """
            import subprocess, sys, time
            def handler(event, context):
                subprocess.Popen(["sleep", event["mark"]])
                subprocess.run([sys.executable, "-c", "import time; time.sleep(300)", event["mark"]])
            """,
            Timeout=300,
        )
        payload = json.dumps({"mark": mark}).encode()
        server.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        eventually("both run", lambda: len(processes_with(mark)) == 2)
        server.kill()
        eventually("both gone", lambda: not processes_with(mark))


def test_unreadable_definitions_are_left_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = home / "definitions/scheduler"
    folder.mkdir(parents=True)
    (folder / "us-east-1.json").write_text("{")
    with LocalCloudServer(home) as server:
        assert server.client("scheduler").list_schedules()["Schedules"] == []
        assert "can't be read and are left out" in server.log_file.read_text()
