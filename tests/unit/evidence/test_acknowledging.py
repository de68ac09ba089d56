"""Until when an acknowledged failure stays silent: each end, and everything else that makes it heard again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from janitor.domain.evidence.acknowledgement import AcknowledgedUntil, Acknowledgement
from janitor.domain.evidence.cause import Sight
from janitor.views.text.evidence import acknowledged_text, cause_lines
from tests.unit.evidence.broken import AT, NEW, OLD, RUN, broken, cause

KEY = cause().key
NOW = AT + timedelta(days=3)
DATE, COMMIT, CAUSE = AcknowledgedUntil.DATE, AcknowledgedUntil.NEW_COMMIT, AcknowledgedUntil.CAUSE_CHANGES


def known(**others: Any) -> Acknowledgement:
    """Said an hour after it broke, until its cause changes."""
    one = Acknowledgement(
        acknowledgement_id=1,
        cause_key=KEY,
        repository=None,
        reason="the new driver comes on Monday",
        made_by="ada",
        made_at=AT + timedelta(hours=1),
        until=CAUSE,
        until_at=None,
        commit_sha=None,
    )
    return replace(one, **others)


AGAIN = Sight(at=AT + timedelta(days=2), run_id=RUN, validation_id=RUN, commit_sha=NEW)


@pytest.mark.parametrize(
    ("said", "one", "key", "holds"),
    [
        (known(), broken(), KEY, True),
        (known(), broken(), "another cause", False),
        (known(repository="acme/worker-a"), broken(), KEY, True),
        (known(repository="acme/worker-b"), broken(), KEY, False),
        # It was mended in between, or another repository came to it.
        (known(), broken(first_bad=AGAIN), KEY, False),
        (known(until=COMMIT, commit_sha=NEW), broken(), KEY, True),
        (known(until=COMMIT, commit_sha=OLD), broken(), KEY, False),
        (known(until=COMMIT, commit_sha=NEW), broken(commit_sha=None), KEY, True),
        (known(until=COMMIT, commit_sha=NEW), broken(first_bad=AGAIN), KEY, False),
        (known(until=DATE, until_at=NOW + timedelta(seconds=1)), broken(), KEY, True),
        (known(until=DATE, until_at=NOW), broken(), KEY, False),
        # Until a date it is known, however often it comes and goes.
        (known(until=DATE, until_at=NOW + timedelta(days=1)), broken(first_bad=AGAIN), KEY, True),
        (known(until=DATE, until_at=NOW + timedelta(days=1)), broken(), "another cause", False),
        # What has no verdict has no beginning either.
        (known(), broken(first_bad=None), KEY, True),
    ],
)
def test_how_long_it_holds(said: Acknowledgement, one: Any, key: str, holds: bool) -> None:
    broke_at = one.first_bad.at if one.first_bad else None
    assert said.holds(key, one.repository, broke_at=broke_at, commit_sha=one.commit_sha, now=NOW) is holds


def test_a_cause_is_silent_once_all_of_it_is_known() -> None:
    quiet, loud = broken(acknowledged=known()), broken("worker-b")
    assert cause(quiet).is_silent
    assert not cause(quiet, loud).is_silent
    assert not cause(loud).is_silent
    assert acknowledged_text(known()) in "\n".join(cause_lines(cause(quiet), "local"))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (known(), "known to ada until its cause changes: the new driver comes on Monday"),
        (known(until=COMMIT, commit_sha=NEW), "known to ada until a new commit: the new driver comes on Monday"),
        (known(until=DATE, until_at=AT), "known to ada until 2026-05-04 03:12:00 UTC: the new driver comes on Monday"),
        (known(reason="a\n\x1b[31mb", made_by="x\ny"), "known to x y until its cause changes: a b"),
    ],
)
def test_words(said: Acknowledgement, text: str) -> None:
    assert acknowledged_text(said) == text
