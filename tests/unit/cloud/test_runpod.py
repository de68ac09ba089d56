"""RunPod in the domain's terms: names, pods, failures, and bodies that are held to the published facts."""

from __future__ import annotations

import base64
import re
import shlex
import zlib
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from janitor.cloud.runpod import names
from janitor.cloud.runpod.catalog import offers_of, ranks_of
from janitor.cloud.runpod.client import RunPodError
from janitor.cloud.runpod.failures import launch_failure_of, refused_everywhere
from janitor.cloud.runpod.guard_command import guard_args
from janitor.cloud.runpod.instances import RunPod
from janitor.cloud.runpod.pods import NO_RUNTIME, PodStatus, pod_of, pods_of
from janitor.domain.config.fields import Market
from janitor.domain.errors import SettingsError
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_EXPIRES, TAG_WORKER
from janitor.domain.launch.launch_codes import LaunchVerdict
from janitor.domain.launch.provider import LaunchRequest, LaunchSource, Refusal
from janitor.domain.pool.pool import Provider
from janitor.domain.states import InstanceState, PlacementResult
from janitor.guest import pod_guard
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.provider import provider_named, providers_in_use, runpod_of
from janitor.settings import Settings, load_settings
from janitor.settings.parts.runpod import RunPodCloud
from localcloud.runpod.facts import FACTS, problems_of

ROOT = Path(__file__).resolve().parents[3]
KEY = "rpa_0123456789abcdefghijklmnop"
OWNER = UUID("12345678-9abc-4def-8123-456789abcdef")
AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
TAGS = {
    "Name": "janitor-worker-20300102030405",
    TAG_DEPLOYMENT: "prod",
    TAG_WORKER: str(OWNER),
    TAG_EXPIRES: AT.isoformat(),
}


def settings(**variables: str) -> Settings:
    values = {
        "JANITOR_STACK": "external",
        "JANITOR_DEPLOYMENT": "prod",
        "JANITOR_BUCKET": "b",
        "JANITOR_RUNPOD_API_KEY": KEY,
        "JANITOR_RUNPOD_IMAGE": "example/worker:1",
        **variables,
    }
    return load_settings("prod", environ=values, project_root=ROOT)


def request(**changes: Any) -> LaunchRequest:
    given: dict[str, Any] = {
        "client_token": "t" * 64,
        "generation": 3,
        "source": LaunchSource(image="example/worker:1"),
        "tags": TAGS,
        "instance_type": "NVIDIA L4",
        "market": Market.ON_DEMAND,
        "subnet_id": None,
        "user_data": "#cloud-boothook",
        "ends_itself_at": AT,
    }
    return LaunchRequest(**(given | changes))


def document(**changes: Any) -> dict[str, Any]:
    body = RunPod(settings()).launch_parameters(request())
    shown: dict[str, Any] = {
        **{"id": "abc123", "name": body["name"], "status": "RUNNING", "env": body["env"], "gpu": body["gpu"]},
        **{"dataCenterId": "EU-RO-1", "createdAt": "2030-01-02T03:04:05.123Z", "cost": 0.39, "runtime": {"uptime": 1}},
    }
    return {**shown, **changes}


# Names


def test_a_name_follows_from_the_intent_alone() -> None:
    assert names.pod_name_for(TAGS, 3) == "janitor-prod-12345678-3"
    with pytest.raises(ValueError, match="name no owner"):
        names.pod_name_for({TAG_DEPLOYMENT: "prod"}, 3)


def test_variables_stand_for_tags_there_and_back() -> None:
    variables = names.variables_of(TAGS, "token")
    assert variables[names.LEDGER] == "token"
    assert variables[names.DEPLOYMENT] == "prod"
    assert variables[names.EXPIRES_AT] == AT.isoformat()
    assert names.tags_of(variables) == TAGS
    with pytest.raises(ValueError, match="no variable stands for"):
        names.variables_of({"somebody:tag": "x"}, "token")


@pytest.mark.parametrize(
    ("name", "variables", "ours"),
    [
        ("janitor-prod-12345678-3", {"JANITOR_DEPLOYMENT": "prod", "JANITOR_LEDGER": "t"}, True),
        ("janitor-prod-12345678-3", {}, False),
        ("janitor-prod-12345678-3", {"JANITOR_DEPLOYMENT": "prod"}, False),
        ("my-notebook", {"JANITOR_DEPLOYMENT": "prod", "JANITOR_LEDGER": "t"}, False),
        ("janitor-prod2-12345678-3", {"JANITOR_DEPLOYMENT": "prod", "JANITOR_LEDGER": "t"}, False),
        # The deployment `prod` doesn't own those of `prod-eu`, though their names begin with its own.
        ("janitor-prod-eu-12345678-3", {"JANITOR_DEPLOYMENT": "prod-eu", "JANITOR_LEDGER": "t"}, True),
    ],
)
def test_a_pod_is_ours_by_name_and_environment(name: str, variables: dict[str, str], ours: bool) -> None:
    assert names.is_ours(name, variables) is ours


# The body of a create


def test_a_body_is_what_the_published_document_takes() -> None:
    body = RunPod(settings(JANITOR_RUNPOD_DATA_CENTERS="EU-RO-1 US-CA-2")).launch_parameters(request())
    assert problems_of(body, FACTS["create_pod"]) == []
    assert sum(kind in body for kind in FACTS["exactly_one_of"]) == 1
    assert body["name"] == "janitor-prod-12345678-3"
    assert body["dataCenterIds"] == ["EU-RO-1", "US-CA-2"]
    # A stopped pod's volume goes on costing twice as much, so there is none.
    assert "mounts" not in body


def test_a_body_has_no_secret_and_says_when_the_guard_ends_it() -> None:
    body = RunPod(settings()).launch_parameters(request())
    assert KEY not in str(body)
    assert pod_guard.BOOTSTRAP not in body["env"]
    assert body["env"][pod_guard.UNTIL] == AT.isoformat()
    assert pod_guard.API_URL not in body["env"]
    elsewhere = RunPod(settings(JANITOR_RUNPOD_API_URL="http://127.0.0.1:1/v2")).launch_parameters(request())
    assert elsewhere["env"][pod_guard.API_URL] == "http://127.0.0.1:1/v2"


def test_the_facts_refuse_what_the_document_doesnt_have() -> None:
    body = {**RunPod(settings()).launch_parameters(request()), "minVcpuCountPerGpu": 4, "disk": 0}
    assert problems_of(body, FACTS["create_pod"]) == [
        "$: additional properties 'minVcpuCountPerGpu' not allowed",
        "$.disk: at least 1 is expected",
    ]
    assert problems_of({"name": ""}, FACTS["create_pod"]) == [
        "$.name: at least 1 characters are expected",
        "$: missing property 'image'",
    ]
    assert problems_of([], FACTS["create_pod"]) == ["$: an object is expected"]
    for wrong in ({"disk": True}, {"env": {"A": 1}}, {"gpu": {"count": 1}}, {"cloud": "MOON"}):
        assert len(problems_of({"name": "a", "image": "b", **wrong}, FACTS["create_pod"])) == 1


def test_the_start_command_is_the_guard_and_survives_a_shell() -> None:
    words = shlex.split(guard_args())
    assert words[:3] == ["python3", "-I", "-c"]
    packed = re.search(r"b64decode\('([A-Za-z0-9+/=]+)'\)", words[3])
    assert packed is not None
    text = zlib.decompress(base64.b64decode(packed[1])).decode()
    assert text == Path(pod_guard.__file__).read_text()
    assert not re.search(r"^\s*(?:from|import) janitor", text, flags=re.MULTILINE)


# Pods


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("PROVISIONING", InstanceState.PENDING, None),
        ("STARTING", InstanceState.PENDING, None),
        ("RUNNING", InstanceState.RUNNING, None),
        ("EXITED", InstanceState.STOPPED, "EXITED"),
        ("ERROR", InstanceState.STOPPED, "ERROR"),
        ("TERMINATED", InstanceState.TERMINATED, None),
        ("RESUMING", InstanceState.RUNNING, None),  # a word of a later version: alive until it is said not to be
    ],
)
def test_states(status: str, state: InstanceState, reason: str | None) -> None:
    seen = pod_of(document(status=status)).seen
    assert (seen.state, seen.state_reason) == (state, reason)


def test_every_published_status_is_known() -> None:
    assert {one.value for one in PodStatus} == set(FACTS["actions_by_status"])


def test_a_pod_is_an_instance_with_its_tags() -> None:
    pod = pod_of(document())
    assert pod.is_ours
    assert pod.cost_usd_hour == Decimal("0.39")
    assert pod.seen.tags == TAGS
    assert pod.seen.launched_at == datetime(2030, 1, 2, 3, 4, 5, 123000, tzinfo=timezone.utc)
    assert (pod.seen.availability_zone, pod.seen.instance_type) == ("EU-RO-1", "NVIDIA L4")
    assert pod_of(document(runtime=None)).seen.state_reason == NO_RUNTIME


def test_a_list_that_cant_be_read_is_no_empty_one() -> None:
    for wrong in (None, [], {}, {"pods": None}, {"pods": [document(createdAt=3)]}, {"pods": [document(env={"A": 1})]}):
        with pytest.raises(RunPodError):
            pods_of(wrong)
    assert pods_of({"pods": []}) == []


def test_what_isnt_ours_is_left_alone_whatever_it_is_made_of() -> None:
    listed = {"pods": [{"id": 7, "name": "my-notebook"}, document(), {"name": "x", "status": None}]}
    assert [pod.id for pod in pods_of(listed)] == ["abc123"]


# Failures


@pytest.mark.parametrize(
    ("status", "result", "verdict", "code"),
    [
        (422, PlacementResult.CONFIG, LaunchVerdict.STOP, ReasonCode.LAUNCH_CONFIG),
        (404, PlacementResult.CONFIG, LaunchVerdict.STOP, ReasonCode.LAUNCH_CONFIG),
        (400, PlacementResult.CAPACITY, LaunchVerdict.NEXT_CANDIDATE, ReasonCode.CAPACITY),
        (401, PlacementResult.PERMISSION, LaunchVerdict.STOP, ReasonCode.PERMISSION),
        (402, PlacementResult.QUOTA, LaunchVerdict.STOP, ReasonCode.QUOTA),
        (403, PlacementResult.CAPACITY, LaunchVerdict.NEXT_CANDIDATE, ReasonCode.PERMISSION),
        (429, PlacementResult.THROTTLED, LaunchVerdict.SAME_CANDIDATE, ReasonCode.THROTTLED),
        (500, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT, ReasonCode.LAUNCH_UNANSWERED),
        (503, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT, ReasonCode.LAUNCH_UNANSWERED),
        (408, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT, ReasonCode.LAUNCH_UNANSWERED),
        (302, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT, ReasonCode.LAUNCH_UNANSWERED),
        (None, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT, ReasonCode.LAUNCH_UNANSWERED),
    ],
)
def test_classes(status: int | None, result: PlacementResult, verdict: LaunchVerdict, code: ReasonCode) -> None:
    failure = launch_failure_of(RunPodError("POST /pods", status=status, detail="the vendor's words"))
    assert failure is not None
    assert (failure.result, failure.verdict, failure.reason_code) == (result, verdict, code)
    # What RunPod says of its own trouble helps nobody.
    assert ("the vendor's words" in failure.summary) is (result is not PlacementResult.UNKNOWN)


def test_a_throttled_create_says_when_to_come_again() -> None:
    error = RunPodError("POST /pods", status=429, detail="slow down", retry_after=timedelta(seconds=12))
    failure = launch_failure_of(error)
    assert failure is not None
    assert "again in 12 s" in failure.summary


def test_what_is_refused_everywhere() -> None:
    def refused(*statuses: int) -> Any:
        return refused_everywhere([Refusal(code=str(one), message=f"detail {n}") for n, one in enumerate(statuses)])

    rule = refused(400, 400, 400)
    assert (rule.result, rule.reason_code) == (PlacementResult.CONFIG, ReasonCode.LAUNCH_CONFIG)
    assert "detail 2" in rule.summary
    assert refused(403, 403).result is PlacementResult.PERMISSION
    assert refused(400, 403) is None
    assert refused_everywhere([]) is None


# The catalog


def test_gpus_are_tried_where_there_seem_to_be_most() -> None:
    listed = {
        "gpus": [
            {"id": "A", "price": {"secure": 0.5, "community": 0.4}, "availability": "LOW"},
            {"id": "B", "price": {"secure": 0.6}, "availability": "HIGH"},
            {"id": "C", "price": "free", "availability": "NONE"},
            {"id": "D", "price": {"secure": float("nan")}, "availability": ["HIGH"]},
        ]
    }
    offers = offers_of(listed, RunPodCloud.COMMUNITY)
    source = LaunchSource(image="x", scarcity=ranks_of(offers))
    assert source.in_order(("A", "X", "C", "D", "B")) == ("B", "A", "C", "X", "D")
    # What a search has tried keeps its turn, whatever the catalog says meanwhile.
    assert source.in_order(("A", "X", "C", "D", "B"), ["C", "A", "C", "gone"]) == ("C", "A", "B", "X", "D")
    assert LaunchSource(image="x").in_order(("A", "B"), ["B"]) == ("A", "B")
    assert [offers[gpu].usd_hour for gpu in "ABCD"] == [Decimal("0.4"), None, None, None]
    assert offers_of(listed, RunPodCloud.SECURE)["B"].usd_hour == Decimal("0.6")
    with pytest.raises(RunPodError):
        offers_of({"gpus": None}, RunPodCloud.SECURE)


# Settings


def test_providers_by_name() -> None:
    ours = settings()
    assert isinstance(provider_named(ours, Provider.RUNPOD), RunPod)
    assert not isinstance(provider_named(ours, Provider.EC2), RunPod)
    with pytest.raises(SettingsError, match="processes of their host"):
        provider_named(ours, Provider.LOCAL)
    assert set(providers_in_use(ours)) == {Provider.EC2, Provider.RUNPOD}
    assert set(providers_in_use(settings(JANITOR_RUNPOD_API_KEY=""))) == {Provider.EC2}


def test_a_key_is_needed_and_never_shown() -> None:
    with pytest.raises(SettingsError, match="JANITOR_RUNPOD_API_KEY, or JANITOR_RUNPOD_KEY_SECRET"):
        runpod_of(settings(JANITOR_RUNPOD_API_KEY=""))
    assert KEY not in repr(settings())
    assert KEY not in repr(runpod_of(settings()).__dict__)
    with pytest.raises(SettingsError, match="JANITOR_RUNPOD_IMAGE is not set"):
        runpod_of(settings(JANITOR_RUNPOD_IMAGE="")).launch_source()


@pytest.mark.parametrize("url", ["http://api.runpod.io/v2", "https://user:x@host/v2", "http://127.0.0.1.evil.com/v2"])
def test_a_key_goes_nowhere_without_tls(url: str) -> None:
    with pytest.raises(SettingsError, match="JANITOR_RUNPOD_API_URL"):
        settings(JANITOR_RUNPOD_API_URL=url)
