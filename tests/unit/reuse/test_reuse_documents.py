"""The order and the answer travel: what is written is read, and what no program of ours writes is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from janitor.protocol.reuse.manifest import Area
from janitor.protocol.reuse.order import ReuseOrder, ReuseOrderError
from janitor.protocol.reuse.result import RESULT_MAX_BYTES, ReuseResult, ReuseResultError
from tests.unit.reuse.conftest import ORDER, answer, manifest, process

RESULT = answer(manifest(process(40), others={Area.MODULES: {"veth": "of the system"}}))


def test_what_is_written_is_read() -> None:
    assert ReuseOrder.from_json(ORDER.to_json()) == ORDER
    assert ReuseResult.from_json(RESULT.to_json()) == RESULT


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (_set("format", to="janitor-reuse/2"), "format"),
        (_set("format", to=7), "format"),
        (_set("nonce", to="0" * 33), "nonce"),
        (_set("seconds", to="1"), "seconds"),
        (_set("seconds", to=float("nan")), "seconds"),
        (_set("ordinal", to=True), "ordinal"),
        (_set("surplus", to=1), "unknown field"),
        (_set("scrub", "left", to=["x"] * 51), "scrub.left"),
        (_set("scrub", "left", to=["x" * 301]), "scrub.left[0]"),
        (_set("scrub", "left", to="nothing"), "scrub.left"),
        (_set("manifest", "areas", to=[]), "manifest.areas"),
        (_set("manifest", "areas", 1, "area", to="files"), "manifest.areas"),
        (_set("manifest", "areas", 0, "entries", to=[["/etc/passwd", "x"]]), "entries"),
        (_set("manifest", "areas", 0, "entries", "n" * 501, to="x"), "entries"),
        (_set("manifest", "areas", 0, "entries", to={f"/{n}": "" for n in range(20_001)}), "entries"),
        (_set("manifest", "processes", 0, "pid", to=-1), "processes[0].pid"),
        (_set("manifest", "processes", 0, "program", to="a\x00b"), "processes[0].program"),
        (_set("manifest", "is_whole", to="true"), "manifest.is_whole"),
    ],
)
def test_an_answer_that_is_none_is_refused_and_its_place_named(
    change: Callable[[dict[str, Any]], None], where: str
) -> None:
    document = json.loads(RESULT.to_json())
    change(document)
    with pytest.raises(ReuseResultError) as refused:
        ReuseResult.from_json(json.dumps(document))
    assert where in str(refused.value)


def test_an_answer_that_is_too_large_or_no_json_is_refused() -> None:
    with pytest.raises(ReuseResultError, match="at most"):
        ReuseResult.from_json(b" " * (RESULT_MAX_BYTES + 1))
    for text in (b"", b"{", b"[" * 100_000, b"null"):
        with pytest.raises(ReuseResultError):
            ReuseResult.from_json(text)


def test_an_order_that_is_none_is_refused() -> None:
    document = json.loads(ORDER.to_json())
    for change in (_set("limit_seconds", to=0), _set("result_url", to="file:///etc/passwd"), _set("before", to=[])):
        changed = json.loads(json.dumps(document))
        change(changed)
        with pytest.raises(ReuseOrderError):
            ReuseOrder.from_json(json.dumps(changed))
