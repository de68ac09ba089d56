"""What variables and configuration of an image tell pip and uv beside their arguments: above all where packages are.

Source: pip's documentation, "Configuration"; uv's, "Environment variables".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_OF_PIP = {
    "PIP_INDEX_URL": "--index-url",
    "PIP_EXTRA_INDEX_URL": "--extra-index-url",
    "PIP_FIND_LINKS": "--find-links",
}
_OF_UV = {
    "UV_INDEX_URL": "--index-url",
    "UV_DEFAULT_INDEX": "--index-url",
    "UV_EXTRA_INDEX_URL": "--extra-index-url",
    "UV_INDEX": "--extra-index-url",
    "UV_FIND_LINKS": "--find-links",
}
_OF_CONFIGURATION = {
    "index-url": "--index-url",
    "extra-index-url": "--extra-index-url",
    "find-links": "--find-links",
}
_SECTIONS = ("global", "install")


def from_variables(environment: Mapping[str, str], *, uv: bool) -> list[str]:
    """Options that stand for variables.

    Args:
        environment: Of the command.
        uv: Whether uv installs, which reads none of pip's variables.
    """
    options = []
    for name, option in (_OF_UV if uv else _OF_PIP).items():
        for value in environment.get(name, "").split():
            # uv lets an index have a name.
            options += [option, value.split("=", 1)[-1] if uv and "=" in value.split("://", 1)[0] else value]
    return options


def from_configuration(words: Sequence[str]) -> list[str]:
    """Options that stand for `pip config set`, given what follows `pip`; none for another command."""
    plain = [word for word in words if not word.startswith("-")]
    if plain[:2] != ["config", "set"] or len(plain) < 4:
        return []
    section, _, key = plain[2].partition(".")
    if section not in _SECTIONS or key not in _OF_CONFIGURATION:
        return []
    return [part for value in plain[3].split() for part in (_OF_CONFIGURATION[key], value)]
