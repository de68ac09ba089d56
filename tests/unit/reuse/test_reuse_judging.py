"""What a look at a worker's machine has shown: kept only where nothing speaks against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from janitor.domain.pool.reuse import Fitness, judge_after_task, judge_ready, wants_confirmation
from janitor.domain.states import ValidationStatus
from janitor.protocol.reuse.manifest import Area, Manifest
from janitor.protocol.reuse.result import Scrub
from janitor.protocol.terms.provenance import Warm
from tests.unit.reuse.conftest import FILES, ORDER, answer, manifest, process, ready

BASH = "/usr/bin/bash"
DAEMON = process(40, program="/usr/sbin/sshd")
OF_A_SERVICE = process(77, program="/usr/bin/logrotate", is_service=True)


def judged(before: Manifest, after: Manifest, scrub: Scrub | None = None) -> tuple[Fitness, str]:
    judgement = judge_after_task(before, ORDER, answer(after, scrub))
    return judgement.fitness, judgement.reason


def test_a_machine_that_is_as_it_was_is_kept_and_says_what_is_warm() -> None:
    judgement = judge_after_task(manifest(DAEMON), ORDER, answer(manifest(DAEMON)))
    assert (judgement.fitness, judgement.differences) == (Fitness.KEEP, ())
    assert judgement.warm == Warm(base_images=2, build_cache=True)


@pytest.mark.parametrize(
    ("after", "named"),
    [
        ({**FILES, "/etc/cron.d/evil": "file 644 0:0 4444"}, "files: /etc/cron.d/evil is new"),
        ({**FILES, "/etc/passwd": "file 644 0:0 5555"}, "files: /etc/passwd changed"),
        ({name: FILES[name] for name in FILES if "ssh" not in name}, "files: /root/.ssh/authorized_keys is gone"),
    ],
)
def test_a_file_that_differs_is_named(after: dict[str, str], named: str) -> None:
    fitness, reason = judged(manifest(), manifest(files=after))
    assert fitness is Fitness.QUARANTINE
    assert reason == f"it isn't as it was before its first task: {named}"


@pytest.mark.parametrize(
    ("area", "before", "after", "named"),
    [
        (Area.SET_UID, {}, {"/tmp/sh": "4755 0:0 1 2"}, "set-uid: /tmp/sh is new"),
        (
            Area.LISTENERS,
            {},
            {"tcp 0.0.0.0:4444 of /usr/bin/nc": ""},
            "listeners: tcp 0.0.0.0:4444 of /usr/bin/nc is new",
        ),
        (Area.MODULES, {}, {"diamorphine": "from elsewhere"}, "modules: diamorphine is new"),
        (
            Area.PROGRAMS,
            {"/usr/local/bin": "2 entries, aa, last changed uv"},
            {"/usr/local/bin": "3 entries, bb, last changed git"},
            "programs: /usr/local/bin changed (git)",
        ),
    ],
)
def test_what_else_differs_is_named(area: Area, before: dict[str, str], after: dict[str, str], named: str) -> None:
    fitness, reason = judged(manifest(others={area: before}), manifest(others={area: after}))
    assert (fitness, reason.endswith(named)) == (Fitness.QUARANTINE, True), reason


def test_modules_that_the_kernel_has_itself_come_and_go() -> None:
    before = manifest(others={Area.MODULES: {"veth": "of the system"}})
    after = manifest(others={Area.MODULES: {"nvidia_uvm": "of the system"}})
    assert judged(before, after)[0] is Fitness.KEEP


def test_a_process_counts_unless_it_or_what_it_comes_from_was_there() -> None:
    child = process(50, parent=40, program=BASH)
    grandchild = process(51, parent=50, program="/usr/bin/sleep")
    assert judged(manifest(DAEMON), manifest(DAEMON, child, grandchild, OF_A_SERVICE))[0] is Fitness.KEEP
    orphan = process(60, program=BASH)
    fitness, reason = judged(manifest(DAEMON), manifest(DAEMON, orphan))
    assert fitness is Fitness.QUARANTINE
    assert "process /usr/bin/bash of user 0" in reason


def test_a_number_that_was_given_anew_is_another_process() -> None:
    again = replace(DAEMON, started=999)
    assert judged(manifest(DAEMON), manifest(again))[0] is Fitness.QUARANTINE


def test_processes_that_are_each_others_parents_end_the_search() -> None:
    ring = (process(60, parent=61), process(61, parent=60))
    assert judged(manifest(), manifest(*ring))[0] is Fitness.QUARANTINE


def test_what_could_not_be_cleared_or_was_still_alive_recycles() -> None:
    warm = Warm()
    for scrub, said in (
        (
            Scrub(warm=warm, left=("the GPU: 300 MiB are in use",)),
            "it could not be cleared: the GPU: 300 MiB are in use",
        ),
        (Scrub(warm=warm, survivors=("containers 1a2b",)), "its task was not over: containers 1a2b"),
    ):
        assert judged(manifest(), manifest(), scrub) == (Fitness.RECYCLE, said)


def test_a_look_that_was_cut_short_keeps_nothing() -> None:
    assert judged(manifest(left_out=3), manifest())[0] is Fitness.RECYCLE
    assert judged(manifest(), manifest(left_out=3))[0] is Fitness.RECYCLE
    assert judged(manifest(), replace(manifest(), is_out_of_time=True))[0] is Fitness.RECYCLE
    many = {**FILES, "/etc/cron.d/evil": "file"}
    assert judged(manifest(), manifest(files=many, left_out=3))[0] is Fitness.QUARANTINE


def test_an_answer_to_something_else_is_held_against_it() -> None:
    good = answer(manifest())
    for wrong in (
        replace(good, nonce="f" * 32),
        replace(good, ordinal=7),
        replace(good, worker_id=good.worker_id.replace("3", "4")),
        replace(good, scrub=None),
    ):
        assert judge_after_task(manifest(), ORDER, wrong).fitness is Fitness.QUARANTINE
    order, result = ready(manifest())
    assert judge_ready(order, result).fitness is Fitness.KEEP
    assert judge_ready(order, replace(result, nonce="f" * 32)).fitness is Fitness.QUARANTINE


def test_a_machine_that_is_seen_from_elsewhere_is_another() -> None:
    part = replace(manifest(), is_whole=False, reaper=7)
    assert judged(manifest(), part)[0] is Fitness.QUARANTINE


def test_names_are_bounded_and_masked_and_stay_on_one_line() -> None:
    token = "ghp_" + "a1B2" * 9
    files = {**FILES, f"/etc/{token}": "x", "/etc/a\nb\x1b[31m": "x"}
    files |= {f"/etc/cron.d/{number:04}-{'n' * 400}": "x" for number in range(100)}
    judgement = judge_after_task(manifest(), ORDER, answer(manifest(files=files)))
    assert len(judgement.differences) == 20
    assert max(len(each) for each in judgement.differences) <= 300
    named = judge_after_task(manifest(), ORDER, answer(manifest(files={**FILES, f"/etc/{token}": "x"})))
    assert token not in named.reason + " ".join(named.differences)
    broken = judge_after_task(manifest(), ORDER, answer(manifest(files={**FILES, "/etc/a\nb\x1b[31m": "x"})))
    assert broken.differences == ("files: /etc/a b is new",)


def test_only_a_red_verdict_of_a_used_worker_is_confirmed_and_once() -> None:
    def wanted(
        status: ValidationStatus = ValidationStatus.FAILED,
        ordinal: int = 2,
        check: str | None = "handler_local",
        *,
        is_confirmed: bool = False,
    ) -> bool:
        return wants_confirmation(status, ordinal=ordinal, failing_check=check, is_confirmed=is_confirmed)

    assert wanted()
    assert wanted(check="build")
    assert wanted(check="a_check_of_a_newer_validator")
    assert not wanted(is_confirmed=True)
    assert not wanted(ordinal=1)
    assert not wanted(check="pins")
    assert [each for each in ValidationStatus if wanted(each)] == [ValidationStatus.FAILED]
