"""What is worked on, what is left alone, and the reason that is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from janitor.domain.evidence.acknowledgement import AcknowledgedUntil, Acknowledgement
from janitor.domain.evidence.cause import Causes
from janitor.domain.repair.discovery import OFF, Discovered, KnownRepair, discover, unknown_names
from janitor.domain.repair.patch_size import patch_size
from janitor.domain.repair.states import RepairState
from janitor.domain.states import ValidationStatus
from tests.unit.evidence.broken import AT, broken, cause, onset

SIGNATURE = "aaaaaaaaaaaaaaaa"
KEY = ("acme/worker-a", SIGNATURE)
KNOWN_OF = Acknowledgement(
    acknowledgement_id=1,
    cause_key=SIGNATURE,
    repository=None,
    reason="the index is down",
    made_by="kim",
    made_at=AT,
    until=AcknowledgedUntil.CAUSE_CHANGES,
    until_at=None,
    commit_sha=None,
)


def found(*causes: Any, repairs: Any = None, **others: Any) -> Discovered:
    return discover(Causes(causes=causes or (cause(),)), run_id="night", at=AT, repairs=repairs or {}, **others)


def known(state: RepairState, *, of: int = 10, minutes: int = 5) -> dict[tuple[str, str], KnownRepair]:
    """A repair that was written so long after the repository broke."""
    at = AT + timedelta(minutes=minutes)
    return {KEY: KnownRepair(state=state, base_validation_id=UUID(int=of), updated_at=at)}


def test_a_red_repository_that_is_to_blame_is_a_shard() -> None:
    [shard] = found().shards
    assert shard.shard_id == "night/acme/worker-a/aaaaaaaa"
    assert (shard.run_id, shard.repository, shard.signature, shard.canary_of) == (
        "night",
        "acme/worker-a",
        SIGNATURE,
        None,
    )
    assert found().left_alone == ()


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (broken(status=ValidationStatus.ERROR), "isn't the repository's"),
        (broken(status=ValidationStatus.TIMED_OUT), "hard limit"),
        (broken(status=ValidationStatus.INCOMPLETE), "didn't do every check"),
        (broken(commit_sha=None), "no commit"),
        (broken(onset=onset(flaky=True)), "flaky"),
        (broken(acknowledged=KNOWN_OF), "acknowledged by kim: the index is down"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_left_alone_is_said(one: Any, reason: str) -> None:
    answer = found(cause(one))
    assert answer.shards == ()
    [left] = answer.left_alone
    assert (left.repository, left.signature) == KEY
    assert reason in left.reason


def test_where_repairs_are_off_none_is_tried() -> None:
    answer = found(cause(broken(), broken("b")), off={"acme/worker-a"})
    assert [each.repository for each in answer.shards] == ["acme/b"]
    assert answer.left_alone[0].reason == OFF


def test_without_a_signature_nothing_is_known_by_it() -> None:
    answer = found(cause(signature=None))
    assert answer.shards == ()
    assert "no signature" in answer.left_alone[0].reason


@pytest.mark.parametrize(
    ("repairs", "reason"),
    [
        (known(RepairState.PROPOSED), "being proved"),
        (known(RepairState.PROVING, of=3), "being proved"),
        (known(RepairState.REJECTED, of=3), "a person said no"),
        (known(RepairState.PUBLISHED), "already repaired"),
        (known(RepairState.PUBLISHED, of=3), "already repaired"),
        (known(RepairState.DISPROVEN), "disproven already"),
        (known(RepairState.ABSTAINED), "abstained already"),
        (known(RepairState.BLOCKED), "blocked already"),
        (known(RepairState.INCONCLUSIVE), "inconclusive already"),
        # It broke after people had the repair; another validation has come since; it is proven and nobody's yet.
        (known(RepairState.PUBLISHED, minutes=-5), None),
        (known(RepairState.DISPROVEN, of=3), None),
        (known(RepairState.ABSTAINED, of=3), None),
        (known(RepairState.PROVEN), None),
        (known(RepairState.SUPERSEDED), None),
    ],
    ids=lambda each: next(iter(each.values())).state.value if isinstance(each, dict) else "",
)
def test_what_went_before_counts(repairs: Any, reason: str | None) -> None:
    answer = found(repairs=repairs)
    assert len(answer.shards) == (reason is None)
    assert [reason in left.reason for left in answer.left_alone if reason] == ([True] if reason else [])
    # Another cause of the same repository is another matter.
    assert len(found(cause(signature="b" * 16), repairs=repairs).shards) == 1


def test_one_that_another_run_works_on_is_left_to_it() -> None:
    answer = found(cause(broken(), broken("b")), at_work={KEY: "other/acme/worker-a/aaaaaaaa"})
    assert [(each.repository, each.canary_of) for each in answer.shards] == [("acme/b", "other/acme/worker-a/aaaaaaaa")]
    assert "another maintenance run" in answer.left_alone[0].reason


def test_of_a_shared_cause_one_goes_first() -> None:
    many = cause(broken("flaky-one", onset=onset(flaky=True)), broken("a"), broken("b"), broken("c"))
    other = cause(broken("d"), signature="b" * 16, key="b" * 16)
    answer = found(many, other)
    assert [(each.repository, each.canary_of) for each in answer.shards] == [
        ("acme/a", None),
        ("acme/d", None),
        ("acme/b", "night/acme/a/aaaaaaaa"),
        ("acme/c", "night/acme/a/aaaaaaaa"),
    ]


def test_causes_that_are_not_looked_at_are_counted() -> None:
    answer = discover(Causes(causes=(cause(),), left_out=3), run_id="night", at=AT, repairs={})
    assert (len(answer.shards), answer.causes_left_out) == (1, 3)


def test_names_limit_what_is_looked_at_and_a_wrong_one_is_told() -> None:
    many = cause(broken("a"), broken("b"))
    assert [each.repository for each in found(many, only={"b"}).shards] == ["acme/b"]
    assert [each.repository for each in found(many, only={"acme/a"}).shards] == ["acme/a"]
    assert unknown_names(Causes(causes=(many,)), {"a", "acme/b", "typo"}) == ("typo",)


def test_a_patch_is_as_large_as_its_changed_lines() -> None:
    text = (
        "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n x\n-y\n+z\n"
        "diff --git a/b b/b\nnew file mode 100644\n--- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n+++ b/b\n"
    )
    size = patch_size(text)
    assert (size.files, size.lines) == (2, 3)
