"""Each cause by its example, which no cause before it tells of."""

from __future__ import annotations

import re

import pytest

from janitor.protocol.text.causes import CAUSES, Cause, known_cause


@pytest.mark.parametrize("cause", CAUSES, ids=[f"{number} {cause.wording}" for number, cause in enumerate(CAUSES)])
def test_the_example_of_a_cause_is_brought_to_its_wording(cause: Cause) -> None:
    first = next(each for each in CAUSES if re.search(each.pattern, cause.example, re.IGNORECASE | re.MULTILINE))
    assert first is cause, first.pattern
    told = known_cause(f"before it\n{cause.example}\nafter it") or ""
    said, has_subject, _ = cause.wording.partition("{}")
    assert told.startswith(said)
    assert (told != said) is bool(has_subject), "what it is about is told too"
