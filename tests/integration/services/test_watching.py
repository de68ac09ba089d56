"""Watching on real instances: faults of the cloud are never the repository's, and a repeated step changes nothing.

The validator is the real one; the repository doesn't exist, so that it ends at once with an honest failure.
"""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest
from pydantic import SecretStr

from janitor.cloud import commands as ssm
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.states import TerminationReason, ValidationStatus
from janitor.domain.watch.watching import Step, WatchOutcome, decide
from janitor.protocol.order.spec import ValidationSpec
from janitor.services.ending import terminate as terminating
from janitor.services.ledger.reconcile import observe_deployment
from janitor.services.reap.kill import kill_all
from janitor.services.report.reports import repository_history, run_view
from janitor.services.result.record import record_validation
from janitor.services.result.verdict import close_run
from janitor.services.watch.conclude import conclude_validation
from janitor.services.watch.fleet_view import look_at_fleet
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, launch
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

ENDS_WITHIN = timedelta(seconds=300)


def wait_for_outcome(watch: Watch) -> WatchOutcome:
    deadline = time.monotonic() + ENDS_WITHIN.total_seconds()
    while (outcome := watch.step()) is None:
        assert time.monotonic() < deadline, "the watch did not end"
        time.sleep(0.1)
    watch.keep()
    return outcome


def wait_for_command(watch: Watch) -> str:
    deadline = time.monotonic() + ENDS_WITHIN.total_seconds()
    while watch.watched.command_id is None:
        assert watch.step() is None
        assert time.monotonic() < deadline, "no command was sent"
        time.sleep(0.1)
    return watch.watched.command_id


@pytest.fixture
def _no_faults_afterwards(cloud: LocalCloudServer):  # type: ignore[no-untyped-def]  # a fixture
    yield
    cloud.set_faults()


def test_a_validation_from_launch_to_verdict(settings: Settings) -> None:
    run_id, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    assert wait_for_outcome(Watch(settings, first)) is WatchOutcome.COMMAND_FINISHED
    conclusion = record_validation(settings, first)
    assert conclusion.status is ValidationStatus.FAILED  # there is no such repository
    assert conclusion.report is not None
    assert conclusion.report.prompt == "look at it"
    assert record_validation(settings, first).status is conclusion.status

    terminating.end_scope(settings, terminating.scope_of_run(run_id), TerminationReason.FINISHED, timeout=ENDS_WITHIN)
    verdict = close_run(settings, run_id)
    assert verdict is not None
    view = run_view(settings, str(run_id)[:8])
    by_name = {row.repository_name: row for row in view.validations}
    assert by_name["worker-a"].status is ValidationStatus.FAILED
    assert by_name["worker-b"].reason_code == "not_launched"
    assert not view.all_successful
    assert repository_history(settings, "acme/worker-a", 5)[0].run_id == run_id
    assert second is not None


def test_a_killed_task_finds_its_command_again(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launch(settings, first)
    watch = Watch(settings, first)
    while not ssm.agent_online(CloudAccess.of(settings), instance_id):
        time.sleep(0.1)
    # Two tries at once, both before either has kept an id: the second finds the first one's command by its comment.
    again = Watch(settings, first)
    command_id = wait_for_command(watch)
    assert wait_for_command(again) == command_id
    assert len(ssm.list_invocations(CloudAccess.of(settings), {"InstanceId": instance_id})) == 1
    assert wait_for_outcome(Watch(settings, first)) is WatchOutcome.COMMAND_FINISHED


def test_the_instance_is_told_which_bake_target_to_build(settings: Settings) -> None:
    config = """
repositories:
  - {name: w, organization: acme, prompt: look, url: "file:///does-not-exist", dockerfile: d/D, bake_target: cuda-12.4}
"""
    _, (first,) = insert_run(settings.writer_url, deployment=settings.deployment, config=config)
    launch(settings, first)
    command_id = wait_for_command(Watch(settings, first))
    client = CloudAccess.of(settings).client("ssm")
    (script,) = client.list_commands(CommandId=command_id)["Commands"][0]["Parameters"]["commands"]
    order = re.search(r'b64decode\("([^"]+)"\)', script)
    assert order is not None
    with urllib.request.urlopen(json.loads(base64.b64decode(order[1]))["spec"]["url"], timeout=30) as answer:
        spec = ValidationSpec.from_json(answer.read())
    assert (spec.repository.bake_target, spec.build) == ("cuda-12.4", None)
    assert spec.repository.dockerfile == "d/D"


def test_the_longest_parameters_of_a_repository_travel_beside_the_command(settings: Settings) -> None:
    """SSM takes no more than 64 KB; every character of these is three or four bytes, and would be six or twelve."""
    prompt, value = "\N{CJK UNIFIED IDEOGRAPH-6E08}" * 8_000, "\N{CAT FACE}" * 32_768
    entry = {"name": "w", "organization": "acme", "prompt": prompt, "url": "file:///does-not-exist"}
    config = json.dumps({"repositories": [{**entry, "env": {f"V{n}": value for n in range(7)}}]}, ensure_ascii=False)
    assert 940_000 < len(config.encode()) < 1_000_000  # the largest config
    _, (first,) = insert_run(settings.writer_url, deployment=settings.deployment, config=config)
    launch(settings, first)
    command_id = wait_for_command(Watch(settings, first))
    client = CloudAccess.of(settings).client("ssm")
    (script,) = client.list_commands(CommandId=command_id)["Commands"][0]["Parameters"]["commands"]
    assert len(script.encode()) <= 32 * 1024
    order = re.search(r'b64decode\("([^"]+)"\)', script)
    assert order is not None
    with urllib.request.urlopen(json.loads(base64.b64decode(order[1]))["spec"]["url"], timeout=30) as answer:
        spec = ValidationSpec.from_json(answer.read())
    assert (spec.prompt, spec.repository.env["V6"]) == (prompt, value)


def test_an_account_s_other_machines_and_commands_are_not_asked_for(settings: Settings) -> None:
    access = CloudAccess.of(settings)
    other = settings.model_copy(update={"deployment": f"{settings.deployment}-other"})
    ids = []
    for each in (settings, other):
        _, (first, _) = insert_run(each.writer_url, deployment=each.deployment)
        ids.append(launch(each, first))
    eventually(lambda: all(ssm.agent_online(access, each) for each in ids))
    assert ssm.online_agents(access, TAG_DEPLOYMENT, settings.deployment) == {ids[0]}
    assert ssm.online_agents(access, TAG_DEPLOYMENT, other.deployment) == {ids[1]}
    before = datetime.now(timezone.utc) - timedelta(minutes=1)
    sent = ssm.send(
        access,
        instance_id=ids[0],
        script="true",
        comment="of the test",
        execution_timeout=timedelta(seconds=20),
        log_group=settings.log_group,
    )
    assert sent in {one.command_id for one in ssm.sent_since(access, before)}
    assert sent not in {one.command_id for one in ssm.sent_since(access, before + timedelta(minutes=2))}


@pytest.mark.usefixtures("_no_faults_afterwards")
def test_an_instance_that_dies_is_an_error(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "hang"})
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launch(settings, first)
    watch = Watch(settings, first)
    wait_for_command(watch)
    CloudAccess.of(settings).client("ec2").terminate_instances(InstanceIds=[instance_id])
    assert wait_for_outcome(watch) is WatchOutcome.INSTANCE_LOST
    conclusion = conclude_validation(settings, first).conclusion
    assert (conclusion.status, conclusion.reason_code) == (ValidationStatus.ERROR, "instance_lost")


@pytest.mark.usefixtures("_no_faults_afterwards")
def test_an_agent_that_never_answers_is_an_error(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "no-agent"})
    impatient = settings.model_copy(update={"online_timeout": timedelta(seconds=3)})
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    assert wait_for_outcome(Watch(impatient, first)) is WatchOutcome.NEVER_ONLINE
    assert conclude_validation(settings, first).conclusion.reason_code == "ssm_never_online"


@pytest.mark.usefixtures("_no_faults_afterwards")
def test_an_api_outage_delays_and_loses_nothing(settings: Settings, cloud: LocalCloudServer) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    watch = Watch(settings, first)
    command_id = wait_for_command(watch)
    cloud.set_faults({"api": "DescribeInstances", "code": "AccessDenied"})
    with pytest.raises(CloudError, match="AccessDenied"):
        watch.step()
    cloud.set_faults()
    assert wait_for_outcome(watch) is WatchOutcome.COMMAND_FINISHED
    assert watch.watched.command_id == command_id


@pytest.mark.usefixtures("_no_faults_afterwards")
def test_the_fleet_s_view_decides_as_the_worker_does(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "hang", "times": 1})
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    launch(settings, second)
    hanging, ending = Watch(settings, first), Watch(settings, second)
    wait_for_command(hanging)
    wait_for_command(ending)
    deadline = time.monotonic() + ENDS_WITHIN.total_seconds()
    while True:
        watched = (hanging.watched, ending.watched)
        view = look_at_fleet(settings, watched)
        decisions = [decide(one, view.observation_of(one)) for one in watched]
        if decisions[1].step is Step.FINISH:
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert decisions[0].step is Step.WAIT
    assert decisions[1].outcome is WatchOutcome.COMMAND_FINISHED


def test_kill_all_ends_everything_even_without_airflow(settings: Settings) -> None:
    unreachable = settings.model_copy(
        update={"airflow_url": "http://127.0.0.1:9", "airflow_username": "x", "airflow_password": SecretStr("x")}
    )
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    ids = sorted([launch(settings, first), launch(settings, second)])
    lines: list[str] = []
    report = kill_all(unreachable, progress=lines.append)
    assert (list(report.terminated), report.remaining) == (ids, ())
    assert any("can't be reached" in line for line in lines)


def test_kill_all_ends_everything_even_without_postgres(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launch(settings, first)
    nowhere = SecretStr("postgresql://nobody:x@127.0.0.1:9/none")
    blind = settings.model_copy(
        update={
            "airflow_url": "http://127.0.0.1:9",
            "airflow_username": "x",
            "airflow_password": nowhere,
            "database_url": nowhere,
        }
    )
    report = kill_all(blind, progress=lambda line: None)
    assert (report.terminated, report.remaining) == ((instance_id,), ())
    # The ledger learns of it when somebody looks.
    observe_deployment(settings)
    with transaction(settings.writer_url) as connection:
        assert ledger.live_of_deployment(connection, settings.deployment) == []
