"""What of the final image's own files keeps its container from starting: a part of `dockerfile_parse`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from janitor.inspection.image.final_files import text_at
from janitor.inspection.image.places import PlaceKind
from janitor.inspection.image.start_faults import StartFault, StartFaultKind, StartJudge
from janitor.inspection.provision.system.start_needs import lacks_interpreter, lacks_starter
from janitor.inspection.provision.system.state import path_folders
from janitor.inspection.tree import RepositoryTree, UnreadableError
from janitor.protocol.terms.reason_codes import ReasonCode
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
    final, state = image.dockerfile.final, image.provision.final

    def may_hold(path: str) -> bool:
        place = image.places.at(path)
        return place.kind in (PlaceKind.FILE, PlaceKind.FOLDER, PlaceKind.LINK) or path in image.files

    judge = StartJudge(
        final,
        image.command,
        image.places,
        lambda path: text_at(image.places, path, read),
        lambda path: not final.is_mounted(path) and lacks_interpreter(path, state, may_hold),
    )
    return judge.fault() or _no_starter(image, may_hold)


def _no_starter(image: ImageFacts, may_hold: Callable[[str], bool]) -> StartFault | None:
    """The first word of a command in exec form that nothing brings."""
    final, words = image.dockerfile.final, image.command.words
    stated = final.entrypoint or final.command
    given = stated.exec_form() if stated is not None else None
    if stated is None or not words or not given or given[0] != words[0] or final.is_mounted(words[0]):
        return None
    if not image.context.is_sure or not lacks_starter(
        words[0], path_folders(final.environment), image.provision.final, may_hold
    ):
        return None
    text = f"the container starts {words[0]}, which neither {final.base_image} nor a command of the build brings"
    return StartFault(kind=StartFaultKind.NOT_FOUND, text=text, line=stated.line)
