"""Steps at the same time: whichever ends first, the cause is raised, and never what it brought down."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from janitor.domain.errors import DatabaseError, SettingsError, StackError
from janitor.stack.state.start_log import keep_failure, with_log
from janitor.stack.together import GaveUpError, Together, primary_of

WAIT_SECONDS = 60


def test_a_cause_deep_inside_wins_over_those_that_gave_up_before_it_arrived():
    """The nested group's slow step holds the cause back, and the outer steps have given up long before."""
    together, outer_gave_up = Together(), threading.Event()

    def fails() -> None:
        raise DatabaseError("the migration was edited")

    def slow() -> None:
        assert outer_gave_up.wait(WAIT_SECONDS)

    def waits() -> None:
        assert together.abandoned.wait(WAIT_SECONDS)
        outer_gave_up.set()
        raise GaveUpError("gave up waiting for local cloud")

    with pytest.raises(DatabaseError, match="was edited"):
        together.run((lambda: together.run((slow, fails)), waits))
    assert [str(cause) for cause in together.causes] == ["the migration was edited"]


def test_a_nested_group_that_only_gave_up_doesnt_hide_the_cause_outside():
    together = Together()

    def gives_up() -> None:
        assert together.abandoned.wait(WAIT_SECONDS)
        raise GaveUpError("gave up")

    def fails() -> None:
        raise StackError("the port is taken")

    with pytest.raises(StackError, match="the port is taken"):
        together.run((lambda: together.run((gives_up, gives_up)), fails))


def test_every_cause_is_kept_in_its_order():
    first, second = StackError("first"), StackError("second")
    assert primary_of([GaveUpError("x"), first, second]) is first
    only = GaveUpError("x")
    assert primary_of([only]) is only

    together, failed = Together(), threading.Event()

    def fails() -> None:
        failed.set()
        raise first

    def fails_too() -> None:
        assert failed.wait(WAIT_SECONDS)
        assert together.abandoned.wait(WAIT_SECONDS)
        raise second

    with pytest.raises(StackError, match="first"):
        together.run((fails_too, fails))
    assert together.causes == [first, second]


def test_all_well():
    done: list[int] = []
    Together().run((lambda: done.append(1), lambda: done.append(2)))
    assert sorted(done) == [1, 2]


def test_failures_are_kept_whole_and_named(tmp_path: Path):
    log = tmp_path / "start.log"
    try:
        raise DatabaseError("the migration was edited")
    except DatabaseError as exc:
        cause = exc
    assert keep_failure(log, [cause, StackError("and this")])
    text = log.read_text()
    assert "the start failed: the migration was edited\nTraceback" in text
    assert "after that, this failed as well: and this" in text
    shown = with_log(cause, log)
    assert str(shown).startswith("the migration was edited\n")
    assert str(log) in str(shown)
    assert shown.__cause__ is cause
    assert "unexpected KeyError" in str(with_log(KeyError("x"), log))
    usage = SettingsError("JANITOR_BUCKET: not set")
    assert with_log(usage, log) is usage


def test_a_log_that_cant_be_written_hides_nothing(tmp_path: Path):
    assert not keep_failure(tmp_path, [StackError("x")])  # a folder
