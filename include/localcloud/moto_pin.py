"""The moto release that the patches of this package were written for, and the one way to apply a patch."""

from __future__ import annotations

import importlib.metadata
from typing import Any

SUPPORTED = "5.2."


class MotoMismatchError(RuntimeError):
    """The installed moto is not the one that this package patches."""


def check_version() -> None:
    """Raise MotoMismatchError unless the installed moto is the supported one."""
    installed = importlib.metadata.version("moto")
    if not installed.startswith(SUPPORTED):
        raise MotoMismatchError(
            f"localcloud patches moto {SUPPORTED}x, but moto {installed} is installed: "
            "install the pinned release, or check each patch and raise localcloud.moto_pin.SUPPORTED"
        )


def replace_attribute(owner: Any, name: str, value: Any) -> Any:
    """Replace an attribute that moto has, and return the original.

    Raises MotoMismatchError where moto no longer has it: a patch must never become a silent no-op.
    """
    original = vars(owner).get(name)
    if original is None:
        version = importlib.metadata.version("moto")
        raise MotoMismatchError(f"moto {version} has no {owner.__name__}.{name} to patch")
    setattr(owner, name, value)
    return original


def add_attribute(owner: Any, name: str, value: Any) -> None:
    """Add an attribute that moto lacks. Raises MotoMismatchError where it has come to exist."""
    if hasattr(owner, name):
        version = importlib.metadata.version("moto")
        raise MotoMismatchError(f"moto {version} now has {owner.__name__}.{name}: compare it, then drop the addition")
    setattr(owner, name, value)
