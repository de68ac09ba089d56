"""CloudWatch alarms: they go off and come back, and their topics and functions hear of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.cloud import eventually, unique
from tests.support.functions import log_lines, make_function
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only


@pytest.fixture
def topic(server: LocalCloudServer) -> Iterator[tuple[str, str]]:
    """A topic's ARN, and the URL of a queue that is subscribed to it."""
    sns, sqs = server.client("sns"), server.client("sqs")
    url = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    arn = sns.create_topic(Name=unique("topic"))["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    yield arn, url
    sns.delete_topic(TopicArn=arn)


def alarm(server: LocalCloudServer, **options: Any) -> str:
    name = unique("alarm")
    server.client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": name,
            "Namespace": "Janitor",
            "MetricName": "Overdue",
            "Statistic": "Maximum",
            "Period": 10,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            **options,
        }
    )
    return name


def state(server: LocalCloudServer, name: str) -> str:
    (found,) = server.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found["StateValue"])


def put(server: LocalCloudServer, value: float, **options: Any) -> None:
    datum = {"MetricName": "Overdue", "Value": value, **options}
    server.client("cloudwatch").put_metric_data(Namespace="Janitor", MetricData=[datum])


def test_alarm_goes_off_and_comes_back(server: LocalCloudServer, topic: tuple[str, str]) -> None:
    arn, url = topic
    dimensions = [{"Name": "Deployment", "Value": unique("d")}]
    name = alarm(server, Dimensions=dimensions, AlarmActions=[arn], OKActions=[arn], TreatMissingData="notBreaching")
    eventually("nothing is wrong", lambda: state(server, name) == "OK")
    put(server, 5)  # another deployment's
    put(server, 9, Dimensions=dimensions, Timestamp=datetime.now(timezone.utc) - timedelta(hours=1))
    put(server, 2, Dimensions=dimensions, Timestamp=datetime.now(timezone.utc))
    eventually("alarm", lambda: state(server, name) == "ALARM")
    eventually("back", lambda: state(server, name) == "OK")
    heard = []
    sqs = server.client("sqs")
    while len(heard) < 3:
        for message in eventually("told", lambda: sqs.receive_message(QueueUrl=url).get("Messages")):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            heard.append(json.loads(message["Body"]))
    messages = [json.loads(entry["Message"]) for entry in heard]
    assert [entry["NewStateValue"] for entry in messages] == ["OK", "ALARM", "OK"]
    assert messages[1]["Trigger"]["Dimensions"] == [{"name": "Deployment", "value": dimensions[0]["Value"]}]
    assert heard[1]["Subject"].startswith(f'ALARM: "{name}"')


def test_alarm_invokes_a_function_directly_and_through_a_topic(
    server: LocalCloudServer, topic: tuple[str, str]
) -> None:
    function = make_function(server, "import json\ndef handler(event, context): print(json.dumps(event))")
    for principal in ("sns.amazonaws.com", "lambda.alarms.cloudwatch.amazonaws.com"):
        server.client("lambda").add_permission(
            FunctionName=function,
            StatementId=principal.partition(".")[0],
            Action="lambda:InvokeFunction",
            Principal=principal,
        )
    server.client("sns").subscribe(TopicArn=topic[0], Protocol="lambda", Endpoint=function)
    name = alarm(server, MetricName=unique("metric"), AlarmActions=[function, topic[0]])
    assert state(server, name) == "INSUFFICIENT_DATA"
    server.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a drill")

    def events() -> list[Any]:
        return [json.loads(line) for line in log_lines(server, function) if line.startswith("{")]

    found = eventually("both", lambda: events() if len(events()) == 2 else None)
    direct = next(event for event in found if event.get("source") == "aws.cloudwatch")
    assert (direct["alarmData"]["alarmName"], direct["alarmData"]["state"]["reason"]) == (name, "a drill")
    through = next(event for event in found if "Records" in event)
    assert json.loads(through["Records"][0]["Sns"]["Message"])["AlarmName"] == name


def test_failing_function_sets_off_the_alarm_on_its_errors(server: LocalCloudServer) -> None:
    function = make_function(server, "def handler(event, context): raise ValueError('no')").split(":")[6]
    name = alarm(
        server,
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        TreatMissingData="notBreaching",
    )
    eventually("nothing is wrong", lambda: state(server, name) == "OK")
    server.client("lambda").invoke(FunctionName=function)
    eventually("alarm", lambda: state(server, name) == "ALARM")


def test_changed_alarm_keeps_its_state(server: LocalCloudServer) -> None:
    name = alarm(server, MetricName=unique("metric"), TreatMissingData="ignore")
    client = server.client("cloudwatch")
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a drill")
    alarm(server, AlarmName=name, MetricName=unique("metric"), TreatMissingData="ignore", Threshold=7)
    assert state(server, name) == "ALARM"
