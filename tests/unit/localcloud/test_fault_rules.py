"""Fault rules: counted, matched by tag, added up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from localcloud.faults import FaultBook, FaultError


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
