"""Which CUDA, cuDNN and system Python a base image brings, so far as its name says."""

from __future__ import annotations

import re

_CUDA = (
    re.compile(r"(?:^|/)cuda:(\d{1,2})\.(\d)"),
    re.compile(r"cuda[-_]?(\d{1,2})\.(\d)"),
    # runpod/pytorch:1.0.1-cu1281-torch280-ubuntu2404, and cu118.
    re.compile(r"(?:^|[-_:])cu(?:da)?(\d{2})(\d)\d?(?=[-_.]|$)"),
)
_CUDNN = re.compile(r"cudnn(\d+)")
_NAMES_CUDA = re.compile(r"cuda|(?:^|[-_:])cu1\d\d|nvidia|tensorrt|vllm|sglang")
_BARE = re.compile(r"(?:docker\.io/)?(?:library/)?(?:python|debian|ubuntu|alpine)(?:[:@].*)?")
# Source: the default python3 of each release.
_SYSTEM_PYTHON = (
    (re.compile(r"ubuntu-?20\.?04|focal"), (3, 8)),
    (re.compile(r"ubuntu-?22\.?04|jammy"), (3, 10)),
    (re.compile(r"ubuntu-?24\.?04|noble"), (3, 12)),
    (re.compile(r"debian:?-?11|bullseye"), (3, 9)),
    (re.compile(r"debian:?-?12|bookworm"), (3, 11)),
)


def base_cuda(reference: str) -> tuple[int, int] | None:
    """The (major, minor) CUDA version in an image's name; None if it names none."""
    for pattern in _CUDA:
        if match := pattern.search(reference):
            return int(match.group(1)), int(match.group(2))
    return None


def base_cudnn(reference: str) -> int | None:
    """The major cuDNN version in an image's name; `cudnn` alone says none."""
    match = _CUDNN.search(reference)
    return int(match.group(1)) if match else None


def has_cuda(reference: str) -> bool | None:
    """Whether the image brings CUDA; None where its name doesn't tell."""
    if base_cuda(reference) is not None or _NAMES_CUDA.search(reference):
        return True
    return False if _BARE.fullmatch(reference) else None


def system_python(reference: str) -> tuple[int, int] | None:
    """The python3 that the image's system brings; None where its name doesn't tell."""
    return next((version for pattern, version in _SYSTEM_PYTHON if pattern.search(reference)), None)
