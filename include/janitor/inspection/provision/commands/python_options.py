"""The options of pip, uv and venv: values, and the packages that an installation names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from janitor.inspection.install.requirements import normalised

_VALUES = frozenset(
    {
        *("-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "--extra-index-url"),
        *("-f", "--find-links", "--no-binary", "--only-binary", "--timeout", "--retries", "--trusted-host", "--index"),
        *("--default-index", "--progress-bar", "-t", "--target", "--prefix", "--root", "--cache-dir", "--python", "-p"),
        *("--index-strategy", "--platform", "--upgrade-strategy", "--log", "--proxy", "--cert", "--link-mode"),
        *("--prerelease", "--torch-backend", "--config-settings", "-C", "--prompt", "--app-data", "--requirements"),
        *("--constraints", "--src", "--abi", "--implementation", "--python-version", "--use-feature", "--group"),
        *("--extra", "--package", "--project", "--directory", "--no-build-package", "--refresh-package"),
    }
)
"""Options with a value of their own."""
_OF_FILES = frozenset({"-r", "--requirement", "--requirements", "-e", "--editable", "--group"})


def option(words: Sequence[str], *names: str) -> str | None:
    """The value of an option; None where it isn't there."""
    for index, word in enumerate(words):
        if word in names:
            return words[index + 1] if index + 1 < len(words) else ""
        name, sign, value = word.partition("=")
        if sign and name in names and name.startswith("--"):
            return value
    return None


def without_values(words: Sequence[str]) -> list[str]:
    found, skip = [], False
    for word in words:
        if not skip:
            found.append(word)
        skip = word in _VALUES and not skip
    return found


def named_packages(rest: Sequence[str]) -> frozenset[str] | None:
    """The packages that an installation names; None where a file, a folder or an address names them."""
    found: set[str] = set()
    index = 0
    while index < len(rest):
        word = rest[index]
        index += 1
        name = word.partition("=")[0] if word.startswith("--") else word
        if name in _OF_FILES or re.match(r"-[re].", word):
            return None
        if name in _VALUES:
            index += "=" not in word or not word.startswith("--")
        elif not word.startswith("-"):
            match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", word)
            if match is None or "/" in word.partition("@")[0] or word.endswith((".whl", ".zip", ".gz")):
                return None
            found.add(normalised(match[0]))
    return frozenset(found)
