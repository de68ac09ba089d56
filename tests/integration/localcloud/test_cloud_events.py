"""EventBridge rules: what happens to instances, events of one's own, and schedules reach functions, topics, queues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, eventually, unique
from tests.support.functions import log_lines, make_function
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

SHOW = "import json\ndef handler(event, context): print(json.dumps(event))"
TERMINATE = """
import boto3
def handler(event, context):
    print("got", event["detail-type"])
    boto3.client("ec2").terminate_instances(InstanceIds=[event["detail"]["instance-id"]])
"""


@pytest.fixture(autouse=True)
def clean(server: LocalCloudServer) -> Iterator[None]:
    yield
    server.set_faults()
    events = server.client("events")
    for rule in events.list_rules()["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        events.remove_targets(Rule=rule["Name"], Ids=[target["Id"] for target in targets] or ["none"])
        events.delete_rule(Name=rule["Name"])


def make_rule(server: LocalCloudServer, *targets: str, **options: Any) -> str:
    """A rule with these targets; `pattern=` is made JSON of. Functions are made to allow it."""
    name, events = unique("rule"), server.client("events")
    if "pattern" in options:
        options["EventPattern"] = json.dumps(options.pop("pattern"))
    arn = events.put_rule(Name=name, **options)["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": str(n), "Arn": target} for n, target in enumerate(targets)])
    for target in targets:
        if ":function:" in target:
            allow(server, target, arn)
    return name


def allow(server: LocalCloudServer, function: str, rule_arn: str) -> None:
    server.client("lambda").add_permission(
        FunctionName=function,
        StatementId=unique("statement"),
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )


def make_queue(server: LocalCloudServer) -> tuple[str, str]:
    """A queue's URL and ARN."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def received(server: LocalCloudServer, url: str) -> Any:
    """The next message of a queue, parsed."""
    sqs = server.client("sqs")
    message = eventually("a message", lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return json.loads(message["Body"])


def test_rule_invokes_the_function_that_terminates_the_instance(server: LocalCloudServer, cloud: Cloud) -> None:
    function = make_function(server, TERMINATE)
    pattern = {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]}
    make_rule(server, function, pattern={**pattern, "detail": {"state": ["running"]}})
    instance_id = cloud.launch()
    cloud.wait_state(instance_id, "terminated")
    said = "got EC2 Instance State-change Notification"
    eventually("its log", lambda: said in log_lines(server, function))


def test_spot_warning_comes_before_the_end(server: LocalCloudServer, cloud: Cloud) -> None:
    url, queue = make_queue(server)
    make_rule(server, queue, pattern={"detail-type": ["EC2 Spot Instance Interruption Warning"]})
    server.set_faults({"fault": "spot-interruption", "seconds": 0, "warning_seconds": 2})
    instance_id = cloud.launch(InstanceMarketOptions={"MarketType": "spot"})
    event = received(server, url)
    assert cloud.state(instance_id) == "running"
    assert event["source"] == "aws.ec2"
    assert event["detail"] == {"instance-id": instance_id, "instance-action": "terminate"}
    assert event["resources"] == [f"arn:aws:ec2:us-east-1:123456789012:instance/{instance_id}"]
    cloud.wait_state(instance_id, "terminated")


def test_state_changes_in_order_of_their_kind(server: LocalCloudServer, cloud: Cloud) -> None:
    url, queue = make_queue(server)
    instance_pattern = {
        "detail-type": [{"prefix": "EC2 Instance State"}],
        "detail": {"state": [{"anything-but": "pending"}]},
    }
    make_rule(server, queue, pattern=instance_pattern)
    instance_id = cloud.launch()
    cloud.wait_state(instance_id, "running")
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    seen = set()
    while len(seen) < 3:
        event = received(server, url)
        if event["detail"]["instance-id"] == instance_id:
            seen.add(event["detail"]["state"])
    assert seen == {"running", "shutting-down", "terminated"}


def test_own_events_reach_a_topic_and_its_queue(server: LocalCloudServer) -> None:
    sns, (url, queue) = server.client("sns"), make_queue(server)
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    make_rule(server, topic, pattern={"source": ["janitor.test"], "detail": {"kind": ["a"]}})
    events = server.client("events")
    entries = [{"Source": "janitor.test", "DetailType": "Thing", "Detail": json.dumps({"kind": kind})} for kind in "ba"]
    assert events.put_events(Entries=entries)["FailedEntryCount"] == 0
    event = json.loads(received(server, url)["Message"])
    assert (event["detail"], event["detail-type"]) == ({"kind": "a"}, "Thing")


def test_topic_invokes_a_function(server: LocalCloudServer) -> None:
    sns, function = server.client("sns"), make_function(server, SHOW)
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.publish(TopicArn=topic, Message="too early")
    refusal = f"does not allow sns.amazonaws.com ({topic})"
    eventually("refused without a permission", lambda: refusal in server.log_file.read_text())
    server.client("lambda").add_permission(
        FunctionName=function,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sns.publish(TopicArn=topic, Message="hello", Subject="greeting")
    line = eventually("invoked", lambda: [text for text in log_lines(server, function) if text.startswith("{")])[0]
    record = json.loads(line)["Records"][0]
    assert record["EventSource"] == "aws:sns"
    assert (record["Sns"]["Message"], record["Sns"]["Subject"]) == ("hello", "greeting")
    assert record["Sns"]["TopicArn"] == topic


def test_failing_target_is_tried_again(server: LocalCloudServer) -> None:
    url, queue = make_queue(server)
    make_rule(server, queue, pattern={"source": ["janitor.retry"]})
    server.set_faults({"fault": "throttling", "service": "sqs", "api": "SendMessage", "times": 2})
    server.client("events").put_events(Entries=[{"Source": "janitor.retry", "DetailType": "Thing", "Detail": "{}"}])
    eventually("two refusals", lambda: server.faults()[0]["times"] == 0)
    assert received(server, url)["source"] == "janitor.retry"


def test_disabled_rule_rests(server: LocalCloudServer) -> None:
    events, (url, queue) = server.client("events"), make_queue(server)
    name = make_rule(server, queue, pattern={"source": ["janitor.rest"]})

    def put(detail_type: str) -> None:
        events.put_events(Entries=[{"Source": "janitor.rest", "DetailType": detail_type, "Detail": "{}"}])

    events.disable_rule(Name=name)
    put("while disabled")
    events.enable_rule(Name=name)
    put("after")
    assert received(server, url)["detail-type"] == "after"


def test_input_of_a_target(server: LocalCloudServer) -> None:
    events, queues = server.client("events"), [make_queue(server) for _ in range(3)]
    name = unique("rule")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["janitor.input"]}))
    inputs: list[dict[str, Any]] = [
        {"Input": '{"fixed": true}'},
        {"InputPath": "$.detail.inner"},
        {"InputTransformer": {"InputPathsMap": {"n": "$.detail.inner.n"}, "InputTemplate": '{"number": <n>}'}},
    ]
    events.put_targets(
        Rule=name,
        Targets=[
            {"Id": str(n), "Arn": queue, **given}
            for n, ((_, queue), given) in enumerate(zip(queues, inputs, strict=True))
        ],
    )
    detail = json.dumps({"inner": {"n": 5}})
    events.put_events(Entries=[{"Source": "janitor.input", "DetailType": "Thing", "Detail": detail}])
    assert [received(server, url) for url, _ in queues] == [{"fixed": True}, {"n": 5}, {"number": 5}]


def test_scheduled_rule_fires_every_minute(server: LocalCloudServer) -> None:
    url, queue = make_queue(server)
    make_rule(server, queue, ScheduleExpression="cron(* * * * ? *)")
    sqs = server.client("sqs")
    eventually(
        "the next minute",
        lambda: (
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"][
                "ApproximateNumberOfMessages"
            ]
            != "0"
        ),
        seconds=70,
    )
    event = received(server, url)
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["time"].endswith(":00Z")


@pytest.mark.parametrize(
    "options",
    [
        {"EventPattern": json.dumps({"source": [{"sounds-like": "x"}]})},
        {"EventPattern": json.dumps({"source": "aws.ec2"})},
        {"ScheduleExpression": "rate(2 minute)"},
        {"ScheduleExpression": "cron(61 * * * ? *)"},
    ],
)
def test_what_cannot_work_is_refused(server: LocalCloudServer, options: dict[str, str]) -> None:
    with pytest.raises(ClientError) as info:
        server.client("events").put_rule(Name=unique("rule"), **options)
    assert error_code(info) in ("InvalidEventPatternException", "ValidationException")
