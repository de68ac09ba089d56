"""YAML text to plain data, with the line of every key and item.

Invariants: nothing but text, numbers, booleans, null, lists and mappings comes out (no tag builds an object); what is
read is bounded in bytes, depth and nodes before and after aliases are expanded; a key that stands twice is a finding,
not a silent overwrite; one finding doesn't hide the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

Path = tuple[str | int, ...]
"""Keys and list indices from the top of the document to a value."""

MAX_BYTES = 1_000_000
"""Largest configuration accepted: some 5,000 repositories."""
MAX_DEPTH = 20
"""Deepest nesting accepted; the configuration itself needs five levels."""
MAX_NODES = 200_000
"""Most values, aliases expanded: a few hundred bytes of aliases can stand for billions of values."""
_MAX_NUMBER_LENGTH = 40

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_TEXT_TAGS = frozenset({_TAG + "str", _TAG + "timestamp", _TAG + "value", _MERGE, "!"})
"""Dates stay text: `ref: 2024-01-01` is a branch name."""
_NUMBER_TAGS = frozenset({_TAG + "int", _TAG + "float"})

_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Characters that an escape such as `"\\0"` can bring in and that neither PostgreSQL nor a command line can carry."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Position(NamedTuple):
    """A place in the text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Finding:
    """Something wrong at a place of the document, before it is put into the user's terms."""

    path: Path
    message: str
    hint: str | None = None
    position: Position | None = None
    """Set where the place isn't the one of `path`."""
    spoils_value: bool = False
    """The value at `path` was left out, so what else is said about it says nothing."""


@dataclass(frozen=True)
class ConfigDocument:
    """What a YAML text holds: the data, where each value stands, and what is wrong with the text as such."""

    data: Any
    positions: Mapping[Path, Position]
    findings: tuple[Finding, ...]

    def position_of(self, path: Path) -> Position | None:
        """Where `path` stands, or the nearest of its parents; None for an empty document."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.positions:
                return self.positions[path[:length]]
        return None


def read_document(content: str | bytes) -> ConfigDocument:
    """Read one YAML document. Never raises for bad content: what is wrong becomes a finding."""
    try:
        text = _decoded(content)
        _check_characters(text)
        _check_shape(text)
        root = yaml.compose(text, Loader=_Loader)
        return _Reader().read(root)
    except _Unreadable as refusal:
        return ConfigDocument(None, {}, (refusal.finding,))
    except yaml.MarkedYAMLError as error:
        return ConfigDocument(None, {}, (_syntax_finding(error, text),))
    except yaml.YAMLError as error:
        return ConfigDocument(None, {}, (Finding((), f"is not valid YAML: {error}"),))


class _Unreadable(Exception):
    """The text can't be read any further."""

    def __init__(self, message: str, hint: str | None = None, position: Position | None = None) -> None:
        super().__init__(message)
        self.finding = Finding((), message, hint, position)


def _decoded(content: str | bytes) -> str:
    # A character of text is at least one byte, so a text with more characters than that is too large as well.
    if len(content) > MAX_BYTES:
        raise _Unreadable(f"is larger than {MAX_BYTES:,} bytes", "split the fleet into several files")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        position = Position(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise _Unreadable("is not UTF-8 text", "save the file as UTF-8", position) from error


def _check_characters(text: str) -> None:
    found = _NOT_PRINTABLE.search(text)
    if found:
        before = text[: found.start()]
        position = Position(before.count("\n") + 1, found.start() - before.rfind("\n"))
        raise _Unreadable(
            f"holds the character U+{ord(found.group()):04X}, which YAML doesn't allow",
            "remove it; it may not be visible in an editor",
            position,
        )


def _check_shape(text: str) -> None:
    """Bound depth and size on the event stream, which needs no recursion, before a tree is built by recursion."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _too_deep(event)
        if count > 2 * MAX_NODES:
            raise _too_many(event)


def _too_deep(node: yaml.Node | yaml.Event) -> _Unreadable:
    return _Unreadable(f"is nested deeper than {MAX_DEPTH} levels", "an alias may refer to itself", _start(node))


def _too_many(node: yaml.Node | yaml.Event) -> _Unreadable:
    return _Unreadable(
        f"stands for more than {MAX_NODES:,} values", "aliases (*name) may repeat each other", _start(node)
    )


def _start(node: yaml.Node | yaml.Event) -> Position:
    mark: Any = node.start_mark
    return Position(mark.line + 1, mark.column + 1)


def _syntax_finding(error: yaml.MarkedYAMLError, text: str) -> Finding:
    mark = error.problem_mark or error.context_mark
    position = Position(mark.line + 1, mark.column + 1) if mark else None
    said = ", ".join(part for part in (error.context, error.problem) if part) or "syntax error"
    hint = None
    if position:
        # libyaml reports the place after the offending line for some errors.
        nearby = text.splitlines()[max(0, position.line - 2) : position.line]
        if any("\t" in line[: len(line) - len(line.lstrip())] for line in nearby):
            hint = "indent with spaces, not tabs"
        elif "mapping values are not allowed" in said:
            hint = 'put text that contains ": " in quotes'
    return Finding((), f"is not valid YAML: {said}", hint, position)


@dataclass
class _Reader:
    """Turns a node tree into data, bounded in depth and in the number of values."""

    positions: dict[Path, Position] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    values_read: int = 0

    def __post_init__(self) -> None:
        self._constructor = yaml.constructor.SafeConstructor()

    def read(self, root: yaml.Node | None) -> ConfigDocument:
        data = None
        if root is not None:
            self.positions[()] = _start(root)
            data = self._value(root, (), 0)
        return ConfigDocument(data, self.positions, tuple(self.findings))

    def _value(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self.values_read += 1
        if self.values_read > MAX_NODES:
            raise _too_many(node)
        if depth > MAX_DEPTH:
            raise _too_deep(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return self._list(node, path, depth)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path, depth)
        self._refuse_tag(node, path)
        return None

    def _list(self, node: yaml.SequenceNode, path: Path, depth: int) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            items.append(self._placed(item, item, (*path, index), depth + 1))
        return items

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own_lines: dict[str, int] = {}
        merged: list[tuple[yaml.Node, yaml.Node]] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged.extend(self._merged_pairs(value_node, path, depth + 1))
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in own_lines:
                self._find((*path, key), f"stands twice, first on line {own_lines[key]}", key_node, hint="keep one")
                continue
            own_lines[key] = _start(key_node).line
            result[key] = self._placed(key_node, value_node, (*path, key), depth + 1)
        for key_node, value_node in merged:
            key = self._key(key_node, path)
            if key is not None and key not in result:
                result[key] = self._placed(key_node, value_node, (*path, key), depth + 1)
        return result

    def _placed(self, place: yaml.Node, value: yaml.Node, path: Path, depth: int) -> Any:
        """The value, with the place at which a reader looks for it: its key, or the item itself."""
        self.positions[path] = _start(place)
        return self._value(value, path, depth)

    def _merged_pairs(self, node: yaml.Node, path: Path, depth: int) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """What `<<: *alias` or `<<: [*one, *other]` brings in; the first mention of a key counts."""
        self.values_read += 1
        if self.values_read > MAX_NODES:
            raise _too_many(node)
        if depth > MAX_DEPTH:
            raise _too_deep(node)
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                yield from self._merged_pairs(item, path, depth + 1)
        elif isinstance(node, yaml.MappingNode):
            yield from (pair for pair in node.value if pair[0].tag != _MERGE)
            for key_node, value_node in node.value:
                if key_node.tag == _MERGE:
                    yield from self._merged_pairs(value_node, path, depth + 1)
        else:
            self._find(path, "<<: must name a mapping by its alias", node)

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        """A key as it is written: `on`, `no` and `1` are names here, not values."""
        if not isinstance(node, yaml.ScalarNode):
            self._find(path, "a key must be plain text", node)
            return None
        key: str = node.value
        if _UNSTORABLE.search(key):
            self._find(path, "a key holds a control character", node)
            return None
        return key

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        value: str = node.value
        if node.tag in _TEXT_TAGS:
            found = _UNSTORABLE.search(value)
            if found:
                self._refuse_value(path, f"holds the character U+{ord(found.group()):04X}, which text can't hold", node)
                return _UNSTORABLE.sub("?", value)
            return value
        if node.tag in _NUMBER_TAGS and (":" in value or len(value) > _MAX_NUMBER_LENGTH):
            # YAML 1.1 reads 1:30 as the number 90, and a number of a million digits takes minutes to read.
            self._refuse_value(path, "is not a plain number", node)
            return None
        if node.tag in _NUMBER_TAGS or node.tag in (_TAG + "bool", _TAG + "null"):
            try:
                return self._constructor.construct_object(node)
            except (yaml.YAMLError, ValueError, KeyError, IndexError):
                self._refuse_value(path, f"is not a {node.tag.removeprefix(_TAG)}", node)
                return None
        self._refuse_tag(node, path)
        return None

    def _refuse_tag(self, node: yaml.Node, path: Path) -> None:
        tag = node.tag.replace(_TAG, "!!")[:80]
        self._refuse_value(path, f"the YAML tag {tag} is not allowed here", node, hint="write the plain value")

    def _find(self, path: Path, message: str, node: yaml.Node, *, hint: str | None = None) -> None:
        self.findings.append(Finding(path, message, hint, _start(node)))

    def _refuse_value(self, path: Path, message: str, node: yaml.Node, *, hint: str | None = None) -> None:
        self.findings.append(Finding(path, message, hint, _start(node), spoils_value=True))
