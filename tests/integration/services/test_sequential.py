"""A sequential run without Airflow: one instance for all, whatever is lost or cut off in between.

The validator is the real one; the repositories don't exist, so that each turn ends soon with an honest failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.runs import exit_code_of
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import BudgetRefusedError, ConflictError
from janitor.domain.identity import TAG_CACHE, run_id_for
from janitor.domain.states import InstanceState, RunKind, RunStatus, TerminationReason, ValidationStatus
from janitor.domain.watch.watching import AwaitedSign, WatchOutcome
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import CacheState
from janitor.services.ending.terminate import end_scope, scope_of_run
from janitor.services.launch.advance import NoPlace, NotYet
from janitor.services.launch.plan import RunRequest, plan_run
from janitor.services.provider import provider_of
from janitor.services.report import error_scan
from janitor.services.report.error_scan import scan_log
from janitor.services.report.fetch import fetch_reports
from janitor.services.report.logs import validation_log
from janitor.services.report.reports import run_view
from janitor.services.result.verdict import close_run
from janitor.services.sequential.orderer import owner_of_run
from janitor.services.sequential.turn import AllOver, Begun, advance_turn, end_turn
from janitor.services.watch.signs import look_for_life
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from tests.integration.services.test_reap_passes import quick, reap, second_pass
from tests.support.localcloud_server import LocalCloudServer

__all__ = ["quick"]

WITHIN = timedelta(seconds=600)
"""A machine with a load of 20 included."""
CONFIG = """
grace_minutes: 0.05
repositories:
  - {name: worker-a, organization: acme, prompt: look, url: "file:///does-not-exist/a", gpu_required: false}
  - {name: worker-b, organization: acme, prompt: look, url: "file:///does-not-exist/b", gpu_required: false}
  - {name: worker-c, organization: acme, prompt: look, url: "file:///does-not-exist/c", gpu_required: false}
"""

BeforeLook = Callable[[Begun, Watch], object]


def plan(settings: Settings, folder: Path, text: str = CONFIG, **request: Any) -> UUID:
    path = folder / f"{uuid4().hex}.yaml"
    path.write_text(text)
    airflow_run_id = f"test__{uuid4()}"
    plan_run(
        settings,
        RunRequest(
            airflow_run_id=airflow_run_id,
            trigger="manual",
            config_path=str(path),
            kind=RunKind.SEQUENTIAL,
            **request,
        ),
    )
    return run_id_for(settings.deployment, airflow_run_id)


def nothing(begun: Begun, watch: Watch) -> None:
    """Nothing happens."""


def take_turns(settings: Settings, run_id: UUID, meanwhile: BeforeLook = nothing, *, turns: int = 99) -> list[Begun]:
    """What the task does, until all is over or so many turns have begun; `meanwhile` is called at each look."""
    deadline, seen = time.monotonic() + WITHIN.total_seconds(), []
    while len(seen) < turns:
        assert time.monotonic() < deadline, seen
        step = advance_turn(settings, run_id)
        if isinstance(step, AllOver):
            break
        if not isinstance(step, Begun):
            assert not isinstance(step, NoPlace)
            time.sleep(min(max((step.until - datetime.now(timezone.utc)).total_seconds(), 0), 0.2))
            continue
        seen.append(step)
        watch = Watch(settings, step.turn.validation_id)
        while (outcome := watch.step()) is None:
            assert time.monotonic() < deadline, seen
            meanwhile(step, watch)
            time.sleep(0.05)
        end_turn(settings, run_id, watch, outcome)
    return seen


def generations(settings: Settings, run_id: UUID) -> list[InstanceRecord]:
    with transaction(settings.writer_url) as connection:
        return ledger.generations_of(connection, owner_of_run(run_id))


def rows(settings: Settings, statement: str, *values: object) -> list[dict[str, Any]]:
    with transaction(settings.writer_url) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def close(settings: Settings, run_id: UUID) -> None:
    end_scope(settings, scope_of_run(run_id), TerminationReason.FINISHED, timeout=WITHIN)
    assert close_run(settings, run_id) is not None


@pytest.fixture(autouse=True)
def _nothing_is_left(settings: Settings, cloud: LocalCloudServer) -> Iterator[None]:
    yield
    cloud.set_faults()
    with transaction(settings.writer_url) as connection:
        live = ledger.live_of_deployment(connection, settings.deployment)
    provider_of(settings).terminate([row.instance_id for row in live if row.instance_id])


def test_all_take_their_turns_on_one_instance_that_no_reaper_takes_for_a_leak(quick: Settings, tmp_path: Path) -> None:
    run_id = plan(quick, tmp_path)
    seen = []
    for number in range(1, 4):
        seen += take_turns(quick, run_id, turns=1)
        assert len(seen) == number
        # Nobody works on the instance now; its owner isn't over.
        for report in (reap(quick), second_pass(quick)):
            assert (report.looked_at, report.marked, report.terminated, report.problems) == (1, (), (), ())
    assert take_turns(quick, run_id) == []
    assert [each.turn.repository_name for each in seen] == ["worker-a", "worker-b", "worker-c"]
    (instance,) = generations(quick, run_id)
    assert {each.instance_id for each in seen} == {instance.instance_id}
    assert (instance.run_id, instance.owner) == (run_id, owner_of_run(run_id))
    # A key of its own for each: the machine was a stranger's before.
    keys = rows(quick, "select distinct proof_key from turn_terms where ledger_id = %s", instance.ledger_id)
    assert len(keys) == 3
    close(quick, run_id)
    view = run_view(quick, str(run_id))
    assert (view.status, view.kind) == (RunStatus.FAILED, RunKind.SEQUENTIAL)
    assert [each.status for each in view.validations] == [ValidationStatus.FAILED] * 3
    assert {each.instance_id for each in view.validations} == {instance.instance_id}
    assert view.cost_usd is not None
    (ended,) = generations(quick, run_id)
    assert (ended.state, ended.termination_reason) == (InstanceState.TERMINATED, TerminationReason.FINISHED)
    fetched = fetch_reports(quick, None)
    assert fetched.run.run_id == run_id
    assert [(each.problem, bool(each.content)) for each in fetched.reports] == [(None, True)] * 3
    settled = rows(quick, "select released_at from budget_reservations where run_id = %s", run_id)
    assert [bool(row["released_at"]) for row in settled] == [True]


def test_a_task_that_dies_goes_on_with_the_turn_that_it_finds(settings: Settings, tmp_path: Path) -> None:
    run_id = plan(settings, tmp_path)
    first = next(iter(_until_begun(settings, run_id)))
    watch = Watch(settings, first.turn.validation_id)
    while watch.watched.command_id is None:
        watch.step()
        time.sleep(0.05)
    # Another process: the same turn, the same instance, the same command.
    again = next(iter(_until_begun(settings, run_id)))
    assert again == first
    second = Watch(settings, again.turn.validation_id)
    assert second.watched.command_id == watch.watched.command_id
    assert (
        len(rows(settings, "select from turns t join instances i using (ledger_id) where i.run_id = %s", run_id)) == 1
    )
    seen = take_turns(settings, run_id)
    assert [each.turn.repository_name for each in seen] == ["worker-a", "worker-b", "worker-c"]
    assert len(generations(settings, run_id)) == 1


def _until_begun(settings: Settings, run_id: UUID) -> Iterator[Begun]:
    deadline = time.monotonic() + WITHIN.total_seconds()
    while True:
        step = advance_turn(settings, run_id)
        if isinstance(step, Begun):
            yield step
        assert isinstance(step, NotYet | Begun)
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_lost_instance_costs_no_repository_its_verdict(settings: Settings, tmp_path: Path) -> None:
    run_id, lost = plan(settings, tmp_path), []

    def lose(begun: Begun, watch: Watch) -> None:
        if begun.turn.repository_name == "worker-b" and not lost:
            lost.append(begun.instance_id)
            provider_of(settings).terminate(lost)

    seen = take_turns(settings, run_id, lose)
    assert [each.turn.repository_name for each in seen] == ["worker-a", "worker-b", "worker-b", "worker-c"]
    first, second = generations(settings, run_id)
    assert [first.instance_id] == lost
    assert first.given_up_at is not None
    assert [each.instance_id for each in seen[2:]] == [second.instance_id] * 2
    close(settings, run_id)
    view = run_view(settings, str(run_id))
    assert [each.status for each in view.validations] == [ValidationStatus.FAILED] * 3
    with transaction(settings.writer_url) as connection:
        first_of_b = store.get_validation(connection, view.validations[1].validation_id)
    assert first_of_b.watch_outcome is WatchOutcome.COMMAND_FINISHED


def test_after_a_repository_that_was_stopped_at_its_limit_the_next_gets_another_instance(
    settings: Settings, cloud: LocalCloudServer, tmp_path: Path
) -> None:
    cloud.set_faults({"box": "hang", "times": 1})
    text = CONFIG.replace("name: worker-a,", "name: worker-a, timeout_minutes: 0.15,")
    run_id = plan(settings, tmp_path, text)
    seen = take_turns(settings, run_id)
    assert [each.turn.repository_name for each in seen] == ["worker-a", "worker-b", "worker-c"]
    first, second = generations(settings, run_id)
    assert (first.termination_reason, first.state) == (TerminationReason.TIMEOUT, InstanceState.TERMINATED)
    assert [each.instance_id for each in seen] == [first.instance_id, second.instance_id, second.instance_id]
    close(settings, run_id)
    stopped, *others = run_view(settings, str(run_id)).validations
    assert stopped.status in (ValidationStatus.TIMED_OUT, ValidationStatus.ERROR)  # it gave no sign of life
    assert [each.status for each in others] == [ValidationStatus.FAILED] * 2


def test_what_is_left_when_the_time_for_all_is_over_is_told(settings: Settings, tmp_path: Path) -> None:
    run_id = plan(settings, tmp_path)
    take_turns(settings, run_id, turns=1)
    past = datetime.now(timezone.utc) - timedelta(seconds=1)
    rows(settings, "update instances set deadline_at = %s where run_id = %s returning ledger_id", past, run_id)
    assert take_turns(settings, run_id) == []
    close(settings, run_id)
    view = run_view(settings, str(run_id))
    assert [(each.status, each.reason_code) for each in view.validations[1:]] == [
        (ValidationStatus.ERROR, "deadline")
    ] * 2
    assert all("for all of its repositories" in str(each.summary) for each in view.validations[1:])


def test_a_run_that_was_stopped_gives_no_further_turn(settings: Settings, tmp_path: Path) -> None:
    run_id = plan(settings, tmp_path)
    take_turns(settings, run_id, turns=1)
    with transaction(settings.writer_url) as connection:
        store.finish_run(connection, run_id, RunStatus.CANCELLED, "a person")
    with pytest.raises(ConflictError, match="has ended"):
        advance_turn(settings, run_id)


def test_the_budget_is_that_of_one_instance(settings: Settings, tmp_path: Path) -> None:
    timing = "total_timeout_minutes: 60\n"
    run_id = plan(settings, tmp_path, CONFIG + timing + "max_run_cost_usd: 1.5\n")
    (reserved,) = rows(settings, "select * from budget_reservations where run_id = %s", run_id)
    assert (reserved["owner_kind"], reserved["owner_id"]) == ("run", run_id)
    assert 1.0 < float(reserved["reserved_usd"]) < 1.3
    with pytest.raises(BudgetRefusedError):
        plan(settings, tmp_path, CONFIG + timing + "max_run_cost_usd: 0.5\n")


@pytest.fixture
def volume(settings: Settings) -> Callable[[str], str]:
    """Makes the deployment's cache volume in a zone."""
    ec2, made = CloudAccess.of(settings).client("ec2"), []

    def make(zone: str) -> str:
        tag = {"ResourceType": "volume", "Tags": [{"Key": TAG_CACHE, "Value": settings.deployment}]}
        made.append(ec2.create_volume(AvailabilityZone=zone, Size=50, VolumeType="gp3", TagSpecifications=[tag]))
        volume_id: str = made[-1]["VolumeId"]
        return volume_id

    return make


def cache_of(settings: Settings, run_id: UUID) -> tuple[CacheState | None, str]:
    view = run_view(settings, str(run_id))
    return view.cache, view.cache_detail or ""


def test_the_cache_volume_follows_the_runs_and_never_prevents_one(
    settings: Settings, tmp_path: Path, volume: Callable[[str], str]
) -> None:
    without = plan(settings, tmp_path)
    take_turns(settings, without, turns=1)
    assert cache_of(settings, without) == (CacheState.COLD, "the deployment has no cache volume")
    volume_id = volume("us-east-1a")
    first, second = plan(settings, tmp_path), plan(settings, tmp_path)
    take_turns(settings, first, turns=1)
    assert cache_of(settings, first) == (CacheState.ATTACHED, f"{volume_id} in us-east-1a")
    take_turns(settings, second, turns=1)
    state, why = cache_of(settings, second)
    assert state is CacheState.COLD
    assert why.startswith("another sequential run is under way: i-")
    close(settings, first)
    third = plan(settings, tmp_path)
    take_turns(settings, third, turns=1)
    assert cache_of(settings, third)[0] is CacheState.ATTACHED
    (report,) = [each for each in fetch_reports(settings, str(third)).reports if each.content is not None]
    assert b'"cache": "attached"' in report.content.replace(b'":"', b'": "')  # type: ignore[union-attr]  # see above


def test_an_instance_in_another_zone_goes_without_the_cache(
    settings: Settings, tmp_path: Path, volume: Callable[[str], str]
) -> None:
    volume("us-east-1b")
    run_id = plan(settings, tmp_path)
    take_turns(settings, run_id, turns=1)
    state, why = cache_of(settings, run_id)
    assert state is CacheState.COLD
    assert "the cache in us-east-1b" in why


def test_a_volume_that_the_instance_can_not_use_is_told_by_its_report(
    settings: Settings, cloud: LocalCloudServer, tmp_path: Path, volume: Callable[[str], str]
) -> None:
    volume_id = volume("us-east-1a")
    run_id = plan(settings, tmp_path)
    begun = next(_until_begun(settings, run_id))
    assert cache_of(settings, run_id)[0] is CacheState.ATTACHED
    # Its image has a bootstrap, which finds nothing that it may use.
    asked = cloud.home / "boxes" / begun.instance_id / "asked"
    program = cloud.home / "boxes" / begun.instance_id / "bin" / "janitor-bootstrap"
    program.write_text(f'#!/bin/sh\necho "$*" >> {asked}\necho "cache: cold (planted)"\n')
    program.chmod(0o755)
    take_turns(settings, run_id, turns=1)
    assert asked.read_text() == f"cache {volume_id}\n"
    assert cache_of(settings, run_id) == (
        CacheState.COLD,
        f"{volume_id} is attached, but the instance could not use it; its log says why",
    )
    (report,) = [each for each in fetch_reports(settings, str(run_id)).reports if each.content is not None]
    assert Report.from_json(report.content or b"").provenance.machine.cache is CacheState.COLD  # type: ignore[union-attr]
    # The next one asks again: what took too long may be there by now.
    take_turns(settings, run_id, turns=1)
    assert asked.read_text() == f"cache {volume_id}\n" * 2


def test_a_report_that_storage_refused_is_asked_for_again_and_the_next_repository_gets_the_instance(
    settings: Settings, cloud: LocalCloudServer, tmp_path: Path
) -> None:
    refused = {"api": "PutObject", "path": "*/janitor-reports/*.json", "code": "AccessDenied", "http_status": 403}
    cloud.set_faults({**refused, "times": 1})
    run_id = plan(settings, tmp_path)
    seen = take_turns(settings, run_id)
    assert [each.turn.repository_name for each in seen] == ["worker-a", "worker-b", "worker-c"]
    assert len(generations(settings, run_id)) == 1
    close(settings, run_id)
    assert [each.status for each in run_view(settings, str(run_id)).validations] == [ValidationStatus.FAILED] * 3
    assert [each.problem for each in fetch_reports(settings, str(run_id)).reports] == [None] * 3


def plant(settings: Settings, run_id: UUID, lines: list[str]) -> None:
    """Write lines behind those of the second repository's log."""
    CloudAccess.of(settings).client("logs").put_log_events(
        logGroupName=settings.log_group,
        logStreamName=stream_of(settings, run_id, 1),
        logEvents=[{"timestamp": int(time.time() * 1_000), "message": line} for line in lines],
    )


def stream_of(settings: Settings, run_id: UUID, index: int) -> str:
    (row,) = rows(
        settings,
        "select log_stream from repository_validations where run_id = %s and repository_index = %s",
        run_id,
        index,
    )
    return str(row["log_stream"])


def test_the_log_is_searched_beyond_empty_pages_and_what_is_not_searched_is_told(
    settings: Settings, cloud: LocalCloudServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = plan(settings, tmp_path)
    take_turns(settings, searched)
    plant(settings, searched, ["ERROR planted behind empty pages"])
    before = scan_log(settings, searched)
    assert (before.count, before.unsearched) == (1, ())
    cloud.set_faults({"fault": "empty-pages", "times": 5})
    assert scan_log(settings, searched) == before
    assert cloud.faults()[0]["times"] == 0
    (text,) = {"\n".join(each) for each in (whole_log(settings, searched), whole_log(settings, searched))}
    cloud.set_faults({"fault": "empty-pages", "times": 3})
    assert "\n".join(whole_log(settings, searched)) == text
    assert "ERROR planted behind empty pages" in text
    # Nor does it say that nothing has started there.
    sign = AwaitedSign(
        key="none",
        report_key="none",
        log_streams=(stream_of(settings, searched, 1),),
        due_at=datetime.now(timezone.utc),
    )
    cloud.set_faults({"fault": "empty-pages", "times": 2})
    assert look_for_life(settings, {"i-1": sign}, sign.due_at) == {"i-1": True}
    monkeypatch.setattr(error_scan, "MOST_LINES", 1)
    found = scan_log(settings, searched)
    assert "worker-a: only its first 1 lines were searched" in found.unsearched
    assert (found.count, found.known_count) == (0, None)
    assert run_view(settings, str(searched)).unexpected_errors is None


def whole_log(settings: Settings, run_id: UUID) -> list[str]:
    return list(validation_log(settings, "worker-b", str(run_id)))


def test_a_log_that_is_not_there_is_no_log_without_errors(settings: Settings, tmp_path: Path) -> None:
    run_id, logs = plan(settings, tmp_path), CloudAccess.of(settings).client("logs")
    for change in (
        "'launching', launched_at = now()",
        "'running', log_stream = validation_id::text",
        "'success', finished_at = now(), commit_sha = repeat('a', 40), proof_level = required_proof",
    ):
        rows(
            settings,
            f"update repository_validations set status = {change} where run_id = %s returning validation_id",
            run_id,
        )
    for index in range(2):
        logs.create_log_stream(logGroupName=settings.log_group, logStreamName=stream_of(settings, run_id, index))
    verdict = close_run(settings, run_id)
    assert verdict is not None
    assert (verdict.status, verdict.successful) == (RunStatus.ERROR, 3)
    (problem,) = verdict.problems
    assert problem.startswith("the log could not be searched whole for ERROR lines")
    assert problem.endswith(": worker-c: its log isn't there")
    view = run_view(settings, str(run_id))
    assert (view.unexpected_errors, view.all_successful) == (None, False)
    assert exit_code_of(view) is ExitCode.INFRASTRUCTURE


@pytest.mark.parametrize(
    ("expected", "status", "count"),
    [("[]", RunStatus.FAILED, 7), ("['planted [0-9]']", RunStatus.FAILED, 0)],
)
def test_error_lines_that_nobody_expects_are_quoted_in_the_verdict(
    settings: Settings, tmp_path: Path, expected: str, status: RunStatus, count: int
) -> None:
    run_id = plan(settings, tmp_path, f"{CONFIG}expected_errors: {expected}\n")
    take_turns(settings, run_id)
    end_scope(settings, scope_of_run(run_id), TerminationReason.FINISHED, timeout=WITHIN)
    plant(settings, run_id, [f"ERROR planted {n}" for n in range(7)])
    verdict = close_run(settings, run_id)
    assert verdict is not None
    assert verdict.status is status
    view = run_view(settings, str(run_id))
    assert view.unexpected_errors == count
    quoted = [problem for problem in verdict.structural if "unexpected ERROR" in problem]
    assert len(quoted) == (1 if count else 0)
    if count:
        assert quoted[0].startswith("7 unexpected ERROR lines in the log")
        assert quoted[0].endswith("; ".join(f"worker-b: ERROR planted {n}" for n in range(5)))
