"""What a validation is of and what changed in that, in words and for scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from janitor.cli.render.runs.history import validation_text
from janitor.cli.render.runs.runs import results_text, run_text
from janitor.domain.result.history_views import ChangeView
from janitor.domain.result.provenance_changes import Changed, CommitRange, PartChange, ProvenanceChanges
from janitor.domain.result.report_diff import Change, Outcome
from janitor.domain.views import ValidationView
from janitor.protocol.terms.provenance import Commit
from janitor.views.runs import run_dict
from tests.unit.cli.sample_views import START, after, ended, run_of

BEFORE, AFTER = "a" * 40, "b" * 40
EARLIER = UUID("11111111-1111-4111-8111-111111111111")
PASSED = "newly broken; it last passed 2024-01-15 13:30:00 UTC (run 11111111-1111-4111-8111-111111111111)"
COMMIT = Commit(author="Ada\nLovelace", subject='Use\x1b[31m torch "2.2"', committed_at=START)
SHOWN_COMMIT = 'bbbbbbb "Use torch "2.2"" by Ada Lovelace, 2024-01-15 14:30:00 UTC'
IMAGE = PartChange(
    part=Changed.BASE_IMAGE, name="python:3.11-slim", before="sha256:" + "1" * 64, after="sha256:" + "2" * 64
)
TORCH = PartChange(part=Changed.PACKAGE, name="torch", before="2.1.0", after="2.2.0")
SAME = CommitRange(before=AFTER, after=AFTER)


def view(
    changes: ProvenanceChanges | None = None, change: Change = Change.NEW, commit: Commit | None = COMMIT, **fields: Any
) -> ValidationView:
    difference = ChangeView(
        change=change,
        outcome=Outcome.FAILED,
        since_at=after(-60),
        since_run_id=EARLIER,
        previous_at=after(-60),
        previous_run_id=EARLIER,
        changes=changes,
    )
    known = {"commit_sha": AFTER, "commit": commit, "difference": difference, "summary": "boom"}
    return ended("worker-basic", "failed", 1, **(known | fields))


def lines_of(validation: ValidationView, *words: str) -> list[str]:
    return [line for line in validation_text(validation, after(60)).splitlines() if line.startswith(words)]


@pytest.mark.parametrize(
    ("commit_sha", "commit", "line"),
    [
        (AFTER, COMMIT, [f"Commit: {SHOWN_COMMIT}"]),
        (AFTER, Commit(author="", subject="", committed_at=START), ['Commit: bbbbbbb "", 2024-01-15 14:30:00 UTC']),
        (AFTER, None, ["Commit: bbbbbbb"]),
        (None, None, []),
    ],
)
def test_the_commit(commit_sha: str | None, commit: Commit | None, line: list[str]):
    assert lines_of(view(commit_sha=commit_sha, commit=commit), "Commit") == line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (None, []),
        (ProvenanceChanges(commits=SAME), []),
        (ProvenanceChanges(commits=CommitRange(before=BEFORE, after=AFTER)), ["Changed: commit aaaaaaa..bbbbbbb"]),
        (
            ProvenanceChanges(
                commits=SAME,
                parts=(
                    PartChange(part=Changed.ENGINE, before="venv", after="docker"),
                    IMAGE,
                    PartChange(part=Changed.BASE_IMAGE, name="stage build", before="a:1", after="a:2"),
                    TORCH,
                    PartChange(part=Changed.PACKAGE, name="numpy", before=None, after="2.0"),
                    PartChange(part=Changed.PACKAGE, name="scipy", before="1.0", after=None),
                    PartChange(part=Changed.GPU, before="NVIDIA A10G", after="NVIDIA L4"),
                    PartChange(part=Changed.MACHINE_IMAGE, before="ami-1", after="ami-2"),
                    PartChange(part=Changed.INSTANCE_TYPE, before="g5.xlarge", after="g6.xlarge"),
                    PartChange(part=Changed.ARTEFACT, before="c" * 64, after="d" * 64),
                ),
            ),
            [
                "Changed: engine venv → docker; base image python:3.11-slim 111111111111 → 222222222222;"
                " base image stage build a:1 → a:2; package torch 2.1.0 → 2.2.0; package numpy 2.0 is new;"
                " package scipy 1.0 is gone; GPU NVIDIA A10G → NVIDIA L4; AMI ami-1 → ami-2;"
                " instance type g5.xlarge → g6.xlarge; validator artefact cccccccccccc → dddddddddddd"
            ],
        ),
        (
            ProvenanceChanges(commits=SAME, parts=(TORCH,) * 12, left_out=30),
            ["Changed: " + "package torch 2.1.0 → 2.2.0; " * 10 + "32 more"],
        ),
    ],
)
def test_what_changed(changes: ProvenanceChanges | None, said: list[str]):
    assert lines_of(view(changes, Change.STILL_FAILING), "Changed") == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (None, PASSED),
        (ProvenanceChanges(commits=None, parts=(IMAGE,)), PASSED),
        (
            ProvenanceChanges(commits=CommitRange(before=BEFORE, after=AFTER), parts=(IMAGE,)),
            f"{PASSED}; commits aaaaaaa..bbbbbbb",
        ),
        (
            ProvenanceChanges(
                commits=SAME, parts=(PartChange(part=Changed.DRIVER, before="1", after="2"), IMAGE, TORCH)
            ),
            f"{PASSED}; at the same commit bbbbbbb, with base image python:3.11-slim 111111111111 → 222222222222,"
            " package torch 2.1.0 → 2.2.0",
        ),
        (
            ProvenanceChanges(commits=SAME),
            f"{PASSED}; at the same commit bbbbbbb; no image or package is known to differ",
        ),
    ],
)
def test_newly_broken_names_the_commits_or_what_came_into_the_same_one(changes: ProvenanceChanges | None, said: str):
    assert lines_of(view(changes), "Change:") == [f"Change: {said}"]


def test_a_failure_that_goes_on_names_the_commits_with_which_it_began():
    difference = ChangeView(
        change=Change.STILL_FAILING,
        outcome=Outcome.FAILED,
        since_at=after(-60),
        since_run_id=EARLIER,
        changes=ProvenanceChanges(commits=SAME),
        broken_with=ProvenanceChanges(commits=CommitRange(before=BEFORE, after=AFTER)),
    )
    assert lines_of(view(difference=difference), "Began") == ["Began with: commits aaaaaaa..bbbbbbb"]
    assert lines_of(view(difference=replace(difference, broken_with=None)), "Began") == []


def test_a_run_names_the_commits_of_its_results():
    changes = ProvenanceChanges(commits=CommitRange(before=BEFORE, after=AFTER), parts=(TORCH,))
    run = run_of(view(changes), ended("other", "success", 1), ended("plain", "success", 1, commit_sha=BEFORE))
    text = run_text(run, after(60))
    assert text.endswith(
        "Results:\n"
        "✗ worker-basic: failed (1m0s) [new]\n"
        "✓ other: success (1m0s)\n"
        "✓ plain: success (1m0s)\n"
        "\n"
        "Why:\n"
        "✗ boom (make logs REPO=worker-basic)\n"
        "\n"
        "Commits:\n"
        f"worker-basic: {SHOWN_COMMIT}; changed: commit aaaaaaa..bbbbbbb; package torch 2.1.0 → 2.2.0\n"
        "plain: aaaaaaa\n"
        "\n"
        "Changes: 1 new\n"
        "Overall Status: 2/3 repositories successful (running)"
    )
    assert "Commits:" not in results_text(run, after(60))
    assert "Commits:" not in run_text(run_of(ended("other", "success", 1)), after(60))


def test_the_same_for_scripts():
    changes = ProvenanceChanges(commits=CommitRange(before=BEFORE, after=AFTER), parts=(TORCH,), left_out=3)
    first, other = run_dict(run_of(view(changes), ended("other", "success", 1)), after(60))["validations"]
    assert first["commit"] == {
        "author": "Ada\nLovelace",
        "subject": 'Use\x1b[31m torch "2.2"',
        "committed_at": "2024-01-15T14:30:00+00:00",
    }
    assert first["difference"]["changes"] == {
        "commits": {"before": BEFORE, "after": AFTER},
        "parts": [{"part": "package", "name": "torch", "before": "2.1.0", "after": "2.2.0"}],
        "left_out": 3,
    }
    assert (other["commit"], other["commit_sha"]) == (None, None)
