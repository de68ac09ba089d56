"""The other printed answers: a repository's history, the emergency stop, the stack, a configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from janitor.cli.render.instances.instances import instances_text
from janitor.cli.render.instances.kill import (
    cancel_question,
    cancel_text,
    kill_text,
    terminate_question,
    terminate_text,
)
from janitor.cli.render.runs.config import config_text
from janitor.cli.render.runs.history import history_text
from janitor.cli.render.stack.doctor import doctor_text
from janitor.cli.render.stack.stack import deployment_text, ending_text, stack_text
from janitor.domain.config.workers import parse_workers_config
from janitor.domain.findings import Finding, FindingLevel
from janitor.protocol.terms.proven import Note, ProofLevel, Unproven, UnprovenKind
from janitor.protocol.terms.statuses import EngineChoice
from janitor.protocol.text.plain_text import plain
from janitor.services.deployment import LiveInstance, ServiceAnswer
from janitor.services.reap.by_hand import KillReport
from janitor.services.reap.cancel import Cancellable
from janitor.services.reap.terminate_one import Terminable
from janitor.stack.components import Component
from janitor.stack.state.disk import DiskSpace
from janitor.stack.status import ComponentStatus, StackStatus
from janitor.stack.supervisor.client import ProgramState
from janitor.views.text.marks import one_line
from tests.unit.cli.sample_views import RUN_ID, after, ended, run_of, validation


def test_query_db():
    view = ended(
        "worker-basic",
        "success",
        4,
        32,
        instance_id="i-1234567890abcdef0",
        finished_at=after(5) + timedelta(seconds=22),
        build_succeeded=True,
        container_succeeded=True,
        gpu_available=True,
        cuda_detected=True,
    )

    assert history_text([view], after(60)) == (
        "Repository: worker-basic\n"
        'Custom Prompt: "validate the repo and see if its still working"\n'
        "Last Validation: 2024-01-15 14:35:22 UTC\n"
        "Status: success\n"
        "Instance: i-1234567890abcdef0\n"
        "Execution Time: 4 minutes 32 seconds\n"
        "Build: ✓ succeeded\n"
        "Container: ✓ executed successfully\n"
        "GPU Available: ✓ CUDA detected and GPU available"
    )


def test_query_db_of_a_failure_with_earlier_validations():
    latest = ended(
        "worker-basic",
        "timed_out",
        30,
        timeout_enforced=True,
        build_succeeded=False,
        gpu_available=False,
        failing_check="build",
        summary="still building at the limit",
    )
    earlier = ended("worker-basic", "success", 4, run_id=UUID(int=7))

    text = history_text([latest, earlier], after(60))

    assert "Status: timed out (timeout enforced)\nReason: build: still building at the limit\n" in text
    assert "Build: ✗ failed\nContainer: – not reached\nGPU Available: ✗ no GPU available\n" in text  # noqa: RUF001  # as it is printed
    assert text.endswith(
        "\n\nEarlier:\n✓ 2024-01-15 14:34:00 UTC success (4m0s) run 00000000-0000-0000-0000-000000000007"
    )


@pytest.mark.parametrize(
    ("gpu", "cuda", "said"),
    [
        (True, True, "✓ CUDA detected and GPU available"),
        (True, False, "✓ GPU available, no CUDA"),
        (True, None, "✓ GPU available, CUDA not reached"),
        (False, True, "✗ CUDA detected, but no GPU available"),
        (False, None, "✗ no GPU available"),
        (None, True, "– not reached"),  # noqa: RUF001  # as it is printed
    ],
)
def test_gpu_in_words(gpu, cuda, said):
    view = ended("w", "failed", 1, gpu_available=gpu, cuda_detected=cuda)
    assert f"GPU Available: {said}" in history_text([view], after(60))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"gpu_required": False, "gpu_available": False}, "– not needed"),  # noqa: RUF001
        ({"gpu_required": False, "gpu_available": None}, "– not needed"),  # noqa: RUF001
        ({"gpu_required": False, "gpu_available": True, "cuda_detected": True}, "✓ CUDA detected and GPU available"),
        ({"gpu_required": True, "gpu_available": False}, "✗ no GPU available"),
        ({"gpu_required": True, "gpu_available": None}, "– not reached"),  # noqa: RUF001
    ],
)
def test_a_gpu_that_nobody_asked_for_is_not_needed(fields, said):
    assert f"GPU Available: {said}\n" in history_text([ended("w", "success", 1, **fields)], after(60)) + "\n"


@pytest.mark.parametrize(
    ("fields", "build", "container"),
    [
        (
            {"engine": "venv", "build_succeeded": True},
            "✓ succeeded (its Python environment; the image was not built)",
            "– not proven here (a Python environment took its place)",  # noqa: RUF001
        ),
        (
            {"engine": "venv", "build_succeeded": False},
            "✗ failed (its Python environment; the image was not built)",
            "– not reached",  # noqa: RUF001
        ),
        ({"engine": "venv", "build_succeeded": None}, "– not reached", "– not reached"),  # noqa: RUF001
        ({"engine": "docker", "build_succeeded": True, "container_succeeded": True}, "✓ succeeded", "✓ executed"),
        ({"engine": "docker", "build_succeeded": False}, "✗ failed", "– not reached"),  # noqa: RUF001
        ({"engine": None}, "– not reached", "– not reached"),  # noqa: RUF001
    ],
)
def test_an_environment_proves_no_container(fields, build, container):
    text = history_text([ended("w", "failed", 1, **fields)], after(60))
    assert f"Build: {build}\nContainer: {container}" in text


def test_query_db_lists_its_notes_and_what_is_not_proven():
    view = ended(
        "w",
        "incomplete",
        1,
        proof_level=ProofLevel.ENVIRONMENT,
        required_proof=ProofLevel.IMAGE,
        note_count=2,
        notes=(
            Note(code="base_pin", text="the base\nhas no digest", file="Dockerfile", line=1),
            Note(code="error_logged", text="ERROR cache \x1b[31mlost"),
        ),
        unproven=(
            Unproven(kind=UnprovenKind.NOT_RUN, text="RUN pytest", file="Dockerfile", line=7),
            Unproven(kind=UnprovenKind.NOT_ASKED, text="whether acme/base:1 exists"),
            Unproven(kind=UnprovenKind.HOST, text="libGL.so.1 is the machine's", file="requirements.txt"),
        ),
    )
    text = history_text([view], after(60))

    assert "\nStatus: incomplete (environment), 2 notes\n" in text
    assert text.endswith(
        "\nProof: environment (required: image): its handler ran in a Python environment in place of its image\n"
        "Notes:\n"
        "  base_pin: Dockerfile:1: the base has no digest\n"
        "  error_logged: ERROR cache lost\n"
        "Not proven:\n"
        "  not run: Dockerfile:7: RUN pytest\n"
        "  the machine's own: requirements.txt: libGL.so.1 is the machine's\n"
        "  not asked: whether acme/base:1 exists"
    )


def test_of_much_that_is_not_proven_some_of_each_kind_is_shown():
    lines = tuple(
        Unproven(kind=UnprovenKind.NOT_RUN, text=f"RUN step {number}", file="Dockerfile", line=number)
        for number in range(1, 31)
    )
    asked = (Unproven(kind=UnprovenKind.NOT_ASKED, text="whether acme/base:1 exists"),)
    notes = tuple(Note(code="odd", text=f"odd {number}") for number in range(12))
    text = history_text([ended("w", "success", 1, note_count=12, notes=notes, unproven=lines + asked)], after(60))

    told = text[text.index("Not proven:") :].splitlines()
    assert told[1:8] == [f"  not run: Dockerfile:{number}: RUN step {number}" for number in range(1, 8)]
    assert told[8:] == [
        "  not asked: whether acme/base:1 exists",
        "  … and 23 more (23 not run): janitor report w",
    ]
    assert "  odd: odd 7\n  … and 4 more: janitor report w\nNot proven:" in text


def test_an_image_says_what_it_proved_and_nothing_else():
    proved = history_text([ended("w", "success", 1, proof_level=ProofLevel.IMAGE)], after(60))
    assert proved.endswith("\nProof: image: its image was built and started, and its handler ran in it")


def test_query_db_of_one_that_has_only_begun():
    text = history_text([validation("w", "queued", started_at=None)], after(1))
    assert "Last Validation: not begun\nStatus: queued\nInstance: none launched\nExecution Time: not begun\n" in text


def test_kill_counts_and_says_what_is_left():
    assert kill_text((), (), ()) == "0 instances terminated.\nEC2 shows no live instance of this deployment."
    assert kill_text(("i-1",), (), ("manual__1",)).startswith("✓ manual__1: cancelled\n✓ i-1: terminated\n1 instance t")
    unasked = kill_text((), (), (), problems=("RunPod's pods may be left: no answer",))
    assert unasked.startswith("✗ RunPod's pods may be left: no answer\n")
    assert unasked.endswith("run `make kill-all-workers` again for the rest.")
    left = kill_text(("i-1", "i-2"), ("i-3",), ())
    assert "✗ i-3: still there\n2 instances terminated.\n1 could not be terminated: run `make kill-all-workers`" in left


def _stack(*problems: str | None) -> StackStatus:
    components = tuple(
        ComponentStatus(
            component=component,
            state=ProgramState.STOPPED if problem else ProgramState.RUNNING,
            problem=problem,
            pid=None if problem else 100,
            uptime=None if problem else timedelta(minutes=5),
            port=25432,
            log=Path("/srv/.local/logs/x.log"),
        )
        for component, problem in zip(Component, problems, strict=False)
    )
    return StackStatus(
        running=not any(problems),
        state_dir=Path("/srv/.local"),
        components=components,
        web_url="http://127.0.0.1:8080",
        username="admin",
        password="pass-word",
        versions={},
    )


def test_status_of_a_stack():
    assert stack_text(_stack(None)) == (
        "Local stack: up\n"
        "  ✓ PostgreSQL  pid 100, port 25432, up 5m0s\n"
        "\n"
        "Web UI: http://127.0.0.1:8080\n"
        "Login: admin / pass-word\n"
        "\n"
        "Data and logs: /srv/.local"
    )
    partly = stack_text(_stack(None, "no answer"))
    assert partly.startswith("Local stack: 1 of 2 components healthy\n")
    assert "✗ local cloud  no answer (log: /srv/.local/logs/x.log)" in partly
    down = stack_text(_stack("not running"))
    assert down.startswith("Local stack: down\n")
    assert down.endswith("Start it with: make up")
    assert "pass-word" not in down


def test_status_names_a_disk_that_is_nearly_full_and_boxes_that_see_everything():
    disk = DiskSpace(folder=Path("/srv"), free_gib=0.21, needed_gib=3)
    status = replace(_stack(None), disk=disk, notes=("local instances can read this stack's files",))
    assert not status.is_well
    assert status.running
    text = stack_text(status)
    assert "  ✗ disk        0.2 GiB free in /srv, 3 GiB are needed: free some space" in text
    assert "  – local instances can read this stack's files" in text  # noqa: RUF001  # as it is printed
    assert replace(status, disk=replace(disk, free_gib=3)).is_well


def test_status_of_a_deployment_elsewhere():
    services = (ServiceAnswer(name="database", problem=None), ServiceAnswer(name="Airflow", problem="no\nanswer"))
    assert deployment_text("dev", "https://airflow.acme.example", services) == (
        "Deployment of ENV=dev\n  ✓ database  answers\n  ✗ Airflow   no answer\n\nWeb UI: https://airflow.acme.example"
    )


def test_doctor_in_words():
    findings = [
        Finding(FindingLevel.OK, "git", "git 2.39"),
        Finding(FindingLevel.PROBLEM, "memory", "1.0 GiB", "give the machine more memory"),
    ]
    assert doctor_text(findings) == (
        "✓ git     git 2.39\n✗ memory  1.0 GiB\n          → give the machine more memory\n\n1 problem found."
    )
    assert doctor_text(findings[:1]).endswith("Everything that is needed is here.")
    untold = Finding(FindingLevel.UNKNOWN, "quota", "not allowed to ask", "ask as somebody who may")
    assert doctor_text([findings[0], untold]) == (
        "✓ git    git 2.39\n? quota  not allowed to ask\n         → ask as somebody who may\n\n1 could not be told."
    )
    assert doctor_text([*findings, untold]).endswith("1 problem found, 1 could not be told.")


def test_instances_in_words():
    one = LiveInstance(
        instance_id="i-1",
        state="running",
        run_id="550e8400",
        validation_id=None,
        repository="worker-basic",
        deadline_at="2024-01-15T15:00:00+00:00",
    )
    unknown = LiveInstance(
        instance_id="i-2", state="pending", run_id=None, validation_id=None, repository=None, deadline_at=None
    )
    assert instances_text([]) == "No instance of this deployment is alive."
    assert instances_text([one, unknown]) == (
        "i-1  running  worker-basic  run 550e8400  deadline 2024-01-15T15:00:00+00:00\n"
        "i-2  pending  unknown repository  run unknown  deadline unknown\n"
        "2 instances of this deployment are alive."
    )


def test_the_instance_of_a_sequential_run_is_its_runs():
    shared = LiveInstance(
        instance_id="i-3", state="running", run_id="550e8400", validation_id=None, repository=None, deadline_at="12:00"
    )
    assert instances_text([shared]).splitlines()[0] == "i-3  running  run 550e8400 (sequential)  deadline 12:00"
    orphan = replace(shared, validation_id="an unknown one")
    assert instances_text([orphan]).splitlines()[0] == (
        "i-3  running  unknown repository  run 550e8400  deadline 12:00"
    )


def test_check_config_in_words():
    config = parse_workers_config(
        "repositories:\n"
        "  - {name: one, organization: acme, prompt: go, timeout_minutes: 0.5, ref: v1, gpu_required: false}\n"
        "  - {name: second, organization: acme, prompt: go}\n"
        "  - {name: third, organization: acme, prompt: go, enabled: false}\n"
        "fallback_instance_types: [g6.xlarge]\n",
        source="w.yaml",
    )

    assert config_text("w.yaml", config) == (
        "w.yaml: 2 repositories (1 more switched off), at most 10 at once, 2 minutes of grace\n"
        "  one     30 seconds, g5.xlarge or g6.xlarge on-demand, no GPU, https://github.com/acme/one.git at v1\n"
        "  second  30 minutes, g5.xlarge or g6.xlarge on-demand, GPU, https://github.com/acme/second.git"
    )


def test_check_config_says_what_a_success_must_prove_and_where_it_can_not():
    config = parse_workers_config(
        "repositories:\n"
        "  - {name: one, organization: acme, prompt: go}\n"
        "  - {name: two, organization: acme, prompt: go, required_proof: environment}\n",
        source="w.yaml",
    )
    reached = config_text("w.yaml", config, required_proof=ProofLevel.IMAGE, engine=EngineChoice.DOCKER)
    out_of_reach = config_text("w.yaml", config, required_proof=ProofLevel.IMAGE, engine=EngineChoice.VENV)

    assert "one  30 minutes, g5.xlarge on-demand, GPU, required proof image, https:" in reached
    assert "two  30 minutes, g5.xlarge on-demand, GPU, required proof environment, https:" in reached
    assert out_of_reach == reached + (
        "\none: required_proof is image, and JANITOR_ENGINE=venv builds none: a success would end as incomplete;"
        " set required_proof: environment"
    )


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x1b[2Jb", "ab"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("a\rb\bc\x9b31m", "a\nbc"),
        ("tab\tstays\nand lines", "tab\tstays\nand lines"),
    ],
)
def test_terminal_control_sequences_are_not_printed(hostile, shown):
    assert plain(hostile) == shown


def test_one_line_is_short_and_flat():
    assert one_line("a\n\n b\tc") == "a b c"
    assert len(one_line("x" * 1_000)) == 300


def test_down_says_what_it_ends():
    run = run_of(ended("a", "success", 1), validation("b", "running"), validation("c", "queued"))
    assert ending_text([run]) == (
        f"1 run is at work ({RUN_ID}), with 1 instance: they are ended now, and repositories that are being validated"
        " get no verdict"
    )
    assert ending_text([run] * 5).startswith("5 runs are at work (")
    assert " and 2 more), with 5 instances: " in ending_text([run] * 5)


RUN = Cancellable(
    run_id=UUID("550e8400-e29b-41d4-a716-446655440000"),
    airflow_run_id="manual__1",
    config_path="infra/workers-config.yaml",
    unfinished=("worker-a", "worker-b"),
    instances=1,
)


def test_cancelling_says_what_it_ended_and_what_is_left():
    assert cancel_question(RUN) == (
        f"Cancel run {RUN.run_id} (infra/workers-config.yaml; 2 without a verdict) and terminate 1 instance of it?"
    )
    assert "isn't planned yet" in cancel_question(replace(RUN, config_path=None))
    report = KillReport(terminated=("i-1",), remaining=(), was={"i-1": "worker-a"})
    assert cancel_text(RUN, report).splitlines() == [
        "✓ worker-a: cancelled",
        "✓ worker-b: cancelled",
        "✓ i-1: terminated (worker-a)",
        f"Run {RUN.run_id} is cancelled; 1 instance terminated.",
    ]
    left = cancel_text(RUN, replace(report, kept=("i-2",), remaining=("i-3",), problems=("Airflow is away",)))
    assert "⏳ i-2: left, a debug lease holds it" in left
    assert "✗ i-3: still there" in left
    assert "✗ Airflow is away" in left
    assert left.endswith(f"Something is left: run `make cancel RUN_ID={RUN.run_id}` again.")


def test_terminating_says_what_becomes_of_the_validation():
    found = Terminable(instance_id="i-1", words="worker-a", works_for_open_validation=True)
    assert terminate_question(found) == "Terminate i-1 (worker-a)? Its validation ends with it, as error."
    ended = terminate_text(found, KillReport(terminated=("i-1",), remaining=(), was={"i-1": "worker-a"}))
    assert ended.splitlines()[0] == "✓ i-1: terminated (worker-a)"
    assert "Its validation ends with it, as error, unless it was still being launched" in ended
    assert "The rest of its run goes on; `make cancel` ends that, too." in ended
    idle = replace(found, works_for_open_validation=False)
    assert terminate_question(idle) == "Terminate i-1 (worker-a)?"
    assert "could not be terminated" in terminate_text(idle, KillReport(terminated=(), remaining=("i-1",)))
    assert terminate_text(idle, KillReport(terminated=(), remaining=())) == "✓ i-1: gone; the ledger says so now, too"
