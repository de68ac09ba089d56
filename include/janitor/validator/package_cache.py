"""The package caches of a repository on a volume that outlives its machine.

Packages run code while they are installed, as the repository's own user, and that user writes the cache that the next
installation trusts. So each repository has a cache of its own: it can spoil its own next validation, and no other's.
The folder that they all lie in is closed: a user of the repository's processes sees of it what it was handed alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from janitor.protocol.order.spec import ValidationSpec
from janitor.validator.settings import Settings
from janitor.validator.workspace import remove_tree

_FOLDER = "packages"
_LEAST_FREE_BYTES = 5 * 1024**3
_LEAST_FREE_SHARE = 10
"""Of the volume: the tenth part is left free, or 5 GiB where that is less."""


def with_kept_packages(spec: ValidationSpec, settings: Settings) -> tuple[Settings, str | None]:
    """The settings with the repository's own caches on the volume; and what to say of it, None where none was promised.

    Where the volume isn't there or can't be written to, the validation goes on with the machine's own caches: a cache
    never costs a verdict.
    """
    if spec.cache_directory is None:
        return settings, None
    volume = settings.home / spec.cache_directory
    try:
        # The home is closed to the user of the repository's processes, also on the way to somewhere else.
        volume = volume.resolve()
        if not volume.is_dir():
            return settings, f"the cache volume is not at {volume}: packages are fetched anew"
        every = volume / _FOLDER
        every.mkdir(mode=0o700, exist_ok=True)
        every.chmod(0o700)
        own = every / repository_key(spec)
        is_warm = own.is_dir()
        _make_room(every, own)
        own.mkdir(mode=0o755, exist_ok=True)
        os.utime(own)
    except OSError as exc:
        return settings, f"the cache volume can't be used ({exc.strerror}): packages are fetched anew"
    said = (
        "packages of earlier validations are on the cache volume" if is_warm else "the cache volume has no packages yet"
    )
    return replace(settings, uv_cache=own / "uv", pip_cache=own / "pip"), said


def repository_key(spec: ValidationSpec) -> str:
    """What a repository's caches are known by: two of one name at two addresses don't share any."""
    repository = spec.repository
    identity = "\n".join((repository.organization, repository.name, repository.url))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def _make_room(every: Path, own: Path) -> None:
    """Remove the caches that were not used for longest until enough is free; never the repository's own."""
    others = sorted((each for each in every.iterdir() if each != own), key=lambda each: each.stat().st_mtime)
    for each in others:
        usage = shutil.disk_usage(every)
        if usage.free >= min(_LEAST_FREE_BYTES, usage.total // _LEAST_FREE_SHARE):
            return
        remove_tree(each)
