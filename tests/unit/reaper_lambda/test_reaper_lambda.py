"""The reaper's function: what it ends, what it leaves alone, and what happens when AWS doesn't play along."""

from __future__ import annotations

import ast
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.cloud import notices, storage
from janitor.cloud.session import CloudAccess
from janitor.domain import identity
from janitor.domain.states import NoticeKind

from .conftest import HOUR, SOURCE, Function, ago


def test_it_stands_alone() -> None:
    """boto3 and the standard library: that is what Lambda has."""
    tree = ast.parse(SOURCE.read_text())
    modules = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - set(sys.stdlib_module_names) == {"boto3", "botocore"}


def test_its_names_are_the_products(reaper) -> None:
    for name in ("TAG_DEPLOYMENT", "TAG_EXPIRES", "TAG_KEEP_UNTIL", "TAG_RUN", "TAG_VALIDATION"):
        assert getattr(reaper, name) == getattr(identity, name)
    for kind in NoticeKind:
        key = reaper.NOTICE_KEY.format(deployment="d", kind=kind.value, instance_id="i-1")
        assert key == f"{identity.notice_prefix_for('d')}{kind.value}/i-1.json"


def test_what_is_overdue_is_ended_and_the_rest_is_not(function: Function) -> None:
    overdue, other_deployment = function.launch(expires=ago(HOUR)), function.cloud.launch()
    alive = function.launch(expires=ago(-HOUR))
    answer = function.call()
    assert answer == {"looked_at": 2, "overdue": [overdue], "terminated": [overdue], "failed": [], "kept": []}
    assert function.states(overdue, alive, other_deployment) == ["ended", "alive", "alive"]


def test_the_notice_is_one_that_the_product_understands(function: Function) -> None:
    validation_id, run_id, expires = uuid4(), uuid4(), ago(HOUR)
    overdue = function.launch(
        expires=expires, tagged={"janitor:validation": str(validation_id), "janitor:run": str(run_id)}
    )
    function.set(AWS_LAMBDA_FUNCTION_NAME="the-reaper")
    function.call()
    access = CloudAccess(
        region="us-east-1",
        endpoint_url=function.server.endpoint_url,
        access_key_id=function.server.access_key_id,
        secret_access_key=function.server.secret_access_key,
    )
    (notice,) = notices.list_notices(access, function.bucket, function.deployment)
    assert (notice.kind, notice.instance_id) == (NoticeKind.TERMINATED, overdue)
    assert (notice.validation_id, notice.run_id, notice.killer) == (validation_id, run_id, "the-reaper")
    assert notice.expires_at is not None
    assert notice.expires_at.isoformat() == expires
    assert notices.list_notices(access, function.bucket, function.deployment, known={notice.key}) == []
    storage.delete(access, function.bucket, notice.key)
    assert function.notices() == {}


def test_metrics_tell_what_was_found(function: Function) -> None:
    function.launch(expires=ago(HOUR))
    function.launch(expires=ago(-HOUR))
    function.call()
    assert function.metrics() == {"OverdueInstances": 1.0, "InstancesAlive": 2.0}


def test_a_lease_keeps_an_instance_but_not_for_ever(function: Function) -> None:
    kept = function.launch(expires=ago(HOUR), keep=ago(-HOUR))
    lease_over = function.launch(expires=ago(3 * HOUR), keep=ago(HOUR))
    wild = function.launch(expires=ago(9 * HOUR), keep=ago(-1000 * HOUR))
    unreadable = function.launch(expires=ago(HOUR), keep="tomorrow")
    earlier = function.launch(expires=ago(-HOUR), keep=ago(HOUR))  # a lease never shortens
    answer = function.call()
    assert answer["kept"] == [kept]
    assert answer["terminated"] == sorted([lease_over, wild, unreadable])
    assert function.states(kept, earlier) == ["alive", "alive"]


def test_without_a_usable_expiry_its_age_counts(function: Function) -> None:
    without, unreadable = function.launch(), function.launch(expires="soon")
    beyond = function.launch(expires=ago(-1000 * HOUR))
    assert function.call()["terminated"] == []
    function.set(MAX_LIFETIME_MINUTES="0.0001")
    assert function.call()["terminated"] == sorted([without, unreadable, beyond])


def test_a_slip_in_the_environment_is_survived(function: Function) -> None:
    overdue = function.launch(expires=ago(HOUR))
    function.set(MAX_LIFETIME_MINUTES="three hours", MAX_KEEP_MINUTES="-1")
    assert function.call()["terminated"] == [overdue]


def test_without_a_deployment_nothing_is_touched(function: Function, reaper) -> None:
    overdue = function.launch(expires=ago(HOUR))
    function.set(DEPLOYMENT="")
    with pytest.raises(reaper.ReaperError, match="DEPLOYMENT"):
        function.call()
    assert function.states(overdue) == ["alive"]


def test_a_wildcard_as_deployment_means_only_itself(function: Function) -> None:
    overdue = function.launch(expires=ago(HOUR))
    function.set(DEPLOYMENT="fleet-*")
    assert function.call()["looked_at"] == 0
    assert function.states(overdue) == ["alive"]


def test_a_dry_run_ends_nothing(function: Function) -> None:
    overdue = function.launch(expires=ago(HOUR))
    function.set(DRY_RUN="1")
    answer = function.call()
    assert (answer["overdue"], answer["terminated"]) == ([overdue], [])
    assert function.states(overdue) == ["alive"]
    assert function.notices() == {}
    assert function.metrics()["OverdueInstances"] == 1.0


def test_one_that_is_refused_never_stops_the_others(function: Function, reaper) -> None:
    protected = function.protected()
    others = sorted(function.launch(expires=ago(HOUR)) for _ in range(3))
    with pytest.raises(reaper.ReaperError, match=protected):
        function.call()
    assert function.states(protected, *others) == ["alive", "ended", "ended", "ended"]
    assert sorted(function.notices()) == [f"terminated/{one}.json" for one in others]


def test_a_stopped_instance_is_ended_too(function: Function) -> None:
    stopped = function.launch(expires=ago(HOUR))
    function.cloud.wait_state(stopped, "running")
    function.cloud.ec2.stop_instances(InstanceIds=[stopped])
    function.cloud.wait_state(stopped, "stopped")
    assert function.call()["terminated"] == [stopped]
    function.cloud.wait_state(stopped, "terminated")


def test_throttling_of_terminate_is_repeated(function: Function) -> None:
    overdue = function.launch(expires=ago(HOUR))
    function.server.set_faults({"api": "TerminateInstances", "code": "RequestLimitExceeded", "times": 2})
    assert function.call()["terminated"] == [overdue]


def test_with_ec2_down_it_fails_and_the_next_pass_works(function: Function, reaper) -> None:
    overdue = function.launch(expires=ago(HOUR))
    function.server.set_faults({"api": "DescribeInstances", "code": "ServiceUnavailable", "http_status": 503})
    with pytest.raises(reaper.ReaperError, match="DescribeInstances"):
        function.call()
    function.server.set_faults()
    assert function.call()["terminated"] == [overdue]


def test_a_listing_that_breaks_off_still_ends_what_it_showed(function: Function, reaper) -> None:
    ids = [function.launch(expires=ago(HOUR)) for _ in range(6)]
    function.monkeypatch.setattr(reaper, "PAGE_SIZE", 5)
    # The first page is let through, the second one is refused as often as it is asked for.
    refused = {"api": "DescribeInstances", "code": "ServiceUnavailable", "http_status": 503}

    def next_page_fails(original, ec2, deployment):
        pages = original(ec2, deployment)
        for number, instance in enumerate(pages, start=1):
            yield instance
            if number == 5:
                function.server.set_faults(refused)

    original = reaper._live_instances
    function.monkeypatch.setattr(reaper, "_live_instances", lambda *given: next_page_fails(original, *given))
    with pytest.raises(reaper.ReaperError, match="DescribeInstances"):
        function.call()
    function.server.set_faults()
    assert function.states(*ids).count("ended") == 5


@pytest.mark.parametrize("api", ["PutObject", "PutMetricData"])
def test_what_is_not_terminating_never_stops_it(function: Function, api: str) -> None:
    ids = sorted(function.launch(expires=ago(HOUR)) for _ in range(2))
    function.server.set_faults({"api": api, "code": "ServiceUnavailable", "http_status": 503})
    assert function.call()["terminated"] == ids
    assert function.states(*ids) == ["ended", "ended"]


def test_without_a_bucket_it_ends_all_the_same(function: Function) -> None:
    overdue = function.launch(expires=ago(HOUR))
    function.set(BUCKET="")
    assert function.call()["terminated"] == [overdue]


def test_a_refused_termination_leaves_no_notice(function: Function, reaper) -> None:
    protected = function.protected()
    with pytest.raises(reaper.ReaperError, match=protected):
        function.call()
    assert function.notices() == {}


def test_one_that_is_shutting_down_is_not_counted(function: Function, reaper) -> None:
    """Also where it began between the look and the call."""
    overdue = function.launch(expires=ago(HOUR))
    function.cloud.wait_state(overdue, "running")
    original = reaper._terminate

    def somebody_was_quicker(*given):
        function.cloud.ec2.terminate_instances(InstanceIds=[overdue])
        original(*given)

    function.monkeypatch.setattr(reaper, "_terminate", somebody_was_quicker)
    answer = function.call()
    assert (answer["overdue"], answer["terminated"], answer["failed"]) == ([overdue], [], [])
    assert function.notices() == {}


def test_with_no_time_left_it_says_so_and_starts_nothing(function: Function, reaper) -> None:
    overdue = function.launch(expires=ago(HOUR))
    with pytest.raises(reaper.ReaperError, match="out of time"):
        function.call(seconds_left=3)
    assert function.states(overdue) == ["alive"]


def spot_warning(instance_id: str) -> dict[str, object]:
    """Source: EC2 User Guide, "Spot Instance interruption notices"."""
    return {
        "version": "0",
        "detail-type": "EC2 Spot Instance Interruption Warning",
        "source": "aws.ec2",
        "detail": {"instance-id": instance_id, "instance-action": "terminate"},
    }


def test_a_spot_warning_is_passed_on(function: Function) -> None:
    ours = function.launch(expires=ago(-HOUR))
    assert function.call(spot_warning(ours)) == {"spot_warning": ours}
    ((key, body),) = function.notices().items()
    assert (key, body["kind"], body["instance_id"]) == (f"spot_warning/{ours}.json", "spot_warning", ours)
    assert function.states(ours) == ["alive"]
    access = CloudAccess(
        region="us-east-1",
        endpoint_url=function.server.endpoint_url,
        access_key_id=function.server.access_key_id,
        secret_access_key=function.server.secret_access_key,
    )
    assert notices.spot_warnings(access, function.bucket, function.deployment) == {ours}


@pytest.mark.parametrize("unknown", [True, False], ids=["unknown", "of-others"])
def test_a_spot_warning_of_others_is_none_of_ours(function: Function, unknown: bool) -> None:
    instance_id = "i-0123456789abcdef0" if unknown else function.cloud.launch()
    assert function.call(spot_warning(instance_id)) == {"spot_warning": None}
    assert function.notices() == {}


def test_a_spot_warning_that_cannot_be_passed_on_is_raised(function: Function) -> None:
    ours = function.launch(expires=ago(-HOUR))
    function.server.set_faults({"api": "PutObject", "code": "ServiceUnavailable", "http_status": 503})
    with pytest.raises(Exception, match="ServiceUnavailable"):
        function.call(spot_warning(ours))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.123456+02:00", "2026-01-02T01:04:05.123456+00:00"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05+00:00"),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
        (None, None),
        ("never", None),
    ],
)
def test_instants(reaper, text: str | None, expected: str | None) -> None:
    instant = reaper.parse_instant(text)
    assert (instant.isoformat() if instant else None) == expected


def test_the_lease_limit_counts_from_the_expiry(function: Function, reaper) -> None:
    order = reaper.Order.read({"DEPLOYMENT": "d", "MAX_KEEP_MINUTES": "60"})
    now = reaper.parse_instant("2026-01-01T00:00:00Z")
    tags = {"janitor:expires": "2026-01-01T01:00:00Z", "janitor:keep-until": "2026-01-02T00:00:00Z"}
    assert reaper.Instance("i-1", now, tags).may_live_until(order) == now + timedelta(hours=2)


def test_the_package_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    import shutil
    import zipfile

    from janitor.stack.provision.function_package import build_package

    copy = Path(shutil.copy(SOURCE, tmp_path / "reaper.py"))  # another time, owner and folder
    assert build_package(copy) == build_package(SOURCE)
    (tmp_path / "reaper.zip").write_bytes(build_package(SOURCE))
    with zipfile.ZipFile(tmp_path / "reaper.zip") as archive:
        assert archive.namelist() == ["reaper.py"]
        assert archive.read("reaper.py") == SOURCE.read_bytes()
