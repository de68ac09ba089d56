"""Where a worker repository keeps its parts: a file in `.runpod/` goes before the same file at the root."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.inspection.tree import RepositoryTree

OVERRIDES = PurePosixPath(".runpod")
_HANDLER_NAMES = ("handler.py", "rp_handler.py", "main.py")
_README = re.compile(r"(?i)readme(\.(md|rst|txt))?")
_DOCKERFILE = re.compile(r"(?i)(dockerfile|containerfile)([._-][\w.-]+)?|[\w.-]+\.dockerfile")
_ABOUT_ONE = re.compile(r"(?i).+\.(dockerignore|md|rst|txt|py|sh|js|ts|json|ya?ml|toml|html|bak|orig)")
_TESTS = "tests.json"
# Seen in the wild: tests_.json, tests_deactivated.json, tests_JSON.
_DEACTIVATED_TESTS = re.compile(r"(?i)_?tests(?=[\w.-]*json)[\w.-]*")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Paths relative to the root; None for what isn't there."""

    dockerfile: PurePosixPath | None
    hub: PurePosixPath | None
    tests: PurePosixPath | None
    """`tests.json` in the documented form."""
    github_tests: PurePosixPath | None
    """`.github/tests.json` in the older form; counts only without the documented one."""
    deactivated_tests: PurePosixPath | None
    test_input: PurePosixPath | None
    readme: PurePosixPath | None
    handlers: tuple[PurePosixPath, ...]
    """Files whose name says that they hold a handler."""
    other_dockerfiles: tuple[PurePosixPath, ...]
    """Files that a spec could name as the Dockerfile; looked for where there is none in the usual places."""


def read_layout(tree: RepositoryTree, *, dockerfile: str | None) -> Layout:
    """Find the parts of a worker repository.

    Args:
        tree: The checkout.
        dockerfile: The Dockerfile that the spec names; None searches.
    """
    # Source: `docker buildx build` takes a `dockerfile` in lower case where there is no other.
    searched = _first(tree, "Dockerfile") or _existing(tree, "dockerfile")
    return Layout(
        dockerfile=_existing(tree, dockerfile) if dockerfile is not None else searched,
        hub=_first(tree, "hub.json"),
        tests=_first(tree, _TESTS),
        github_tests=_existing(tree, ".github/tests.json"),
        deactivated_tests=_deactivated(tree),
        test_input=_first(tree, "test_input.json") or _existing(tree, "src/test_input.json"),
        readme=_readme(tree),
        handlers=tuple(
            path
            for folder in ("", "src")
            for name in _HANDLER_NAMES
            if (path := _first(tree, str(PurePosixPath(folder) / name))) is not None
        ),
        other_dockerfiles=() if dockerfile is not None or searched is not None else _other_dockerfiles(tree),
    )


def _other_dockerfiles(tree: RepositoryTree) -> tuple[PurePosixPath, ...]:
    names = ((entry.path, entry.path.name) for entry in tree.entries)
    found = (path for path, name in names if _DOCKERFILE.fullmatch(name) and not _ABOUT_ONE.fullmatch(name))
    return tuple(sorted((path for path in found if tree.is_file(path)), key=lambda path: (len(path.parts), str(path))))


def _first(tree: RepositoryTree, name: str) -> PurePosixPath | None:
    return _existing(tree, str(OVERRIDES / name)) or _existing(tree, name)


def _existing(tree: RepositoryTree, path: str) -> PurePosixPath | None:
    return PurePosixPath(path) if tree.is_file(path) else None


def _readme(tree: RepositoryTree) -> PurePosixPath | None:
    for folder in (OVERRIDES, PurePosixPath()):
        for name in tree.names(folder):
            if _README.fullmatch(name):
                return folder / name
    return None


def _deactivated(tree: RepositoryTree) -> PurePosixPath | None:
    for folder in (OVERRIDES, PurePosixPath(".github"), PurePosixPath()):
        for name in tree.names(folder):
            if name != _TESTS and _DEACTIVATED_TESTS.fullmatch(name) and tree.is_file(folder / name):
                return folder / name
    return None
