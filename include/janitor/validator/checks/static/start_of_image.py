"""What of the final image's own files keeps its container from starting: a part of `dockerfile_parse`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from janitor.inspection.image.final_files import text_at
from janitor.inspection.image.start_faults import StartFault, StartFaultKind, StartJudge
from janitor.inspection.tree import RepositoryTree, UnreadableError
from janitor.protocol.reason_codes import ReasonCode
from janitor.validator.facts import ImageFacts

CODES = {
    StartFaultKind.NOT_THERE: ReasonCode.COMMAND_TARGET_MISSING,
    StartFaultKind.NOT_EXECUTABLE: ReasonCode.COMMAND_NOT_EXECUTABLE,
    StartFaultKind.NO_FORMAT: ReasonCode.COMMAND_FORMAT,
    StartFaultKind.NO_INTERPRETER: ReasonCode.COMMAND_INTERPRETER,
    StartFaultKind.NOT_FOUND: ReasonCode.COMMAND_NOT_FOUND,
    StartFaultKind.WRONG_FORM: ReasonCode.COMMAND_FORM,
}


def source_reader(tree: RepositoryTree) -> Callable[[PurePosixPath], str | None]:
    """Reads a file of the repository as it is, a byte order mark included: the kernel takes it for a part of `#!`."""

    def read(path: PurePosixPath) -> str | None:
        try:
            return tree.read(path).decode()
        except (UnreadableError, UnicodeDecodeError):
            return None

    return read


def start_fault(image: ImageFacts, tree: RepositoryTree) -> StartFault | None:
    """The first thing that the container's start would surely trip over."""
    read = source_reader(tree)
    final = image.dockerfile.final
    return StartJudge(final, image.command, image.places, lambda path: text_at(image.places, path, read)).fault()
