"""Rules for answers that hold nothing.

An empty list is an answer: a detector has looked and found nothing. Null and an empty text under the name of a product
are none, and an empty list of what was to be made isn't either; under another name null may say that nothing was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from janitor.diagnosis.handler.output_rules import names
from janitor.diagnosis.handler.output_rules.part import Part, is_empty, is_hollow
from janitor.diagnosis.handler.output_rules.rule import Certainty, Group, Rule, Seen, outputs
from janitor.diagnosis.handler.verdict import clipped
from janitor.protocol.terms.reason_codes import ReasonCode

_WORDS = frozenset({"none", "null", "undefined", "nan", "{}", "[]", "nil", "none.", "n/a"})
_BESIDE = names.FINISH_REASONS | frozenset({"index", "role", "logprobs", "id", "object", "model"})
_WANTED = names.PRODUCTS | names.MADE | names.OWN_HOLDERS | frozenset({"vector", "vectors", "content", "file", "files"})
_WANTED_ENDS = ("_url", "_urls", "_base64", "_b64", "_path", "_text", "_image", "_images", "_audio", "_video")
_REMARKS = names.ERROR_NAMES | frozenset({"warning", "warnings"})


class _Leaf(Enum):
    NULL = "null"
    BLANK = "blank"
    LIST = "list"  # or an object without members


def _leaves(value: Any) -> Iterator[tuple[str, _Leaf]]:
    """What is nothing within a value, with the name above it; what stands under an error's name is left out."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, part = waiting.pop()
        if name in _REMARKS or name.endswith("errors"):
            continue
        if isinstance(part, Mapping) and part:
            waiting += ((str(key).strip().lower(), item) for key, item in part.items())
        elif isinstance(part, (list, tuple)) and part:
            waiting += ((name, item) for item in part)
        elif part is None:
            yield name, _Leaf.NULL
        else:
            is_blank = isinstance(part, str) or (isinstance(part, Mapping) and name in names.ENVELOPES)
            yield name, _Leaf.BLANK if is_blank else _Leaf.LIST


def _nothing(part: Part) -> Seen | None:
    if part.is_root and not part.is_document and is_empty(part.value):
        return Seen(f"the handler returned nothing: {clipped(part.value)}")
    return None


def _hollow_surely(part: Part) -> bool | None:
    """Whether an answer that has names and holds nothing is surely none; None for any other."""
    if not part.is_root or not isinstance(part.value, (Mapping, list, tuple)) or not is_hollow(part.value):
        return None
    leaves = list(_leaves(part.value))
    kinds = {leaf for _, leaf in leaves}
    if kinds <= {_Leaf.LIST}:
        return False if any(name in names.MADE for name, _ in leaves) else None
    if _Leaf.LIST not in kinds:
        # Where none of the names is one of a product, nothing may have been found.
        return any(not name or name in _WANTED or name.endswith(_WANTED_ENDS) for name, _ in leaves)
    return _Leaf.NULL in kinds and any(name in names.PRODUCTS for name, _ in leaves)


def _hollow(part: Part) -> Seen | None:
    if _hollow_surely(part) is True:
        return Seen(f"{part.path} holds nothing but nulls and empties: {clipped(part.value)}")
    return None


def _hollow_perhaps(part: Part) -> Seen | None:
    if _hollow_surely(part) is False:
        return Seen(f"{part.path} holds nothing but nulls and empties: {clipped(part.value)}")
    return None


def _no_product(part: Part) -> Seen | None:
    if not part.is_root or is_hollow(part.value):
        return None
    if any(_tells(name, item) for name, _key, item in part.members):
        return None
    made = [(key, item) for _name, key, item in part.those(names.PRODUCTS | names.MADE)]
    if made and all(not isinstance(item, (bool, int, float)) and _holds_nothing(item) for _, item in made):
        return Seen(f"{part.told(made[0][0])} is empty, and nothing else was made: {clipped(part.value)}")
    return None


def _tells(name: str, item: Any) -> bool:
    if name in names.NOT_TOLD or name.endswith("errors") or isinstance(item, (bool, int, float)):
        return False
    return not _holds_nothing(item)


def _holds_nothing(value: Any) -> bool:
    """Whether a value has nothing but remarks on itself: a choice without text, its number and its finish reason."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, part = waiting.pop()
        if name in _BESIDE:
            continue
        if isinstance(part, Mapping):
            waiting += ((str(key).strip().lower(), item) for key, item in part.items())
        elif isinstance(part, (list, tuple)):
            waiting += ((name, item) for item in part)
        elif part is not None and not (isinstance(part, str) and not part.strip()):
            return False
    return True


def _word_for_nothing(part: Part) -> Seen | None:
    if part.is_root and len(part.members) == 1 and part.members[0][0] in (names.PRODUCTS | names.MADE) - {"text"}:
        _name, key, item = part.members[0]
        if isinstance(item, str) and item.strip().lower() in _WORDS:
            return Seen(f"{part.told(key)} is the word {clipped(item)}", on=(item,))
    if part.is_root and isinstance(part.value, str) and part.value.strip().lower() in _WORDS:
        return Seen(f"{part.path} is the word {clipped(part.value)}", on=(part.value,))
    return None


EMPTINESS = Group(
    title="Answers that hold nothing",
    about="False, 0 and empty lists are answers.",
    rules=(
        Rule(
            name="nothing",
            certainty=Certainty.SURE,
            code=ReasonCode.EMPTY_OUTPUT,
            reason="null, an empty text, an empty container, or a list of such",
            find=_nothing,
            catches=outputs(None, "", {}, [None, "", []]),
            lets_pass=outputs(False, 0, {"detections": []}),
        ),
        Rule(
            name="hollow",
            certainty=Certainty.SURE,
            code=ReasonCode.EMPTY_OUTPUT,
            reason="names with nothing but nulls and empty texts under them, one of them that of a product",
            find=_hollow,
            catches=outputs(
                {"image": None, "seed": None},
                {"output": {"text": ""}},
                {"result": {}},
                {"images": [], "seed": None},
                [{"image": None}, {"image": None}],
            ),
            lets_pass=outputs(
                {"result": []}, {"detections": [], "error": None}, {"image": None, "faces": 0}, {"qr": None}
            ),
        ),
        Rule(
            name="hollow_perhaps",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="an empty list beside something else that is nothing, or of what should have been made; null for"
            " what may be found or not",
            find=_hollow_perhaps,
            catches=outputs({"detections": [], "next_page": None}, {"text": "", "segments": []}, {"images": []})
            + outputs({"qr": None}, {"match": None, "distance": None}),
            lets_pass=outputs({"detections": []}, {"detections": [], "count": 0}),
        ),
        Rule(
            name="no_product",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="what was to be made is empty, and only states and numbers stand beside it",
            find=_no_product,
            names=names.PRODUCTS | names.MADE,
            catches=outputs(
                {"success": True, "image": None},
                {"text": "", "seconds": 0.2},
                {"choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]},
            ),
            lets_pass=outputs(
                {"image": "aGk=", "seed": None},
                {"images": [], "captions": ["a cat"]},
                {"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]},
            ),
        ),
        Rule(
            name="word_for_nothing",
            certainty=Certainty.NOTE,
            code=ReasonCode.ANSWER_DOUBTFUL,
            reason="a word that programs print for nothing",
            find=_word_for_nothing,
            catches=outputs("None", {"result": "null"}, {"image": "None"}),
            lets_pass=outputs("None of them", {"text": "None"}),
        ),
    ),
)
