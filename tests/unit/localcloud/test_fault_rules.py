"""Fault rules: counted, matched by tag, added up."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from localcloud.faults.in_force import FaultBook, FaultError
from localcloud.faults.names import NAMED_FAULTS
from localcloud.faults.rules import Lagging, LaunchAsk


def book(*rules: dict) -> FaultBook:
    faults = FaultBook()
    faults.replace(list(rules))
    return faults


def test_rule_fires_as_often_as_it_says() -> None:
    faults = book({"api": "RunInstances", "code": "X", "times": 2})
    assert [faults.take_api("RunInstances") is not None for _ in range(3)] == [True, True, False]
    assert faults.take_api("DescribeInstances") is None


def test_rules_fire_one_after_the_other() -> None:
    faults = book({"api": "A", "code": "First", "times": 1}, {"api": "A", "code": "Second"})
    assert [rule.code for rule in (faults.take_api("A"), faults.take_api("A")) if rule] == ["First", "Second"]


@pytest.mark.parametrize(
    ("code", "status"), [("InsufficientInstanceCapacity", 500), ("RequestLimitExceeded", 503), ("Whatever", 400)]
)
def test_status_is_the_one_of_aws(code: str, status: int) -> None:
    rule = book({"api": "A", "code": code}).take_api("A")
    assert rule is not None
    assert rule.status == status


def test_box_faults_add_up_and_match_tags() -> None:
    faults = book(
        {"box": "slow-boot:2"},
        {"box": "slow-boot:3", "tags": {"Name": "janitor-a*"}},
        {"box": "hang", "tags": {"Name": "janitor-a*", "Run": "1"}},
        {"box": "die-after:0.5", "times": 1},
    )
    first = faults.take_box({"Name": "janitor-a1", "Run": "1"})
    assert (first.slow_boot, first.hang, first.die_after) == (timedelta(seconds=5), True, timedelta(seconds=0.5))
    second = faults.take_box({"Name": "janitor-b1"})
    assert (second.slow_boot, second.hang, second.die_after) == (timedelta(seconds=2), False, None)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"box": "explode"}, "unknown box fault"),
        ({"box": "hang:3"}, "unknown box fault"),
        ({"box": "slow-boot"}, "number of seconds"),
        ({"api": "A", "box": "hang"}, "either"),
        ({"api": "A"}, "code or latency_seconds"),
        ({"api": "A", "code": "X", "time": 1}, "unknown key"),
        (["A"], "is an object"),
    ],
)
def test_wrong_rule_says_what_is_wrong(rule: dict, message: str) -> None:
    with pytest.raises(FaultError, match=message):
        book(rule)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            {"fault": "capacity", "instance_type": "g5.*", "market": "spot", "times": 2},
            {"api": "RunInstances", "match": {"InstanceType": "g5.*", "market": "spot"}, "times": 2},
        ),
        ({"fault": "spot-price"}, {"code": "SpotMaxPriceTooLow", "match": {"market": "spot"}}),
        ({"fault": "throttling", "service": "cloudwatch", "rate": 0.5}, {"service": "monitoring", "rate": 0.5}),
        ({"fault": "outage"}, {"api": "*", "code": "ServiceUnavailable"}),
        ({"fault": "slow-boot", "seconds": 20, "tags": {"Name": "a"}}, {"box": "slow-boot:20", "tags": {"Name": "a"}}),
        ({"fault": "no-agent"}, {"box": "no-agent"}),
        ({"fault": "spot-interruption", "seconds": 5}, {"box": "spot-interruption:5"}),
        ({"fault": "spot-interruption", "seconds": 5, "warning_seconds": 1}, {"box": "spot-interruption:5+1"}),
        ({"fault": "describe-lag"}, {"lag": "DescribeInstances", "seconds": 5}),
        ({"fault": "command-lag", "seconds": 1}, {"lag": "ListCommandInvocations", "seconds": 1}),
        ({"fault": "empty-pages"}, {"empty_page": "GetLogEvents", "times": 1}),
        ({"fault": "empty-pages", "times": 3}, {"empty_page": "GetLogEvents", "times": 3}),
    ],
)
def test_named_faults_are_shorthand(rule: dict, expected: dict) -> None:
    (listed,) = book(rule).list()
    assert {key: listed[key] for key in expected} == expected
    assert book(listed).list() == [listed]  # what is listed can be set again


@pytest.mark.parametrize("name", sorted(NAMED_FAULTS))
def test_every_named_fault_can_be_set(name: str) -> None:
    fault = NAMED_FAULTS[name]
    book({"fault": name, **({"seconds": 1} if fault.box else {})})
    assert fault.summary


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"fault": "earthquake"}, "known: capacity, spot-capacity"),
        ({"fault": "capacity", "seconds": 3}, "makes no sense"),
        ({"fault": "slow-boot"}, "needs seconds"),
        ({"fault": "no-agent", "message": "x"}, "has no message"),
        ({"api": "SendCommand", "code": "X", "match": {"market": "spot"}}, "narrow RunInstances"),
        ({"api": "RunInstances", "code": "X", "match": {"Size": "big"}}, "unknown key"),
        ({"api": "A", "drop": True, "code": "X"}, "either a code or drop"),
        ({"api": "A", "drop": "yes"}, "true or false"),
        ({"api": "A", "code": "X", "when": "later"}, "'before' or 'after'"),
        ({"api": "A", "code": "X", "times": -1}, "isn't negative"),
        ({"api": "A", "code": 5}, "is a text"),
        ({"lag": "DescribeInstances"}, "and seconds"),
        ({"lag": "RunInstances", "seconds": 1}, "names one of"),
        ({"lag": "DescribeInstances", "seconds": 1, "code": "X"}, "makes no sense"),
        ({"empty_page": "GetLogEvents"}, "and times"),
        ({"empty_page": "DescribeInstances", "times": 1}, "names one of"),
        ({"box": "hang", "service": "ec2"}, "makes no sense"),
    ],
)
def test_wrong_new_rule_says_what_is_wrong(rule: dict, message: str) -> None:
    with pytest.raises(FaultError, match=message):
        book(rule)


def test_launches_are_matched_by_what_they_ask_for() -> None:
    faults = book(
        {"api": "RunInstances", "code": "X", "match": {"InstanceType": "g5.*", "availability_zone": "us-east-1a"}}
    )
    ask = LaunchAsk(instance_type="g5.xlarge", availability_zone="us-east-1a")

    def fires(asked: LaunchAsk) -> bool:
        return faults.take_api("RunInstances", "ec2", lambda: asked) is not None

    assert fires(ask)
    assert not fires(dataclasses.replace(ask, instance_type="g6.xlarge"))
    assert not fires(dataclasses.replace(ask, availability_zone=""))


def test_spot_interruptions_spare_on_demand_instances() -> None:
    faults = book({"fault": "spot-interruption", "seconds": 5, "times": 1})
    assert faults.take_box({}).spot_interruption is None
    assert faults.take_box({}, spot=True).spot_interruption == (timedelta(seconds=5), timedelta(seconds=120))
    assert faults.take_box({}, spot=True).spot_interruption is None


def test_the_longest_lag_counts() -> None:
    faults = book({"fault": "describe-lag", "seconds": 2}, {"fault": "describe-lag", "seconds": 4, "times": 1})
    lags = [faults.lag(Lagging.INSTANCES) for _ in range(2)]
    assert lags == [timedelta(seconds=4), timedelta(seconds=2)]
    assert faults.lag(Lagging.COMMAND_LIST) == timedelta(0)
