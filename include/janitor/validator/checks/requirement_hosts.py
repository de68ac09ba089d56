"""The hosts that requirements name: the resolution runs on the machine itself, so they are judged before it.

What a public index links or redirects to is beyond this; the metadata service is closed to it by IMDSv2 all the same.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from pathlib import PurePosixPath

from janitor.validator.bench import Bench, given
from janitor.validator.repository.requirements import decoded_requirements
from janitor.validator.repository.tree import UnreadableError

_ADDRESS = re.compile(r"\b(?:[a-z]+\+)?(?:https?|ssh|git)://[^\s\"'#;,<>]+", re.IGNORECASE)
_INCLUDED = re.compile(r"(?m)^\s*(?:-[rc]|--requirement|--constraint)[\s=]*([^\s#]+)")
_FILE_OPTIONS = frozenset({"-r", "-c", "--requirement", "--constraint"})
_MOST_FILES = 30
_MOST_ADDRESSES = 50
_SECONDS = 20.0


def why_untried(bench: Bench, arguments: Sequence[str]) -> tuple[str, str] | None:
    """Why an installation may not be tried: it asks a private host, or reads a file that isn't the repository's.

    Args:
        bench: The validation.
        arguments: Of the installer, with real paths behind -r and -c.

    Returns:
        Reason code and reason; None if there is none.
    """
    from janitor.validator.network.reach import (  # noqa: PLC0415  # what it needs costs time
        PACKAGE_HOSTS,
        Reach,
        WebError,
        WebTrouble,
        parse_target,
    )

    try:
        texts = [" ".join(arguments), *_files(bench, arguments)]
    except UnreadableError as exc:
        return "not_understood", f"a requirements file can't be followed: {exc}"
    reach, ends_at = Reach(bench.settings, also=PACKAGE_HOSTS), time.monotonic() + _SECONDS
    for address in list(dict.fromkeys(_ADDRESS.findall("\n".join(texts))))[:_MOST_ADDRESSES]:
        place = re.sub(r"^.*?://", "https://" if address.lower().split("://")[0].endswith("s") else "http://", address)
        try:
            reach.addresses(parse_target(place), seconds=max(0.1, ends_at - time.monotonic()))
        except WebError as exc:
            # A name that nobody knows is the resolution's to tell.
            if exc.trouble is WebTrouble.REFUSED:
                return exc.trouble.value, str(exc)
    return None


def _files(bench: Bench, arguments: Sequence[str]) -> list[str]:
    """The texts of the requirements files, and of those that they include.

    Raises:
        UnreadableError: One isn't a text file of the repository.
    """
    tree = given(bench.known.tree)
    left = [
        PurePosixPath(value).relative_to(tree.root)
        for option, value in itertools.pairwise(arguments)
        if option in _FILE_OPTIONS and PurePosixPath(value).is_relative_to(tree.root)
    ]
    texts: dict[PurePosixPath, str] = {}
    while left and len(texts) < _MOST_FILES:
        path = left.pop(0)
        if path in texts:
            continue
        try:
            texts[path] = decoded_requirements(tree.read(path))
        except UnicodeDecodeError as exc:
            raise UnreadableError(f"{path} is no text: {exc.reason} at byte {exc.start}") from exc
        left += [path.parent / included for included in _INCLUDED.findall(texts[path]) if not _ADDRESS.match(included)]
    return list(texts.values())
