"""What a rule looks at: a text or an object within an answer, and where it stands there.

Nothing here recurses, and nothing is copied: what a worker answers is as deep and as large as it likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any

from janitor.diagnosis.handler.output_rules import names
from janitor.diagnosis.handler.text_documents import document_in
from janitor.diagnosis.handler.verdict import clipped

_LONGEST_PATH = 400
_LONGEST_NAME = 60
_SHORTEST_TEXT = 7
"""Characters of the shortest text that a rule for texts has something against, or that holds an object that one has."""
_MOST_ENVELOPES = 10
_MOST_TEXTS = 3
"""Within each other, each as JSON."""
_END = object()


class About(Enum):
    """What an object tells of."""

    OWN = "own"  # the job, or what the worker made
    OTHER = "other"  # something that it names, though it stands where the worker's own would
    FINDING = "finding"  # something that was found in the input, or one of many that it names
    UNCLEAR = "unclear"


@dataclass(eq=False, kw_only=True)
class Part:
    """A text, an object, or the answer as a whole."""

    path: str
    value: Any
    is_root: bool = False
    """Whether it is the whole answer."""
    is_result: bool = False
    """Whether it is the answer or an item of it, rather than a part."""
    is_document: bool = False
    """Whether it was read out of a text."""
    is_listed: bool = False
    """Whether it is an item of a list."""
    holder: str = ""
    """The name under which it, or the list that it lies in, stands; empty for a result."""

    _members: tuple[tuple[str, str, Any], ...] | None = None
    _names: frozenset[str] | None = None

    # Not as a cached_property, which takes a lock each time: an answer may have some hundred thousands of parts.
    @property
    def members(self) -> tuple[tuple[str, str, Any], ...]:
        """Of an object: name in small letters, name as it stands, and value.

        Names that differ in their case alone stand side by side, and one must not hide the other.
        """
        if self._members is None:
            items = self.value.items() if isinstance(self.value, Mapping) else ()
            self._members = tuple(
                (key.strip().lower(), key, item)
                for key, item in items
                if isinstance(key, str) and len(key) <= _LONGEST_NAME
            )
        return self._members

    @property
    def names(self) -> frozenset[str]:
        """The names of its members; `MANY_ERRORS` stands for those that end so."""
        if self._names is None:
            found = {member[0] for member in self.members}
            if any(name.endswith("errors") for name in found):
                found.add(names.MANY_ERRORS)
            self._names = frozenset(found)
        return self._names

    def those(self, wanted: frozenset[str]) -> Iterator[tuple[str, str, Any]]:
        """The members with such names."""
        return (member for member in self.members if member[0] in wanted)

    @property
    def explanation(self) -> str | None:
        """What it says in words; None if nothing."""
        texts = (item for _name, _key, item in self.those(names.EXPLANATIONS) if isinstance(item, str) and item.strip())
        return next(texts, None)

    @property
    def about(self) -> About:
        """What it tells of."""
        has_subject = any(isinstance(item, str) and item.strip() for _, _, item in self.those(names.SUBJECTS))
        is_own = self.is_result or self.holder in names.OWN_HOLDERS or self.holder in names.STATES
        if not self.names.isdisjoint(names.PLACES) or (has_subject and self.is_listed and not is_own):
            return About.FINDING
        if has_subject:
            return About.OTHER
        return About.OWN if is_own else About.UNCLEAR

    def has_more(self) -> bool:
        """Whether an object holds an answer beside states, errors and what belongs to them."""
        for name, _key, item in self.members:
            if name in names.NOT_TOLD or name.endswith("errors"):
                continue
            if isinstance(item, (str, Mapping, list, tuple)) and not is_hollow(item):
                return True
        return False

    def told(self, key: str) -> str:
        """The path of a member."""
        return f"{self.path}.{clipped(key, _LONGEST_NAME)}"


def parts_of(output: Any) -> Iterator[Part]:
    """The parts of an output: the answer as a whole, and every text and object within, JSON in a text included.

    Chunks of text come at last as the one text that they make.
    """
    path, answer = answer_in(output)
    yield from _walk(Part(path=path, value=answer, is_root=True, is_result=True))
    if isinstance(answer, (list, tuple)) and answer and all(isinstance(chunk, str) for chunk in answer):
        yield from _walk(Part(path=path, value="".join(answer), is_root=True, is_result=True))


def answer_in(output: Any) -> tuple[str, Any]:
    """The answer within what holds nothing else, a list of one or an object with its output alone, and its path."""
    path = "output"
    for _ in range(_MOST_ENVELOPES):
        inner: list[tuple[str, Any]] = []
        if isinstance(output, Mapping):
            filled = _filled(output.items())
            inner = [(f".{key}", value) for key, value in filled if _is_envelope(str(key).strip().lower(), value)]
            inner = inner if len(filled) == 1 else []
        elif isinstance(output, (list, tuple)):
            filled = _filled(enumerate(output))
            inner = [(f"[{index}]", value) for index, value in filled] if len(filled) == 1 else []
        if not inner:
            break
        path, output = path + inner[0][0], inner[0][1]
    return path, output


def _is_envelope(name: str, value: Any) -> bool:
    if name in names.BATCHES and isinstance(value, (list, tuple)):
        texts = _filled(enumerate(value))
        return len(texts) == 1 and isinstance(texts[0][1], str)
    return name in names.ENVELOPES


def is_empty(output: Any) -> bool:
    """Whether an output is nothing: null, an empty text or container, or a list of such. False and 0 are something."""
    return _is_nothing(output, within_objects=False)


def is_hollow(output: Any) -> bool:
    """The same, of objects also those whose members are nothing."""
    return _is_nothing(output, within_objects=True)


def _is_nothing(output: Any, *, within_objects: bool) -> bool:
    waiting: list[Iterator[Any]] = [iter((output,))]
    while waiting:
        value = next(waiting[-1], _END)
        if value is _END:
            waiting.pop()
        elif isinstance(value, (list, tuple)):
            waiting.append(iter(value))
        elif within_objects and isinstance(value, Mapping):
            waiting.append(iter(value.values()))
        elif value is not None and not (isinstance(value, str) and not value.strip()) and value != {}:
            return False
    return True


def _filled(members: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The first two members that aren't empty."""
    return list(islice((member for member in members if not is_empty(member[1])), 2))


def _walk(root: Part) -> Iterator[Part]:
    waiting: list[Iterator[Part]] = [iter((root,))]
    while waiting:
        part = next(waiting[-1], None)
        if part is None:
            waiting.pop()
            continue
        for _ in range(_MOST_TEXTS):
            if not isinstance(part.value, str):
                break
            yield part
            if (document := document_in(part.value)) is None:
                break
            part = _of(part, document)  # what the text holds is judged like the rest
        if isinstance(part.value, str):
            continue
        if part.is_root or isinstance(part.value, Mapping):
            yield part
        if isinstance(part.value, Mapping):
            waiting.append(_members(part))
        elif isinstance(part.value, (list, tuple)):
            waiting.append(_items(part, part.value))


def _of(part: Part, value: Any) -> Part:
    return Part(
        path=part.path,
        value=value,
        is_root=part.is_root,
        is_result=part.is_result,
        is_document=True,
        is_listed=part.is_listed,
        holder=part.holder,
    )


def _members(part: Part) -> Iterator[Part]:
    for key, item in part.value.items():
        if _may_tell(item):
            path = _longer(part.path, f".{clipped(str(key), _LONGEST_NAME)}")
            yield Part(path=path, value=item, holder=str(key)[: _LONGEST_NAME + 1].strip().lower())


def _items(part: Part, items: Sequence[Any]) -> Iterator[Part]:
    for index, item in enumerate(items):
        if _may_tell(item):
            yield Part(
                path=_longer(part.path, f"[{index}]"),
                value=item,
                is_result=part.is_result,
                is_listed=True,
                holder=part.holder,
            )


def _may_tell(item: Any) -> bool:
    """Whether a rule may have something against it."""
    return len(item) >= _SHORTEST_TEXT if isinstance(item, str) else isinstance(item, (Mapping, list, tuple))


def _longer(path: str, step: str) -> str:
    """A path with a further step; of a very long one the beginning is left out."""
    return f"{path}{step}" if len(path) < _LONGEST_PATH else f"…{path[-_LONGEST_PATH // 2 :]}{step}"
