"""The repositories of a labelled folder, each as a checkout of its own that nothing else writes to.

Invariant: nothing is ever written into the folder. What is no git checkout is copied and committed there; a git
checkout is cloned, so what isn't committed in it doesn't count.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.accuracy.expectation import FILE, Expectation, ExpectationError, read_expectation
from tests.integration.validator.conftest import git

_TESTS = (".runpod/tests.json", "tests.json")


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A repository, or one case of it alone."""

    name: str
    folder: Path
    expectation: Expectation
    case: int | None = None
    """Which case of its tests.json alone; None is the repository as it is."""


def find_labelled(folder: Path) -> list[Labelled]:
    """The repositories of a folder that have an EXPECTED.txt, in a stable order.

    Raises:
        ExpectationError: One of them can't be read, or there is none; the message names every such file.
    """
    found, troubles = [], []
    for file in sorted(folder.glob(f"*/{FILE}")):
        try:
            found += _with_its_cases(
                Labelled(name=file.parent.name, folder=file.parent, expectation=read_expectation(file))
            )
        except ExpectationError as error:
            troubles.append(str(error))
    if troubles:
        raise ExpectationError("\n".join(troubles))
    if not found:
        raise ExpectationError(f"{folder}: none of its folders has an {FILE}")
    return found


def _with_its_cases(labelled: Labelled) -> Iterator[Labelled]:
    yield labelled
    wanted = labelled.expectation.cases
    if wanted is None:
        return
    names = [str(case.get("name", number)) for number, case in enumerate(_cases(labelled.folder), start=1)]
    if len(names) != wanted:
        where = labelled.folder / FILE
        raise ExpectationError(f"{where}:1: speaks of {wanted} cases, and its tests.json has {len(names)}")
    for number, name in enumerate(names):
        yield replace(labelled, name=f"{labelled.name}[{name}]", case=number)


def make_checkout(labelled: Labelled, destination: Path) -> Path:
    """A git repository with what is to be judged.

    Args:
        labelled: The repository.
        destination: A folder that isn't there yet.
    """
    if (labelled.folder / ".git").exists():
        destination.parent.mkdir(parents=True, exist_ok=True)
        source = str(labelled.folder.resolve())
        git(destination.parent, "-c", "safe.directory=*", "clone", "--quiet", "--no-local", source, str(destination))
        if labelled.case is not None:
            _leave_one_case(destination, labelled.case)
            _commit(destination)
        return destination
    # Modes and links as they are: whether a file may be executed is part of what is judged.
    shutil.copytree(labelled.folder, destination, symlinks=True, ignore=shutil.ignore_patterns(FILE))
    for folder, _, files in os.walk(destination):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWUSR)
    if labelled.case is not None:
        _leave_one_case(destination, labelled.case)
    git(destination, "init", "--quiet", "--initial-branch=main")
    _commit(destination)
    return destination


def _commit(folder: Path) -> None:
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "state")


def _tests_file(folder: Path) -> Path | None:
    return next((folder / name for name in _TESTS if (folder / name).is_file()), None)


def _cases(folder: Path) -> list[dict[str, object]]:
    file = _tests_file(folder)
    try:
        document = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
        cases = document["tests"] if isinstance(document, dict) and "tests" in document else []
        return [case for case in cases if isinstance(case, dict)]
    except (OSError, ValueError) as error:
        raise ExpectationError(f"{file}: can't be read: {error}") from error


def _leave_one_case(folder: Path, number: int) -> None:
    file = _tests_file(folder)
    assert file is not None, folder
    document = json.loads(file.read_text(encoding="utf-8"))
    document["tests"] = [_cases(folder)[number]]
    file.write_text(json.dumps(document, indent=2), encoding="utf-8")
