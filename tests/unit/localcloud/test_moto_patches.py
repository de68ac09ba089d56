"""The patches on moto fail loudly, and their pure parts do what EC2 and CloudWatch say."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.ec2.models import ec2_backends

from localcloud import moto_pin
from localcloud.ec2.describe import _pattern
from localcloud.ec2.instances import record_state
from localcloud.machine_states import EndCause, MachineState
from localcloud.settings import ACCOUNT_ID
from localcloud.ssm.output import BATCH_BYTES, EVENT_OVERHEAD_BYTES, batches
from localcloud.ssm.request import CommandRequest, SsmError


def test_installed_moto_is_the_supported_one() -> None:
    moto_pin.check_version()


def test_other_moto_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto_pin, "SUPPORTED", "4.0.")
    with pytest.raises(moto_pin.MotoMismatchError, match=r"install the pinned release"):
        moto_pin.check_version()


def test_patch_of_something_that_is_gone_is_refused() -> None:
    class Owner:
        known = 1

    assert moto_pin.replace_attribute(Owner, "known", 2) == 1
    assert Owner.known == 2
    with pytest.raises(moto_pin.MotoMismatchError, match=r"has no Owner\.gone"):
        moto_pin.replace_attribute(Owner, "gone", 1)
    with pytest.raises(moto_pin.MotoMismatchError, match=r"now has Owner\.known"):
        moto_pin.add_attribute(Owner, "known", 1)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("g5.*", "g5.xlarge", True),
        ("g5.*", "g52xlarge", False),
        ("g?.xlarge", "g5.xlarge", True),
        ("*", "", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("[a]", "a", False),
        ("two\nlines*", "two\nlines\nmore", True),
    ],
)
def test_filter_wildcards(pattern: str, text: str, matches: bool) -> None:
    assert bool(_pattern(pattern).fullmatch(text)) is matches


def test_batches_stay_within_what_one_call_takes() -> None:
    big = "x" * 200_000
    sizes = [sum(len(m) + EVENT_OVERHEAD_BYTES for m in batch) for batch in batches([big] * 12)]
    assert max(sizes) <= BATCH_BYTES
    assert len(sizes) == 3
    assert [len(batch) for batch in batches(["y"] * 25_000)] == [10_000, 10_000, 5_000]
    assert list(batches([])) == []


@pytest.mark.parametrize("seconds", ["1", "99999", "169999", "172800"])
def test_execution_timeout_up_to_two_days(seconds: str) -> None:
    request = CommandRequest.parse(
        {
            "DocumentName": "AWS-RunShellScript",
            "InstanceIds": ["i-1"],
            "Parameters": {"commands": ["a", "b"], "executionTimeout": [seconds]},
        }
    )
    assert request.execution_timeout.total_seconds() == int(seconds)
    assert request.script == "a\nb\n"


@pytest.mark.parametrize("seconds", ["0", "-1", "172801", "1.5", "007"])
def test_other_execution_timeouts_are_refused(seconds: str) -> None:
    with pytest.raises(SsmError) as info:
        CommandRequest.parse(
            {
                "DocumentName": "AWS-RunShellScript",
                "InstanceIds": ["i-1"],
                "Parameters": {"commands": ["a"], "executionTimeout": [seconds]},
            }
        )
    assert info.value.code == "InvalidParameters"


def test_nobody_sees_an_end_with_another_reason() -> None:
    """Describing goes on in other threads: here a look after each line that runs while an end is recorded."""
    with mock_aws():
        client = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        image = client.describe_images()["Images"][0]["ImageId"]
        launched = client.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]
        instance = ec2_backends[ACCOUNT_ID]["us-east-1"].get_instance(launched["InstanceId"])
        seen: set[tuple[str, str | None]] = set()

        def look(_frame: FrameType, _event: str, _argument: object) -> Any:
            seen.add((instance._state.name, instance.state_reason.code if instance.state_reason else None))
            return look

        record_state(instance, MachineState.SHUTTING_DOWN, EndCause.SPOT)
        before = sys.gettrace()
        sys.settrace(look)
        try:
            record_state(instance, MachineState.TERMINATED, EndCause.SPOT)
        finally:
            sys.settrace(before)
        assert seen == {(name, "Server.SpotInstanceTermination") for name in ("shutting-down", "terminated")}
