"""Which line of which file asks for the package that an installer can't have."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from janitor.diagnosis.requirement_place import requirements_at_fault
from janitor.inspection.install.requirements import read_requirements

FILES = {
    "requirements.txt": "runpod==1.7.7\nemojii==2.14.1  # a typo\n-r more/extra.txt\n",
    "more/extra.txt": "Torch_Audio==9\nurllib3<1\n",
}


def sets(*arguments: str, line: int = 4):
    def read(path: str) -> tuple[PurePosixPath, str] | None:
        return (PurePosixPath(path), FILES[path]) if path in FILES else None

    return [read_requirements(arguments, read=read, line=line)]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (
            "  x No solution found when resolving dependencies:\n  ╰─▶ Because emojii was not found in the package\n"
            "      registry and you require emojii==2.14.1, we can conclude that they can't be met.\n",
            [("requirements.txt", 2)],
        ),
        ("Because there is no version of torch-audio==9 and you require\n torch-audio==9", [("more/extra.txt", 1)]),
        (
            "Because runpod==1.7.7 depends on urllib3>=2 and you require runpod==1.7.7, we can conclude that"
            " urllib3>=2 is required. And because you require urllib3<1, we can conclude that …",
            [("requirements.txt", 1), ("more/extra.txt", 2)],
        ),
        ("ERROR: No matching distribution found for emojii==2.14.1", [("requirements.txt", 2)]),
        (
            "ERROR: Could not find a version that satisfies the requirement emojii==2.14.1 (from versions: none)",
            [("requirements.txt", 2)],
        ),
        ("ERROR: Cannot install runpod==1.7.7 and urllib3<1 because", [("requirements.txt", 1)]),
        ("Because nothing-of-ours was not found in the package registry", []),
        ("the disk is full, and runpod is mentioned", []),
    ],
)
def test_requirement_that_the_installer_names(text, places):
    found = requirements_at_fault(text, sets("-r", "requirements.txt"), line=4)
    assert [(each.path, each.line) for each in found] == places


def test_argument_of_the_command_stands_in_no_file():
    [found] = requirements_at_fault("no matching distribution found for emojii", sets("emojii==2", line=7), line=7)
    assert (found.path, found.line) == (None, 7)


def test_other_commands_are_not_at_fault():
    assert requirements_at_fault("Because emojii was not found", sets("-r", "requirements.txt", line=4), line=9) == []
