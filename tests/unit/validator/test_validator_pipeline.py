"""The order of the checks: the type checker proves it, and what a check's failure means for those after it."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.redaction import Redactor
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckName, CheckStatus, EngineChoice
from janitor.validator.context import CheckContext
from janitor.validator.findings import EvidenceMaker, Finding, Produced, failed, passed
from janitor.validator.pipeline import order
from janitor.validator.pipeline.recording import Recorder
from janitor.validator.pipeline.results import Met, Unmet, gather
from janitor.validator.pipeline.steps import Phase, Step
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

ROOT = Path(__file__).parents[3]
MISTAKES = {
    "a check before the one that it builds on": (
        "    source = read_source(run, checkout.passed)\n    ask_network(run, source)\n",
        "    ask_network(run, source)\n    source = read_source(run, checkout.passed)\n",
        "used before definition",
    ),
    "facts of another stage": ("check_host, source.source", "check_host, checkout.passed", "has incompatible type"),
    "facts that may not be there": (
        "gather(BuildOrder, source.worker, host.passed)",
        "gather(BuildOrder, source.source, host.passed)",
        "has incompatible type",
    ),
    "a result that nobody has looked at": ("check_image, built.passed", "check_image, built", "has incompatible type"),
    "a build without an engine": (
        "gather(BuildOrder, source.worker, host.passed)",
        "gather(BuildOrder, source.worker, host.if_any)",
        "has incompatible type",
    ),
}
"""Changes to the pipeline, each with what the type checker says of it."""


def test_the_type_checker_refuses_a_wrong_order(tmp_path: Path) -> None:
    source = inspect.getsource(order)
    files = {}
    for number, (mistake, (right, wrong, _)) in enumerate(MISTAKES.items()):
        assert right in source, mistake
        files[mistake] = tmp_path / f"mistake_{number}.py"
        files[mistake].write_text(source.replace(right, wrong))
    (tmp_path / "as_it_is.py").write_text(source)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            f"--cache-dir={ROOT / '.mypy_cache'}",
            *map(str, tmp_path.iterdir()),
        ],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
        check=False,
    )
    said = {
        mistake: [line for line in done.stdout.splitlines() if file.name in line] for mistake, file in files.items()
    }
    for mistake, (_, _, words) in MISTAKES.items():
        assert any(words in line for line in said[mistake]), (mistake, done.stdout, done.stderr)
    assert "as_it_is.py" not in done.stdout


@pytest.fixture
def run(tmp_path: Path) -> Recorder:
    redactor, deadline = Redactor(), datetime.now(timezone.utc) + timedelta(minutes=5)
    context = CheckContext(
        spec=ValidationSpec(
            validation_id="11111111-1111-1111-1111-111111111111",
            run_id="22222222-2222-2222-2222-222222222222",
            repository=RepositorySpec(name="w", organization="o", url="https://example.org/w.git"),
            prompt="p",
            gpu_required=False,
            engine=EngineChoice.AUTO,
            deadline=deadline,
            grace=timedelta(0),
        ),
        settings=Settings.from_environment({"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}),
        workspace=Workspace.make(tmp_path),
        journal=Journal(redactor),
        evidence=EvidenceMaker(redactor),
        interrupts=Interrupts(deadline),
    )
    return Recorder(context=context, redactor=redactor)


def test_the_start_of_every_check_that_waits_for_others_is_told() -> None:
    """Those that only read what is there, or what was found before, are over at once."""
    quiet = {each.name for each in (*order.PIPELINE, order.CLEANUP) if not each.announced}
    asking = {each.name for each in order.PIPELINE if each.phase in (Phase.CHECKOUT, Phase.NETWORK)}
    assert not quiet & asking
    assert order.CLEANUP.announced
    assert {each.name for each in order.PIPELINE if each.phase in (Phase.BUILD, Phase.TEST)} & quiet == {
        CheckName.BUILD_TIME,
        CheckName.LOG_SCAN,
    }


def test_a_start_is_told_before_the_end_and_a_check_that_is_not_run_has_none(run: Recorder) -> None:
    said: list[str] = []
    run.say = said.append
    run.first(order.CLEANUP, lambda _context: passed())
    run(Step(CheckName.BUILD, Phase.BUILD, announced=True), never, Unmet("no"))
    assert [line.partition(" (")[0].removesuffix(", not required") for line in said] == [
        "check cleanup started [test]",
        "check cleanup … pass [test]",
        "check build … skip [build]",
    ]


FIRST, SECOND, THIRD = (
    Step(name, Phase.STATIC) for name in (CheckName.LAYOUT, CheckName.DOCKERFILE_PARSE, CheckName.BUILD)
)


def never(_context: CheckContext, _facts: int) -> Finding:
    raise AssertionError("a check was run whose need is not met")


def test_a_check_that_is_kept_from_running_names_the_first_cause(run: Recorder) -> None:
    first = run.first(FIRST, lambda _context: failed(ReasonCode.SYMLINK_ESCAPE, "it is"))
    second = run(SECOND, never, first.passed)
    third = run(THIRD, never, gather(lambda one, _two: one, second.passed, first.yielded))
    assert first.passed == second.passed == third.passed == Unmet("layout did not pass (symlink_escape)")
    told = [(check.name, check.status, check.reason_code, check.reason, check.required) for check in run.checks[1:]]
    why = (CheckStatus.SKIP, "prerequisite_failed", "layout did not pass (symlink_escape)", True)
    assert told == [("dockerfile_parse", *why), ("build", *why)]


def test_a_failed_check_hands_on_what_it_has_found_to_who_does_not_need_its_pass(run: Recorder) -> None:
    first = run.first(FIRST, lambda _context: Produced(failed(ReasonCode.SYMLINK_ESCAPE, "it is"), 3))
    assert first.passed == Unmet("layout did not pass (symlink_escape)")
    assert first.yielded == Met(3)
    assert first.if_any == Met(3)
    assert first.unless_failed == Unmet("layout did not pass (symlink_escape)")
    assert run(SECOND, lambda _context, facts: Produced(passed(), facts + 1), first.yielded).passed == Met(4)


def test_a_mistake_of_ours_in_a_check_costs_no_other_check(run: Recorder) -> None:
    def broken(_context: CheckContext) -> Produced[int]:
        raise ValueError("a mistake")

    first = run.first(FIRST, broken)
    assert (first.status, first.reason_code, first.if_any) == (CheckStatus.ERROR, "validator_bug", Met(None))
    assert "a mistake" in run.checks[0].evidence[0].tail
    assert run(SECOND, lambda _context, _facts: passed(), first.if_any).status is CheckStatus.PASS
