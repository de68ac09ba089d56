"""Tells by a worker's files when the log of the local mode can't show what it does: the API then decides."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import PurePosixPath

from janitor.diagnosis.handler.log_judge import printed_result
from janitor.diagnosis.handler.python_repr import TokenKind, parse_repr
from janitor.inspection.tree import UnreadableError
from janitor.validator.facts import SourceFacts

ONLY_THERE = "a program reads variables that only the platform sets, and may start it there"

_HIDES_OUTPUT = re.compile(
    r"\bsys\.(?:stdout|__stdout__)\s*(?:=(?!=)|,)|\bredirect_stdout\b|\bdup2\(|\bbuiltins\.print\s*=(?!=)"
)
_OLD_NUMPY = re.compile(r"(?i)\bnumpy[\"']?\s*(?:===?\s*1\.|~=\s*1\.|<=?\s*1\.|<\s*2\b|=\s*\"[\^~=<]*1\.)")
_USES_NUMPY = re.compile(r"^[^\S\n]*(?:import|from)[^\S\n]+numpy\b", re.MULTILINE)
_NUMBER = re.compile(r"\.?\d[\d_.]*(?:e\d*)?|True|False")
_ON_THE_PLATFORM = re.compile(r"['\"]RUNPOD_(?:ENDPOINT_ID|POD_ID|WEBHOOK_[A-Z_]{1,60}|AI_API_KEY)['\"]")
"""Variables by which a program can tell that the platform has started it."""
_MOST_FILES = 500


def hides_output(source: SourceFacts) -> bool:
    """Whether a program of the image's may send somewhere else what the SDK prints."""
    return _any(source, _programs(source), _HIDES_OUTPUT)


def asks_for_the_platform(source: SourceFacts) -> bool:
    """Whether a program of the image's may do something else where the platform hasn't started it."""
    return _any(source, _programs(source), _ON_THE_PLATFORM)


def numbers_are_unsure(source: SourceFacts, log: str) -> bool:
    """Whether a result has numbers, of a worker that uses a numpy older than 2: these print like Python's own, and only
    sending them shows that `json.dumps` takes no `float32` and no `int64`.

    Source: numpy's release notes, 2.0.0, "Representation of NumPy scalars has changed".

    Args:
        source: The worker's.
        log: What the worker printed.
    """
    tokens = parse_repr(printed_result(log) or "").tokens
    if not any(token.kind is TokenKind.WORD and _NUMBER.fullmatch(token.value) for token in tokens):
        return False
    pins = (entry.path for entry in source.tree.entries if _names_packages(entry.path))
    return _any(source, pins, _OLD_NUMPY) and _any(source, _programs(source), _USES_NUMPY)


def _programs(source: SourceFacts) -> Iterable[PurePosixPath]:
    return (path for path in source.image_files.values() if path.suffix == ".py")


def _names_packages(path: PurePosixPath) -> bool:
    name = path.name.lower()
    return name == "pyproject.toml" or "dockerfile" in name or ("require" in name and path.suffix == ".txt")


def _any(source: SourceFacts, paths: Iterable[PurePosixPath], pattern: re.Pattern[str]) -> bool:
    tree = source.tree
    for path in islice(paths, _MOST_FILES):
        try:
            if pattern.search(tree.read_text(path)):
                return True
        except UnreadableError:
            continue
    return False
