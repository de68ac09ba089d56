"""RunPod's own trouble, by name: each fault is of a known class, and leaves no pod behind and no second one."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from janitor.cloud.runpod.client import RunPodError
from janitor.cloud.runpod.failures import launch_failure_of, refused_everywhere
from janitor.cloud.runpod.pods import NO_RUNTIME
from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.launch.launch_codes import LaunchVerdict
from janitor.domain.launch.launching import LaunchFailure
from janitor.domain.launch.provider import Refusal
from janitor.domain.states import InstanceState, PlacementResult
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.provider import runpod_of
from localcloud.runpod.faults import Fault
from tests.integration.providers.bench import RunPodBench, eventually

GPUS = ("NVIDIA L4", "NVIDIA A40", "NVIDIA GeForce RTX 4090")


def failed(bench: RunPodBench, parameters: dict[str, Any]) -> LaunchFailure:
    with pytest.raises(RunPodError) as raised:
        runpod_of(bench.settings).launch(parameters)
    failure = launch_failure_of(raised.value)
    assert failure is not None
    return failure


REFUSALS = [
    (Fault.CAPACITY, PlacementResult.CAPACITY, LaunchVerdict.NEXT_CANDIDATE),
    (Fault.RULE, PlacementResult.CAPACITY, LaunchVerdict.NEXT_CANDIDATE),
    (Fault.BALANCE, PlacementResult.QUOTA, LaunchVerdict.STOP),
    (Fault.POOL, PlacementResult.CAPACITY, LaunchVerdict.NEXT_CANDIDATE),
    (Fault.MOVED, PlacementResult.CONFIG, LaunchVerdict.STOP),
    (Fault.REFUSED_500, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT),
    (Fault.OUTAGE, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT),
]


@pytest.mark.parametrize(
    ("fault", "result", "verdict"), REFUSALS, ids=lambda value: str(getattr(value, "value", value))
)
def test_a_refused_create_is_classed_and_makes_nothing(
    runpod: RunPodBench, fault: Fault, result: PlacementResult, verdict: LaunchVerdict
) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    runpod.server.set_faults({"fault": fault.value})
    failure = failed(runpod, parameters)
    assert (failure.result, failure.verdict) == (result, verdict), failure.summary
    assert runpod.alive() == []


def test_a_throttled_key_is_left_alone_for_as_long_as_it_is_told_but_may_end_pods(runpod: RunPodBench) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    instance_id = runpod.provider.launch(parameters)
    runpod.server.set_faults({"fault": "throttled-429", "seconds": 2, "times": 1})
    failure = failed(runpod, runpod.provider.launch_parameters(runpod.request()))
    assert (failure.result, failure.verdict) == (PlacementResult.THROTTLED, LaunchVerdict.SAME_CANDIDATE)
    assert "again in 2 s" in failure.summary
    # The fault is over, and still nothing is asked, by nobody in this process.
    with pytest.raises(RunPodError, match="not asked: the rate of this key is used up"):
        runpod_of(runpod.settings).find(TAG_DEPLOYMENT, runpod.settings.deployment)
    assert runpod.provider.terminate([instance_id]) == {}
    began = time.monotonic()
    eventually(lambda: _answers(runpod))
    assert 0.5 < time.monotonic() - began < 10
    assert len(runpod.alive()) == 0


def _answers(bench: RunPodBench) -> bool:
    try:
        bench.seen()
    except CloudError:
        return False
    return True


@pytest.mark.parametrize("fault", [Fault.CREATED_500, Fault.CREATED_SILENT], ids=lambda fault: fault.value)
def test_a_pod_that_nobody_told_of_is_found_by_its_name(runpod: RunPodBench, fault: Fault) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    runpod.server.set_faults({"fault": fault.value, "times": 1})
    instance_id = runpod.provider.launch(parameters)
    assert [pod["id"] for pod in runpod.alive()] == [instance_id]


def test_a_pod_that_nobody_told_of_and_no_list_shows_yet_is_found_the_next_time(runpod: RunPodBench) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    runpod.server.set_faults({"fault": "created-500", "times": 1}, {"fault": "slow-list", "seconds": 0.5})
    failure = failed(runpod, parameters)
    assert failure.verdict is LaunchVerdict.SAME_ATTEMPT
    [pod] = runpod.alive()
    # Another process goes on with the intent, and looks twice before it makes one.
    assert runpod_of(runpod.settings).launch(parameters, may_exist=True) == pod["id"]
    assert len(runpod.alive()) == 1


def test_what_isnt_there_on_two_looks_is_made_with_the_same_name(runpod: RunPodBench) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    runpod.server.set_faults({"fault": "refused-500", "times": 1})
    assert failed(runpod, parameters).verdict is LaunchVerdict.SAME_ATTEMPT
    began = time.monotonic()
    instance_id = runpod_of(runpod.settings).launch(parameters, may_exist=True)
    assert time.monotonic() - began >= runpod.settings.consistency.total_seconds()
    assert [(pod["id"], pod["name"]) for pod in runpod.alive()] == [(instance_id, parameters["name"])]


def test_of_several_pods_of_an_intent_the_oldest_stays(runpod: RunPodBench) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    runpod.server.set_faults({"fault": "duplicate", "times": 1})
    runpod.provider.launch(parameters)
    assert len(runpod.alive()) == 2
    oldest = min(runpod.seen(), key=lambda one: (one.launched_at, one.instance_id)).instance_id
    assert runpod_of(runpod.settings).launch(parameters, may_exist=True) == oldest
    assert [pod["id"] for pod in runpod.alive()] == [oldest]


def test_somebody_elses_pod_of_the_same_name_is_neither_adopted_nor_ended(runpod: RunPodBench) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    body = {"name": parameters["name"], "image": "x", "gpu": {"id": GPUS[0]}}
    status, theirs = runpod.server.ask("POST", "/v2/pods", body)
    assert status == 201
    instance_id = runpod.provider.launch(parameters, may_exist=True)
    assert instance_id != theirs["id"]
    assert [one.instance_id for one in runpod.seen()] == [instance_id]
    assert [one.instance_id for one in runpod_of(runpod.settings).strangers(runpod.settings.deployment)] == [
        theirs["id"]
    ]
    assert runpod.server.ask("DELETE", f"/v2/pods/{theirs['id']}")[0] == 204


def test_one_gpu_after_another_until_one_is_there(runpod: RunPodBench) -> None:
    runpod.server.set_faults({"fault": "capacity-400", "gpu": GPUS[0]}, {"fault": "pool-403", "gpu": GPUS[1]})
    provider = runpod_of(runpod.settings)
    # The catalog knows of no capacity, and nothing of what the account may use.
    assert provider.launch_source().in_order(GPUS) == (GPUS[1], GPUS[2], GPUS[0])
    verdicts, owner_id = [], uuid4()
    for generation, gpu in enumerate(GPUS, 1):
        request = runpod.request(owner_id=owner_id, generation=generation, instance_type=gpu)
        try:
            provider.launch(provider.launch_parameters(request))
        except RunPodError as exc:
            failure = launch_failure_of(exc)
            assert failure is not None
            verdicts.append(failure.verdict)
    assert verdicts == [LaunchVerdict.NEXT_CANDIDATE] * 2
    assert [one.instance_type for one in runpod.seen()] == [GPUS[2]]


@pytest.mark.parametrize(
    ("fault", "result", "code", "words"),
    [
        (Fault.RULE, PlacementResult.CONFIG, ReasonCode.LAUNCH_CONFIG, "disk is too small"),
        (Fault.POOL, PlacementResult.PERMISSION, ReasonCode.PERMISSION, "denied"),
    ],
    ids=["rule-400", "pool-403"],
)
def test_what_every_gpu_is_refused_for_is_no_lack_of_capacity(
    runpod: RunPodBench, fault: Fault, result: PlacementResult, code: ReasonCode, words: str
) -> None:
    runpod.server.set_faults({"fault": fault.value})
    failures = [failed(runpod, runpod.provider.launch_parameters(runpod.request(instance_type=gpu))) for gpu in GPUS]
    whole = refused_everywhere([Refusal(code=one.aws_code, message=one.aws_message) for one in failures])
    assert whole is not None
    assert (whole.result, whole.reason_code, whole.verdict) == (result, code, LaunchVerdict.STOP)
    assert words in whole.summary


def test_a_delete_that_fails_and_works_is_no_trouble(runpod: RunPodBench) -> None:
    instance_id = runpod.provider.launch(runpod.provider.launch_parameters(runpod.request()))
    runpod.server.set_faults({"fault": "delete-500"})
    assert runpod.provider.terminate([instance_id]) == {}
    assert runpod.alive() == []


def test_a_delete_that_fails_saves_no_other_pod(runpod: RunPodBench) -> None:
    first, other = (runpod.provider.launch(runpod.provider.launch_parameters(runpod.request())) for _ in range(2))
    runpod.server.set_faults({"fault": "delete-refused", "times": 1})
    refused = runpod.provider.terminate([first, other])
    assert list(refused) == [first]
    assert "RunPod answered 500" in refused[first]
    assert [pod["id"] for pod in runpod.alive()] == [first]


def test_a_list_that_fails_says_nothing(runpod: RunPodBench) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    first = runpod.provider.launch(parameters)
    runpod.server.set_faults({"fault": "failed-list"})
    with pytest.raises(CloudError, match="RunPod answered 503"):
        runpod.seen()
    # Nor is anything launched while nobody can say what there is.
    with pytest.raises(CloudError):
        runpod.provider.launch(parameters, may_exist=True)
    assert [pod["id"] for pod in runpod.alive()] == [first]


def test_while_the_api_is_down_nothing_is_concluded(runpod: RunPodBench) -> None:
    parameters = runpod.provider.launch_parameters(runpod.request())
    instance_id = runpod.provider.launch(parameters)
    runpod.running(instance_id)
    runpod.server.set_faults({"fault": "outage", "for_seconds": 600})
    for _ in range(3):  # ten minutes are a number here: each look fails alike, and nothing is kept of one
        with pytest.raises(CloudError):
            runpod.seen()
        with pytest.raises(CloudError):
            runpod.provider.describe(instance_id)
        with pytest.raises(CloudError):
            runpod.provider.launch(parameters, may_exist=True)
        with pytest.raises(CloudError):
            runpod_of(runpod.settings).end_duplicates(runpod.settings.deployment)
        assert set(runpod.provider.terminate([instance_id])) == {instance_id}
    runpod.server.set_faults()
    assert [pod["id"] for pod in runpod.alive()] == [instance_id]
    assert [one.instance_id for one in runpod.seen()] == [instance_id]


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        (Fault.DEAD, InstanceState.RUNNING, NO_RUNTIME),
        (Fault.STUCK, InstanceState.PENDING, None),
        (Fault.ERRS, InstanceState.STOPPED, "ERROR"),
    ],
    ids=["dead-running", "stuck-starting", "errs"],
)
def test_a_pod_that_is_of_no_use_is_told_and_ends(
    runpod: RunPodBench, fault: Fault, state: InstanceState, reason: str | None
) -> None:
    runpod.server.set_faults({"fault": fault.value})
    instance_id = runpod.provider.launch(runpod.provider.launch_parameters(runpod.request()))

    def probe() -> bool:
        seen = runpod.provider.describe(instance_id)
        return seen is not None and (seen.state, seen.state_reason) == (state, reason)

    eventually(probe)
    assert runpod.provider.terminate([instance_id]) == {}
    assert runpod.alive() == []


def test_a_pod_whose_command_ends_is_run_again_and_goes_on_costing_until_it_is_deleted(runpod: RunPodBench) -> None:
    runpod.server.set_faults({"fault": "exits"})
    instance_id = runpod.provider.launch(runpod.provider.launch_parameters(runpod.request()))
    eventually(lambda: runpod.alive()[0]["restarts"] >= 2)
    assert runpod.running(instance_id).state is InstanceState.RUNNING
    assert runpod.provider.terminate([instance_id]) == {}
    assert runpod.alive() == []


def test_a_pod_that_somebody_stopped_is_shown_stopped(runpod: RunPodBench) -> None:
    instance_id = runpod.provider.launch(runpod.provider.launch_parameters(runpod.request()))
    runpod.running(instance_id)
    assert runpod.server.ask("POST", f"/v2/pods/{instance_id}/action", {"action": "stop"})[0] == 200
    [seen] = runpod.seen()
    assert (seen.state, seen.state_reason) == (InstanceState.STOPPED, "EXITED")


def test_a_pod_that_somebody_deleted_is_gone(runpod: RunPodBench) -> None:
    runpod.server.set_faults({"fault": "deleted-by-hand"})
    instance_id = runpod.provider.launch(runpod.provider.launch_parameters(runpod.request()))
    eventually(lambda: runpod.provider.describe(instance_id) is None)
    assert runpod.seen() == []
    assert runpod.provider.terminate([instance_id]) == {}


def test_every_fault_has_a_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    missing = [fault for fault in Fault if f"Fault.{fault.name}" not in text and f'"{fault.value}"' not in text]
    elsewhere = {Fault.HANGS}  # test_pod_guard.py: the guard is what doesn't run
    assert set(missing) <= elsewhere


def test_a_pod_lives_no_longer_than_its_guard(runpod: RunPodBench) -> None:
    instance_id = runpod.provider.launch(runpod.provider.launch_parameters(runpod.request(lives=timedelta(seconds=3))))
    runpod.running(instance_id)
    eventually(lambda: runpod.alive() == [])
