"""The gate stops each hostile patch by the right rule, and lets the good ones through."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from janitor.domain.repair.diff import read_diff
from janitor.domain.repair.gate import RULES, UNREADABLE, Refusal, refusal_of, table
from janitor.domain.repair.hunks import DiffError, patched
from janitor.domain.repair.proposal import ProposedBy
from janitor.domain.repair.writing import Edit, diff_of
from janitor.protocol.order.patch import Patch
from tests.unit.repair.patches import GOOD, HOSTILE, TREE, Case

NOTES = Path(__file__).parents[3] / "docs" / "notes" / "repairs.md"


def read(path: str) -> bytes | None:
    content = TREE.get(path)
    return None if content is None else content.encode()


def judged(case: Case) -> Refusal | None:
    return refusal_of(Patch.of(case.diff), by=case.by, name=case.recipe, read=read)


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case.name)
def test_a_hostile_patch_is_stopped_by_the_right_rule(case: Case) -> None:
    refusal = judged(case)
    assert refusal is not None
    assert refusal.rule == case.rule, refusal


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_good_patch_passes(case: Case) -> None:
    assert judged(case) is None


def test_the_corpus_is_large_enough_and_each_rule_has_a_patch() -> None:
    assert len(HOSTILE) >= 20
    assert len(GOOD) >= 20
    names = [case.name for case in (*HOSTILE, *GOOD)]
    assert len(set(names)) == len(names)
    assert {case.rule for case in HOSTILE} == {UNREADABLE, *(rule.name for rule in RULES)}


def test_what_the_deployment_keeps_secret_is_in_no_patch() -> None:
    patch = Patch.of(diff_of({"x.py": Edit(before=None, after="x = 'correct horse'\n")}))
    refusal = refusal_of(patch, by=ProposedBy.AGENT, name="m", read=read, secrets=["correct horse", ""])
    assert refusal == Refusal(rule="secret", why="it holds a secret of this deployment")


@pytest.mark.parametrize("case", [case for case in GOOD if case.text is None], ids=lambda case: case.name)
def test_git_makes_the_same_of_a_patch(case: Case, tmp_path: Path) -> None:
    """What the gate looked at is what git would apply."""
    for path, content in TREE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    applied = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=tmp_path,
        input=case.diff,
        text=True,
        capture_output=True,
        check=False,
    )
    assert applied.returncode == 0, applied.stderr
    for file in read_diff(case.diff):
        after = patched(TREE.get(file.old_path, ""), file.hunks)
        assert (tmp_path / file.path).read_text() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "a\n"),
        ("a", "a\n"),
        ("a\n", "a"),
        ("a\nb", "a\nc"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\n\n\nb\n", "a\n\nb\n"),
    ],
)
def test_a_written_diff_is_read_as_it_was_meant(before: str, after: str) -> None:
    text = diff_of({"a file.txt": Edit(before=before, after=after)})
    [file] = read_diff(text)
    assert file.path == "a file.txt"
    assert patched(before, file.hunks) == after


SEEDS = (
    "curl ",
    "a@b.c:",
    "https://",
    "FROM x\n",
    "torch",
    "conda -c ",
    "--index-url ",
    "x==1,",
    "((((((",
    "RUN \\\n",
    "base64 -d ",
    "''' ",
    "http://a/b ",
    "sh -c $(",
    "- ",
    "hf_",
    "eyJ.",
    ".whl",
    "git+",
    "# syntax=",
    "{",
    '"a":',
    "CUDA_VISIBLE_DEVICES",
    "gpg ",
    "\t",
)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_text_keeps_the_gate_busy(seed: str) -> None:
    """Its patterns take time that grows with the text, and no faster."""
    before = (seed * 40_000)[:40_000]
    diff = diff_of({"Dockerfile": Edit(before=f"{before}\n", after=f"{before}\n{before[:20_000]}\n")})
    started = time.process_time()
    refusal_of(Patch.of(diff), by=ProposedBy.AGENT, name="m", read=lambda path: f"{before}\n".encode())
    assert time.process_time() - started < 4


def test_a_file_that_nobody_reviews_is_not_read() -> None:
    diff = diff_of({"README.md": Edit(before="x\n", after="y\n")})
    refusal = refusal_of(Patch.of(diff), by=ProposedBy.AGENT, name="m", read=lambda path: b"x\n" * 300_000)
    assert refusal is not None
    assert refusal.rule == UNREADABLE
    assert "600000 bytes, of at most" in refusal.why


def test_nothing_changed_is_no_diff() -> None:
    assert diff_of({"a": Edit(before="x", after="x")}) == ""
    with pytest.raises(DiffError, match="it is empty"):
        read_diff("")


def test_the_table_of_rules_is_in_the_notes() -> None:
    text = NOTES.read_text(encoding="utf-8")
    assert "\n".join(table()) in text
