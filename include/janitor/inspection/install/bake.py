"""Reads the part of a docker-bake file that decides how one target is built.

Docker's own command for it needs a plugin that not every machine has. What isn't understood (functions, conditions,
matrices) is an error as soon as a wanted field depends on it, never a guess.
Source: https://docs.docker.com/build/bake/reference/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BAKE_FILES = ("docker-bake.json", "docker-bake.hcl")
_DEEPEST = 8
_TOKEN = re.compile(
    r"(?P<space>\s+|#[^\n]*|//[^\n]*|/\*.*?\*/)"
    r'|(?P<string>"(?:[^"\\]|\\.)*")'
    r'|(?P<unclosed>(?:"|/\*).*)'
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][\w.-]*)"
    r"|(?P<sign>[{}\[\](),=:?]|[^\s\w])",
    re.DOTALL,
)
_REFERENCE = re.compile(r"\$\{([^}]{0,300})\}")


class BakeError(Exception):
    """The file can't be read or doesn't say how the target is built; the message says why."""


@dataclass(frozen=True, kw_only=True)
class BakeTarget:
    """How one target is built."""

    name: str
    context: str
    """Folder, from the repository's root."""
    dockerfile: str
    """Path from the context."""
    stage: str | None
    """The stage to stop at; None builds the last."""
    args: Mapping[str, str]


@dataclass(frozen=True)
class _Opaque:
    """An expression that isn't understood."""

    text: str


@dataclass
class _Bake:
    variables: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    targets: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def read_bake(text: str, *, name: str, wanted: str | None, variables: Mapping[str, str]) -> BakeTarget:
    """How a bake file builds a target.

    Args:
        text: The file's content.
        name: The file's name; it tells HCL from JSON.
        wanted: The target; None takes `default`, or the first one of the group of that name.
        variables: Values that go before the file's defaults, as environment variables do for Docker's command.

    Raises:
        BakeError: See there.
    """
    bake = _from_json(text) if name.endswith(".json") else _Parser(text).bake()
    values: dict[str, Any] = {key: variables.get(key, value) for key, value in bake.variables.items()}
    target = wanted or _default_target(bake)
    if target in bake.groups and target not in bake.targets:
        target = _first_of_group(bake, target)
    if target not in bake.targets:
        raise BakeError(f"{name} has no target {target!r}; it has {', '.join(list(bake.targets)[:10]) or 'none'}")
    fields = _merged(bake, target, _DEEPEST)
    for unknown in ("dockerfile-inline", "contexts", "matrix"):
        if unknown in fields:
            raise BakeError(f"{name}: target {target!r} uses {unknown}, which is not supported")
    args = fields.get("args", {})
    if not isinstance(args, Mapping):
        raise BakeError(f"{name}: args of target {target!r} is no object")
    return BakeTarget(
        name=target,
        context=_text(fields.get("context", "."), values, f"context of {target!r}"),
        dockerfile=_text(fields.get("dockerfile", "Dockerfile"), values, f"dockerfile of {target!r}"),
        stage=_text(fields["target"], values, f"target of {target!r}") if fields.get("target") else None,
        args={
            key: _text(value, values, f"argument {key} of {target!r}")
            for key, value in args.items()
            if value is not None
        },
    )


def _default_target(bake: _Bake) -> str:
    if "default" in bake.targets:
        return "default"
    if "default" in bake.groups:
        return _first_of_group(bake, "default")
    if len(bake.targets) == 1:
        return next(iter(bake.targets))
    raise BakeError(f"no target is declared as default; there are {', '.join(list(bake.targets)[:10]) or 'none'}")


def _first_of_group(bake: _Bake, group: str) -> str:
    for _ in range(_DEEPEST):
        members = bake.groups[group].get("targets")
        if not isinstance(members, Sequence) or not members or not isinstance(members[0], str):
            raise BakeError(f"the group {group!r} names no targets")
        if members[0] in bake.targets or members[0] not in bake.groups:
            return members[0]
        group = members[0]
    raise BakeError(f"the group {group!r} leads to no target")


def _merged(bake: _Bake, name: str, depth: int) -> dict[str, Any]:
    """A target's fields over those that it inherits."""
    if depth == 0 or name not in bake.targets:
        raise BakeError(f"the target {name!r} is inherited but can't be resolved")
    own = bake.targets[name]
    merged: dict[str, Any] = {}
    parents = own.get("inherits", [])
    if not isinstance(parents, list):
        raise BakeError(f"inherits of {name!r} is no list")
    for parent in parents:
        if not isinstance(parent, str):
            raise BakeError(f"inherits of {name!r} names no target")
        _lay_over(merged, _merged(bake, parent, depth - 1))
    _lay_over(merged, own)
    return merged


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        below[key] = {**below[key], **value} if both else value


def _text(value: Any, variables: Mapping[str, Any], where: str, depth: int = _DEEPEST) -> str:
    """A value as text, with its variables replaced."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, _Opaque) and value.text in variables and depth:
        return _text(variables[value.text], variables, where, depth - 1)
    if not isinstance(value, str):
        shown = value.text if isinstance(value, _Opaque) else value
        raise BakeError(f"{where} can't be evaluated: {str(shown)[:100]}")

    def resolved(match: re.Match[str]) -> str:
        name = match.group(1).strip()
        if name not in variables or not depth:
            raise BakeError(f"{where} can't be evaluated: {match.group(0)[:100]}")
        return _text(variables[name], variables, where, depth - 1)

    return _REFERENCE.sub(resolved, value)


def _from_json(text: str) -> _Bake:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise BakeError(f"it is not valid JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise BakeError("it is no JSON object")
    parts = {key: document.get(key, {}) for key in ("variable", "group", "target")}
    for key, part in parts.items():
        if not isinstance(part, dict) or not all(isinstance(value, dict) for value in part.values()):
            raise BakeError(f"{key} is no object of objects")
    return _Bake(
        variables={name: value.get("default", "") for name, value in parts["variable"].items()},
        groups=parts["group"],
        targets=parts["target"],
    )


class _Parser:
    """Reads HCL blocks, attributes and literals."""

    def __init__(self, text: str) -> None:
        self._tokens = [
            (str(match.lastgroup), match.group(0)) for match in _TOKEN.finditer(text) if match.lastgroup != "space"
        ]
        self._at = 0
        if self._tokens and self._tokens[-1][0] == "unclosed":
            raise BakeError(f"{self._tokens[-1][1][:40]!r} is never closed")

    def bake(self) -> _Bake:
        bake = _Bake()
        while self._at < len(self._tokens):
            kind, word = self._next()
            if kind != "name":
                raise BakeError(f"{word[:40]!r} was not expected")
            if self._peek() == "=":  # a variable without a block
                self._next()
                bake.variables[word] = self._value(_DEEPEST)
                continue
            labels = []
            while self._peek() not in ("{", ""):
                labels.append(self._next()[1].strip('"'))
            body = self._body(_DEEPEST)
            if word == "variable" and labels:
                bake.variables[labels[0]] = body.get("default", "")
            elif word in ("group", "target") and labels:
                (bake.groups if word == "group" else bake.targets)[labels[0]] = body
        return bake

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise BakeError("it ends in the middle of a block")
        self._at += 1
        return self._tokens[self._at - 1]

    def _body(self, depth: int) -> dict[str, Any]:
        """What stands between braces: attributes, or a nested block, which is kept as an attribute."""
        if self._next()[1] != "{" or depth == 0:
            raise BakeError("a block is not opened, or too deep")
        found: dict[str, Any] = {}
        while self._peek() != "}":
            kind, word = self._next()
            if kind == "sign" and word == ",":
                continue
            if kind not in ("name", "string"):
                raise BakeError(f"{word[:40]!r} was not expected")
            key = word.strip('"')
            if self._peek() in ("=", ":"):
                self._next()
                found[key] = self._value(depth - 1)
            else:
                while self._peek() not in ("{", ""):
                    self._next()
                found[key] = self._body(depth - 1)
        self._next()
        return found

    def _value(self, depth: int) -> Any:
        kind, word = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if depth and word == "{":
            return self._body(depth)
        if depth and word == "[":
            return self._list(depth)
        start = self._at
        self._next()
        if self._peek() in ("(", "?") or (kind == "sign"):
            return self._opaque(start)
        if kind == "string":
            try:
                return str(json.loads(word, strict=False))
            except ValueError:
                return _Opaque(word)
        if kind == "number":
            return int(word) if word.lstrip("-").isdigit() else float(word)
        return {"true": True, "false": False, "null": None}.get(word, _Opaque(word))

    def _list(self, depth: int) -> list[Any]:
        self._next()
        found = []
        while self._peek() != "]":
            if self._peek() == ",":
                self._next()
                continue
            found.append(self._value(depth - 1))
        self._next()
        return found

    def _opaque(self, start: int) -> _Opaque:
        """Skip an expression: to its closing bracket, and over a condition's branches."""
        open_brackets = 0
        while self._at < len(self._tokens):
            word = self._peek()
            open_brackets += word in ("(", "[", "{")
            if word in (")", "]", "}") and open_brackets == 0:
                break
            open_brackets -= word in (")", "]", "}")
            following = self._tokens[self._at + 1 : self._at + 3]
            self._next()
            at_end = len(following) == 2 and following[0][0] == "name" and following[1][1] in ("=", "{")
            if open_brackets == 0 and (at_end or (following and following[0][1] in ("}", "]", ","))):
                break
        return _Opaque(" ".join(word for _, word in self._tokens[start : self._at]))
