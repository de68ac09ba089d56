"""What the program needs and the build takes out of the image: a part of `python_static`."""

from __future__ import annotations

import ast
import warnings
from pathlib import PurePosixPath

from janitor.inspection.image.removed_needs import Program, RemovedNeed, removed_file, removed_module
from janitor.inspection.python.file_reads import FileRead, sure_reads
from janitor.inspection.python.python_modules import Reader, SourceError
from janitor.inspection.python.worker_source import WorkerSource
from janitor.validator.facts import StatedFacts

_MOST_CHARACTERS = 1024 * 1024
"""Of all modules; what is larger is not read for this."""


def removed_need(
    stated: StatedFacts, worker: WorkerSource, entry: PurePosixPath | None, read: Reader
) -> RemovedNeed | None:
    """The first file or module that the worker needs in any case and that the final image surely lacks."""
    image = stated.image
    if image is None or entry is None or any(case.command is not None for case in stated.cases):
        return None
    sources: dict[PurePosixPath, str] = {}
    for path in worker.modules:
        try:
            text = read(path)
        except SourceError:
            text = None
        if text is None:
            return None
        sources[path] = text
    if sum(map(len, sources.values())) > _MOST_CHARACTERS:
        return None
    program = Program(
        stage=image.dockerfile.final,
        command=image.command,
        places=image.places,
        image_files=image.files,
        sources=sources,
    )
    return removed_module(program, worker.sure_modules) or removed_file(program, _reads(worker, entry, sources))


def _reads(
    worker: WorkerSource, entry: PurePosixPath, sources: dict[PurePosixPath, str]
) -> dict[PurePosixPath, list[FileRead]]:
    found = {}
    for path in worker.sure_modules:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(sources[path])
        # Where several are started it is open which one a job gets to.
        calls = worker.start_calls
        own = {call.handler for call in calls if call.path == path and call.handler} if len(calls) == 1 else set()
        found[path] = sure_reads(tree, is_started=path == entry, handlers=frozenset(own))
    return found
