"""Where a package is asked for that an installer can't have: the line to change, not the one that installs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from janitor.inspection.install.requirements import Requirement, RequirementSet, normalised

_NAMED = (
    # uv
    re.compile(r"(?i)because ([a-z0-9][a-z0-9._-]*) was not found"),
    re.compile(r"(?i)there (?:is|are) no versions? of ([a-z0-9][a-z0-9._-]*)"),
    re.compile(r"(?i)only the following versions? of ([a-z0-9][a-z0-9._-]*)"),
    re.compile(r"(?i)\byou require ([a-z0-9][a-z0-9._-]*)"),
    # pip
    re.compile(r"(?i)no matching distribution found for ([a-z0-9][a-z0-9._-]*)"),
    re.compile(r"(?i)version that satisfies the requirement ([a-z0-9][a-z0-9._-]*)"),
    re.compile(r"(?i)^(?:error: )?cannot install ([a-z0-9][a-z0-9._-]*)", re.MULTILINE),
    re.compile(r"(?i)the user requested ([a-z0-9][a-z0-9._-]*)"),
    re.compile(r"(?i)failed to (?:build|download)(?: and build)?:? `?([a-z0-9][a-z0-9._-]*)"),
    re.compile(r"(?i)failed building wheel for ([a-z0-9][a-z0-9._-]*)"),
)
"""How installers name the package at fault, the surest words first."""
_MOST = 3
_LONGEST = 16_000


def requirements_at_fault(text: str, sets: Sequence[RequirementSet], *, line: int) -> list[Requirement]:
    """What the repository asks for and an installer's words name, the surest first; empty if they name none of it.

    Args:
        text: The installer's words.
        sets: What each command asks for.
        line: Of the command that failed.
    """
    asked = [each for found in sets if found.line in (line, 0) for each in (*found.requirements, *found.constraints)]
    by_name: dict[str, Requirement] = {}
    for each in asked:
        by_name.setdefault(each.name, each)
    # Installers break their lines wherever they are full.
    flat = text[-_LONGEST:] + "\n" + " ".join(text[-_LONGEST:].split())
    named = (normalised(match.group(1).rstrip(".-_")) for pattern in _NAMED for match in pattern.finditer(flat))
    return [by_name[name] for name in _each_once(named) if name in by_name][:_MOST]


def _each_once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
