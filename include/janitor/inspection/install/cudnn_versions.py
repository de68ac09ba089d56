"""Which major version of cuDNN packages load, and which one others bring along.

A cuDNN of another major has its libraries under other names: what asks for them fails on its first use of the GPU.
Sources: the release notes of CTranslate2 4.5.0 and faster-whisper 1.0.0; the metadata of PyTorch's wheels on PyPI;
the Dockerfiles of nvidia/cuda.
"""

from __future__ import annotations

import re

from janitor.inspection.dockerfile.cuda_version import base_cuda, base_cudnn

_OF_BASE_SINCE = (12, 5)
"""From here on the tags of nvidia/cuda say `cudnn` without a number, and mean the ninth."""


def wanted_cudnn(package: str, version: str | None) -> int | None:
    """The cuDNN that a package loads; None where that isn't known.

    Args:
        package: By its normalised name.
        version: The exact one; None is the newest of today.
    """
    numbers = _numbers(version)
    if package == "ctranslate2":
        return 9 if version is None else None if numbers is None else 9 if numbers >= (4, 5) else 8
    if package == "faster-whisper":
        # It takes any CTranslate2 from 4.0 on, so that an installer gets the newest.
        return 9 if version is None or (numbers is not None and numbers >= (1, 0)) else None
    return None


def brought_cudnn(package: str, version: str | None) -> int | None:
    """The cuDNN that comes with a package of an exact version; None where that isn't known."""
    numbers = _numbers(version)
    if numbers is None:
        return None
    if package == "torch":
        return 9 if numbers >= (2, 4) else 8
    return numbers[0] if package.startswith("nvidia-cudnn-cu") else None


def cudnn_of_base(reference: str) -> int | None:
    """The cuDNN of a base image; None where its name doesn't tell, or where it has none."""
    stated = base_cudnn(reference)
    if stated is not None or "nvidia/cuda:" not in reference or "-cudnn-" not in reference:
        return stated
    cuda = base_cuda(reference)
    is_ninth = cuda is not None and (cuda >= _OF_BASE_SINCE or re.search(r"cuda:12\.4\.1-", reference) is not None)
    return 9 if is_ninth else None


def _numbers(version: str | None) -> tuple[int, int] | None:
    match = re.match(r"(\d{1,6})\.(\d{1,6})", version or "")
    return (int(match[1]), int(match[2])) if match is not None else None
