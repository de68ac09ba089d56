"""What is done about a pull request, by those that there are."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from janitor.domain.repair.offering.pulls import Pull, PullStep, next_step

RED_AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
BRANCH = "janitor/repair-0123abcd"


def pull(number: int, *, branch: str = BRANCH, is_open: bool = False, merged: int | None = None) -> Pull:
    at = RED_AT + timedelta(hours=merged) if merged is not None else None
    return Pull(number=number, url=f"https://x/{number}", branch=branch, is_open=is_open, merged_at=at)


@pytest.mark.parametrize(
    ("pulls", "step", "number"),
    [
        ([], PullStep.OPEN, None),
        ([pull(1, is_open=True)], PullStep.UPDATE, 1),
        ([pull(1)], PullStep.REJECTED, 1),
        ([pull(1), pull(2, is_open=True)], PullStep.REJECTED, 1),
        ([pull(1, merged=1)], PullStep.MERGED, 1),
        ([pull(1, merged=-1)], PullStep.OPEN, None),
        ([pull(1, merged=-1), pull(2, is_open=True)], PullStep.UPDATE, 2),
        ([pull(1, branch="janitor/repair-ffffffff", is_open=True)], PullStep.WAIT, 1),
        ([pull(1, branch="janitor/repair-ffffffff")], PullStep.OPEN, None),
        ([pull(1, branch="somebody/else", is_open=True)], PullStep.OPEN, None),
    ],
)
def test_the_next_step(pulls: list[Pull], step: PullStep, number: int | None) -> None:
    done, about = next_step(pulls, branch=BRANCH, red_at=RED_AT, rejected_before=False)
    assert (done, about.number if about else None) == (step, number)


def test_what_was_rejected_once_stays_so_though_github_shows_nothing() -> None:
    assert next_step([], branch=BRANCH, red_at=RED_AT, rejected_before=True) == (PullStep.REJECTED, None)


def test_who_opens_it_again_takes_the_no_back() -> None:
    step, about = next_step([pull(1, is_open=True)], branch=BRANCH, red_at=RED_AT, rejected_before=True)
    assert (step, about.number if about else None) == (PullStep.UPDATE, 1)
