"""What a change is judged against: no check may say less after it."""

from __future__ import annotations

import pytest

from janitor.domain.errors import WorkspaceError
from janitor.domain.workspace.baseline import Baseline
from janitor.protocol.terms.statuses import CheckStatus as Check

BEFORE = Baseline(commit="c", checks={"build": Check.PASS, "handler": Check.FAIL, "gpu": Check.SKIP})


def test_what_is_kept_is_read_again() -> None:
    assert Baseline.from_json(BEFORE.to_json()) == BEFORE


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"commit": "c", "checks": {"build": "fine"}}', b'{"checks": 1}']
)
def test_what_is_no_baseline_is_refused(content: bytes) -> None:
    with pytest.raises(WorkspaceError, match="can't be read"):
        Baseline.from_json(content)


@pytest.mark.parametrize(
    ("after", "worse"),
    [
        ({"build": Check.PASS, "handler": Check.PASS, "gpu": Check.SKIP}, ()),
        ({"build": Check.PASS, "handler": Check.FAIL, "gpu": Check.PASS, "new": Check.FAIL}, ()),
        ({"build": Check.FAIL, "handler": Check.SKIP, "gpu": Check.FAIL}, ("build", "handler")),
        ({"build": Check.PASS, "handler": Check.ERROR, "gpu": Check.SKIP}, ("handler",)),
        ({"build": Check.PASS}, ("gpu", "handler")),
    ],
)
def test_no_check_may_say_less(after: dict[str, Check], worse: tuple[str, ...]) -> None:
    assert BEFORE.worse(after) == worse
