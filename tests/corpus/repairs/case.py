"""What a broken repository of the corpus is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from tests.corpus.repairs.sdk import VERSION
from tests.support.package_index import Wheel

REGISTRY = "{registry}"
"""Stands for the host and port of the case's own registry."""
SERVICE = "{service}"
"""Stands for the host and port of the case's own server, which answered 200 at the last success."""


class Truth(str, Enum):
    """Who can repair it."""

    RECIPE = "recipe"
    AGENT = "agent"  # somebody who reads code, or knows what is meant
    NOBODY = "nobody"  # nothing in the repository's files can be changed so that it works
    ELSEWHERE = "elsewhere"  # the repository isn't at fault, or the fault is gone by itself


@dataclass(frozen=True, kw_only=True)
class RepairCase:
    """A repository, its world before and now, and the truth."""

    name: str
    holds: str
    """What broke it."""
    truth: Truth
    recipe: str | None = None
    """Which recipe's it is."""
    signature: tuple[str, str] | None = None
    """The check that fails, and its code; None where nothing fails that is to be repaired."""
    files: Mapping[str, str | None] = field(default_factory=dict)
    """Over those of a healthy worker; None takes one away."""
    before: tuple[Mapping[str, str | None], ...] = ()
    """Files of the commits before, the oldest first."""
    moved: tuple[tuple[str, str], ...] = ()
    """Files that the last commit moves."""
    then: tuple[Wheel, ...] | None = None
    """What the index had at the last success; None: no success is known."""
    now: tuple[Wheel, ...] = ()
    """What it has now, beside the SDK."""
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the registry, by repository."""
    service: tuple[int, ...] = (200,)
    """What its server answers now, one request after another; the last one for good."""
    index_is_down: bool = False
    hidden: tuple[tuple[Any, Any], ...] = (("a b c", {"words": 3}), ("", {"words": 0}))
    """Texts that only the oracle asks, and what it expects."""
    subject: str = "other"
    held_out: bool = False
    """Whether it was left alone while recipes were written."""


def about(subject: str, cases: Iterable[RepairCase]) -> tuple[RepairCase, ...]:
    """Cases that are counted under one subject; each third one is held out."""
    return tuple(replace(case, subject=subject, held_out=number % 3 == 2) for number, case in enumerate(cases))


SDK_LINE = f"runpod=={VERSION}\n"


def library(
    name: str, version: str, body: str = "def words(text):\n    return len(text.split())\n", **more: Any
) -> Wheel:
    """A package with a module of its name."""
    module = more.pop("module", name.replace("-", "_"))
    return Wheel(name=name, version=version, modules={f"{module}.py": body}, **more)


WITHOUT_WORDS = "def count(text):\n    return len(text.split())\n"
"""What a release leaves that has another API than the one before."""


def uses(*modules: str, call: str = "words") -> str:
    """A handler that counts with each of these modules."""
    imports = "".join(f"import {module}\n" for module in modules)
    calls = "".join(f"    found = {module}.{call}(text)\n" for module in modules)
    return (
        f"import runpod\n{imports}\n\ndef handler(job):\n    text = job['input'].get('text')\n"
        "    if not isinstance(text, str):\n        return {'error': 'input.text must be a string'}\n"
        f"{calls}    return {{'words': found}}\n\n\nrunpod.serverless.start({{'handler': handler}})\n"
    )
