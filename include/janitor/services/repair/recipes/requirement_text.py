"""Changes what a worker asks for of one package: in its requirements files, its pyproject.toml, or its Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from janitor.domain.repair.proposal import Abstained
from janitor.domain.repair.writing import Edit
from janitor.inspection.install.requirements import Requirement, normalised
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.dockerfile_text import lines_of

_SPECIFIERS = r"(?:(?:===|[<>=!~]=|[<>])\s*[^\s,;()<>=!~\"'\\]+\s*(?:,\s*)?)*"
_SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_SAFE_SPECIFIER = re.compile(r"(?:(?:===|[<>=!~]=|[<>])[A-Za-z0-9][A-Za-z0-9.*+!_-]{0,99},?){1,8}")
_ONE = re.compile(r"(===|[<>=!~]=|[<>])\s*([^\s,;]+)")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a package is asked for."""

    path: str
    start: int
    """Of the line, or of the Dockerfile's instruction, in the file's text."""
    end: int
    is_command: bool
    """Whether a shell reads it."""


def places_of(worker: WorkerTree, name: str) -> list[Place]:
    """Where a package is asked for by name, constraints included."""
    found: dict[tuple[str, int], Place] = {}
    for each in worker.requirements:
        for requirement in (*each.requirements, *each.constraints):
            if requirement.name == normalised(name) and (place := _place(worker, requirement, each.line)):
                found[place.path, place.start] = place
    return list(found.values())


def _place(worker: WorkerTree, requirement: Requirement, line: int) -> Place | None:
    if requirement.path is None:
        return _command(worker, line)
    text = worker.text(requirement.path)
    if text is None:
        return None
    lines = text.splitlines(keepends=True)
    start = sum(map(len, lines[: requirement.line - 1]))
    end = start + len(lines[requirement.line - 1]) if requirement.line <= len(lines) else start
    return Place(path=requirement.path, start=start, end=end, is_command=False)


def _command(worker: WorkerTree, line: int) -> Place | None:
    path = worker.layout.dockerfile
    text = None if path is None else worker.text(path)
    if path is None or text is None or line == 0:
        return None
    start, end = lines_of(text, line)
    return Place(path=str(path), start=start, end=end, is_command=True)


def asked_as(worker: WorkerTree, name: str) -> str | None:
    """The specifiers that a package is asked for with, all in one; None where nobody asks for it by name."""
    found = [
        requirement
        for each in worker.requirements
        for requirement in (*each.requirements, *each.constraints)
        if requirement.name == normalised(name) and requirement.url is None
    ]
    return ",".join(dict.fromkeys(each.versions for each in found if each.versions)) if found else None


def with_specifier(worker: WorkerTree, name: str, specifier: str) -> dict[str, Edit] | Abstained:
    """The files with another specifier for a package, wherever it is asked for; a line more where it isn't.

    Name and specifier may come of a report, which may say anything: what is neither isn't written.
    """
    if _SAFE_NAME.fullmatch(name) is None or _SAFE_SPECIFIER.fullmatch(specifier) is None:
        return Abstained(reason=f"{name!a}{specifier!a} is no package and version")
    places = places_of(worker, name)
    if not places:
        return _added(worker, f"{name}{specifier}")
    edits: dict[str, Edit] = {}
    # From the end of each file: what stands before stays where it is.
    for place in sorted(places, key=lambda each: (each.path, -each.start)):
        before = worker.text(place.path)
        if before is None:
            return Abstained(reason=f"{place.path} is no file that can be changed")
        text = edits[place.path].after if place.path in edits else before
        assert text is not None, "it was changed, not removed"
        piece = text[place.start : place.end]
        changed, count = _respecified(piece, name, specifier, is_command=place.is_command)
        if count != 1:
            return Abstained(reason=f"{place.path} doesn't ask for {name} in one place that can be read")
        edits[place.path] = Edit(before=before, after=text[: place.start] + changed + text[place.end :])
    return edits


def _respecified(piece: str, name: str, specifier: str, *, is_command: bool) -> tuple[str, int]:
    spelled = re.escape(normalised(name)).replace("\\-", "[-_.]+")
    pattern = (
        rf"(?i)(?<![\w./@+:-])(?P<name>{spelled})(?P<extras>\[[^\[\]\n]{{0,200}}\])?\s*(?P<old>{_SPECIFIERS})"
        rf"(?=[\s\"',;)\]\\]|$)"
    )

    def put(match: re.Match[str]) -> str:
        word = f"{match['name']}{match['extras'] or ''}{specifier}"
        before = piece[match.start() - 1 : match.start()]
        quoted = f"'{word}'" if is_command and before not in ("'", '"') and re.search(r"[<>\[*!]", word) else word
        trailing = match[0][len(match[0].rstrip()) :]
        return quoted + trailing

    return re.subn(pattern, put, piece)


def _added(worker: WorkerTree, requirement: str) -> dict[str, Edit] | Abstained:
    """A line more, in the file that the last installation reads."""
    files = list(dict.fromkeys(_files(worker)))
    if files:
        path = files[-1]
        before = worker.text(path)
        if before is None:
            return Abstained(reason=f"{path} is no file that can be changed")
        end = "" if not before or before.endswith("\n") else "\n"
        newline = "\r\n" if "\r\n" in before else "\n"
        return {path: Edit(before=before, after=f"{before}{end}{requirement}{newline}")}
    return _added_to_command(worker, requirement)


def _files(worker: WorkerTree) -> Iterator[str]:
    for each in worker.requirements:
        for requirement in each.requirements:
            if requirement.path is not None and requirement.path.endswith((".txt", ".in")):
                yield requirement.path


def _added_to_command(worker: WorkerTree, requirement: str) -> dict[str, Edit] | Abstained:
    """A word more, behind the first package of the last installation."""
    for each in reversed(worker.requirements):
        place = _command(worker, each.line)
        named = next((one for one in each.requirements if one.path is None and one.url is None), None)
        if place is None or named is None:
            continue
        text = worker.text(place.path)
        if text is None:
            continue
        piece = text[place.start : place.end]
        spelled = re.escape(named.name).replace("\\-", "[-_.]+")
        word = rf"(?i)(?<=\s)[\"']?{spelled}(?:\[[^\[\]\s]{{0,200}}\])?[^\s\"']*[\"']?(?=\s|$)"
        changed, count = re.subn(word, lambda match: f"{match[0]} '{requirement}'", piece, count=1)
        if count == 1:
            after = text[: place.start] + changed + text[place.end :]
            return {place.path: Edit(before=text, after=after)}
    return Abstained(reason="no file of requirements is read that a line could be added to")


def bounded(specifier: str, bound: str) -> str:
    """A specifier with another upper bound; its lower ones and what it leaves out stay."""
    kept = [
        f"{sign}{version}" for sign, version in _ONE.findall(specifier) if sign in (">=", ">", "!=") or sign == "~="
    ]
    return ",".join([*kept, bound])
