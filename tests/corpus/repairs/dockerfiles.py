"""Dockerfiles that name what isn't there: a file that was moved, a tag that is gone."""

from __future__ import annotations

from tests.corpus.repairs.case import REGISTRY, RepairCase, Truth, about
from tests.corpus.workers import BASE, DOCKERFILE, HEALTHY

_COPY = "COPY handler.py test_input.json ./"
_LIBRARY = "def words(text):\n    return len(text.split())\n"
_HANDLER = HEALTHY.replace("import runpod\n", "import runpod\n\nfrom lib.counting import words\n").replace(
    "len(text.split())", "words(text)"
)


def _copy(name: str, holds: str, truth: Truth = Truth.RECIPE, **fields: object) -> RepairCase:
    return RepairCase(
        name=f"copy_{name}",
        holds=holds,
        truth=truth,
        recipe="copy_source" if truth is Truth.RECIPE else None,
        signature=("dockerfile_parse", "copy_source_missing"),
        **fields,  # type: ignore[arg-type]  # as the case says
    )


COPIES = (
    _copy("case", "a name out by case", files={"Dockerfile": DOCKERFILE.replace("COPY handler.py", "COPY Handler.py")}),
    _copy(
        "renamed",
        "the handler has another name, and the command the old one",
        files={
            "Dockerfile": DOCKERFILE.replace(_COPY, "COPY test_input.json ./\nCOPY main.py ./").replace(
                '"handler.py"', '"main.py"'
            ),
            "handler.py": HEALTHY,
        },
        before=({**BASE, "main.py": HEALTHY, "handler.py": None},),
        moved=(("main.py", "handler.py"),),
    ),
    _copy(
        "requirements_moved",
        "the requirements were moved into a folder",
        files={"requirements.txt": None, "builder/requirements.txt": "runpod==1.12.0\n"},
        before=(BASE,),
        moved=(("requirements.txt", "builder/requirements.txt"),),
    ),
    _copy(
        "folder_case",
        "a folder out by case",
        files={
            "Dockerfile": DOCKERFILE.replace(_COPY, f"COPY Lib/ ./lib/\n{_COPY}"),
            "lib/counting.py": _LIBRARY,
            "handler.py": _HANDLER,
        },
    ),
    _copy(
        "renamed_twice",
        "a module that was renamed twice",
        files={
            "Dockerfile": DOCKERFILE.replace(_COPY, f"COPY first.py ./lib/counting.py\n{_COPY}"),
            "counting.py": _LIBRARY,
            "handler.py": _HANDLER,
        },
        before=({**BASE, "first.py": _LIBRARY}, {"first.py": None, "second.py": _LIBRARY}),
        moved=(("second.py", "counting.py"),),
    ),
    _copy(
        "deleted",
        "a file that was deleted and is imported",
        Truth.AGENT,
        files={"Dockerfile": DOCKERFILE.replace(_COPY, f"COPY words.py ./\n{_COPY}")},
        before=({**BASE, "words.py": _LIBRARY}, {"words.py": None}),
    ),
    _copy(
        "two_heirs",
        "two files differ by case alone",
        Truth.AGENT,
        files={
            "Dockerfile": DOCKERFILE.replace(_COPY, f"COPY NOTES.md ./\n{_COPY}"),
            "notes.md": "a\n",
            "Notes.md": "b\n",
        },
    ),
)


def _base(name: str, holds: str, image: str, tags: tuple[str, ...], truth: Truth = Truth.RECIPE) -> RepairCase:
    return RepairCase(
        name=f"base_{name}",
        holds=holds,
        truth=truth,
        recipe="base_tag" if truth is Truth.RECIPE else None,
        signature=("base_image_exists", "base_missing"),
        files={"Dockerfile": DOCKERFILE.replace("python:3.11-slim", f"{REGISTRY}/{image}")},
        tags={image.partition(":")[0]: tags},
    )


_CUDA = ("12.1.1-cudnn8-runtime-ubuntu22.04", "12.1.1-cudnn8-devel-ubuntu22.04", "12.2.2-cudnn8-runtime-ubuntu22.04")
BASES = (
    _base("cuda_patch", "a CUDA patch that was taken away", "nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04", _CUDA),
    _base(
        "python_patch",
        "a Python patch that was taken away",
        "library/python:3.11.2-slim",
        ("3.11.9-slim", "3.12.1-slim"),
    ),
    _base("older_patch", "a tag that never came", "library/python:3.11.99-slim", ("3.11.8-slim", "3.11.9-slim")),
    _base(
        "only_other_cudnn",
        "only another cuDNN is left",
        "nvidia/cuda:12.1.0-cudnn9-runtime-ubuntu22.04",
        _CUDA,
        Truth.AGENT,
    ),
    _base("repository_gone", "the repository is gone", "team/base:1.0.0", (), Truth.NOBODY),
)

DOCKERFILES = (*about("COPY", COPIES), *about("base image", BASES))
