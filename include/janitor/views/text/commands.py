"""The next command, as a person types it."""

from __future__ import annotations

from janitor.settings import DEFAULT_ENVIRONMENT


def make_command(words: str, environment: str) -> str:
    """`make logs REPO=worker-basic ENV=dev`; the environment that `make` takes by itself isn't named.

    Args:
        words: The target and what it is given.
        environment: In which it is to be run.
    """
    return f"make {words}" + ("" if environment == DEFAULT_ENVIRONMENT else f" ENV={environment}")
