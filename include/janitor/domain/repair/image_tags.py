"""Which tag of an image is nearest to one that is gone: the same but for the last numbers of its versions.

Invariant: name, CUDA and cuDNN, system and flavour stay. Where another has to be chosen among these, nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_VERSION = re.compile(r"(?<![\w.])v?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,8}))?(?:\.(\d{1,8}))?(?![\w.])")
_KEPT = re.compile(r"(?:ubuntu|debian|rockylinux|ubi|alpine|cudnn|cu|torch|pytorch|py|python|el)-?\d[\d.]*")
_UNSTABLE = re.compile(r"(?i)(?:^|[-._])(?:rc|alpha|beta|dev|nightly|a|b)\d*(?=$|[-._])|\d(?:rc|a|b)\d+")


@dataclass(frozen=True, kw_only=True)
class _Tag:
    shape: str
    """The tag with its own version left out."""
    version: tuple[int, ...]


def nearest_tag(gone: str, tags: Iterable[str]) -> str | None:
    """The tag that comes nearest: the next patch of the same minor version, else the newest of it before.

    Args:
        gone: The tag that isn't there any more.
        tags: Those that are.
    """
    wanted = _read(gone)
    if wanted is None or len(wanted.version) < 2:
        return None
    near = [
        (tag, read.version)
        for tag in tags
        if tag != gone
        and not (_UNSTABLE.search(tag) and not _UNSTABLE.search(gone))
        and (read := _read(tag)) is not None
        and read.shape == wanted.shape
        and read.version[:2] == wanted.version[:2]
        and len(read.version) == len(wanted.version)
    ]
    later = sorted((version, tag) for tag, version in near if version > wanted.version)
    earlier = sorted((version, tag) for tag, version in near if version < wanted.version)
    if later:
        return later[0][1]
    return earlier[-1][1] if earlier else None


def _read(tag: str) -> _Tag | None:
    """The first version in a tag that isn't one of a part that has to stay."""
    held = [match.span() for match in _KEPT.finditer(tag)]
    for match in _VERSION.finditer(tag):
        if any(start <= match.start() < end for start, end in held):
            continue
        version = tuple(int(number) for number in match.groups() if number is not None)
        return _Tag(shape=f"{tag[: match.start(1)]}*{tag[match.end() :]}", version=version)
    return None
