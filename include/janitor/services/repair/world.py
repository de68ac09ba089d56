"""What a repair has to know of the world outside of the repository: packages, registries, history, culprits.

Invariant: nothing is asked of a host that only the repository names; what may be asked is said by whoever makes a
world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.result.provenance_changes import PartChange
from janitor.inspection.dockerfile.image_reference import ImageReference


class UnknownError(Exception):
    """The world can't or mayn't be asked; the message says why, for people."""


class Packages(Protocol):
    """An index of packages, asked through a resolver."""

    def resolved(
        self, requirements: Sequence[str], *, constraints: Sequence[str] = (), python: tuple[int, int] | None
    ) -> Mapping[str, str] | None:
        """Version by normalised name of a solution; None where there is none.

        Raises:
            UnknownError: The index doesn't tell.
        """
        ...


def _no_tags(reference: ImageReference) -> tuple[str, ...]:
    raise UnknownError(f"{reference.registry} isn't asked here")


def _no_history(path: str) -> tuple[str, ...]:
    raise UnknownError(f"the history of {path} isn't at hand")


@dataclass(frozen=True, kw_only=True)
class World:
    """The world, as far as it may be asked."""

    packages: Packages | None = None
    """None: no index is asked."""
    index_urls: tuple[str, ...] = ("https://pypi.org/simple",)
    """Which indexes `packages` stands for; a repository that names others isn't repaired by it."""
    tags: Callable[[ImageReference], Sequence[str]] = _no_tags
    """All tags of an image's repository; it raises `UnknownError`."""
    renamed_to: Callable[[str], Sequence[str]] = _no_history
    """What history calls a path of before today, each once; it raises `UnknownError`."""
    culprit: Callable[[Failure, Sequence[PartChange]], Sequence[PartChange] | Abstained] | None = None
    """Which of several changes broke it, by experiment; None: nobody searches."""
