"""What the source of a worker shows: its files, its start calls, and the kind of its handler."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from janitor.inspection.python.python_modules import SyntaxProblem


class HandlerKind(str, Enum):
    """What the SDK will see in the handler."""

    PLAIN = "plain"
    GENERATOR = "generator"
    ASYNC = "async"
    ASYNC_GENERATOR = "async generator"
    UNKNOWN = "unknown"

    @property
    def is_generator(self) -> bool:
        """Whether the SDK's local mode leaves it un-iterated."""
        return self in (HandlerKind.GENERATOR, HandlerKind.ASYNC_GENERATOR)


@dataclass(frozen=True, kw_only=True)
class StartCall:
    """A call of `runpod.serverless.start`."""

    path: PurePosixPath
    line: int
    kind: HandlerKind
    handler: str | None
    """The handler as written, where that is a name."""


@dataclass(frozen=True, kw_only=True)
class WorkerSource:
    """What the source of a worker shows."""

    modules: tuple[PurePosixPath, ...]
    """The entry file and the files of the repository that it imports, directly or not."""
    problems: tuple[SyntaxProblem, ...]
    start_calls: tuple[StartCall, ...]
    sure_modules: tuple[PurePosixPath, ...]
    """Those of `modules` that are imported in any case; none where no entry file is known."""
    is_open: bool
    """Whether a start call may be where none was looked for: the program imports what can start other programs, or
    modules by names that are made up, or there is more of it than is read."""
