"""Asks an index that the image names itself what the installers don't tell: whether it has no such package, or wants a
password, or is in trouble. uv and pip word all that as a package that was not found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from janitor.diagnosis.rules.rule import Trouble
from janitor.validator.network.package_index import ask_indexes
from janitor.validator.settings import Settings

_OPTIONS = frozenset({"--index-url", "--extra-index-url"})
_PUBLIC = re.compile(r"https://(?:pypi\.org|download\.pytorch\.org|pypi\.nvidia\.com)/")
_NOT_FOUND = re.compile(
    r"(?i)Because (\S+) was not found in the package registry|no matching distribution found for ([\w.-]+)"
)


def private_index_trouble(settings: Settings, arguments: Sequence[str], text: str) -> Trouble | None:
    """What keeps an index of the image's own from telling; None if there is none, or if it tells.

    Args:
        settings: For the requests.
        arguments: Of the installation.
        text: What the installer said.
    """
    indexes = [value for option, value in pairwise(arguments) if option in _OPTIONS and not _PUBLIC.match(value)]
    match = _NOT_FOUND.search(text)
    if not indexes or match is None:
        return None
    return ask_indexes(settings, match[1] or match[2], indexes)
