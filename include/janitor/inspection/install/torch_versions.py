"""Which versions of PyTorch's companions demand which PyTorch, and which CUDA builds of it exist.

Each companion's wheel names one exact PyTorch, so another one beside it can't be installed.
Source: the metadata of the wheels on PyPI; https://pytorch.org/get-started/previous-versions/.
"""

from __future__ import annotations

import re

_TORCHVISION = {
    **{"0.13.0": "1.12.0", "0.13.1": "1.12.1", "0.14.0": "1.13.0", "0.14.1": "1.13.1"},
    **{"0.15.1": "2.0.0", "0.15.2": "2.0.1", "0.16.0": "2.1.0", "0.16.1": "2.1.1", "0.16.2": "2.1.2"},
    **{"0.17.0": "2.2.0", "0.17.1": "2.2.1", "0.17.2": "2.2.2", "0.18.0": "2.3.0", "0.18.1": "2.3.1"},
    **{"0.19.0": "2.4.0", "0.19.1": "2.4.1", "0.20.0": "2.5.0", "0.20.1": "2.5.1", "0.21.0": "2.6.0"},
    **{"0.22.0": "2.7.0", "0.22.1": "2.7.1", "0.23.0": "2.8.0", "0.24.1": "2.9.1"},
}
_TORCHAUDIO = {
    **{"2.0.1": "2.0.0", "2.0.2": "2.0.1"},
    **{
        version: version
        for version in (
            *(
                "2.1.0",
                "2.1.1",
                "2.1.2",
                "2.2.0",
                "2.2.1",
                "2.2.2",
                "2.3.0",
                "2.3.1",
                "2.4.0",
                "2.4.1",
                "2.5.0",
                "2.5.1",
            ),
            *("2.6.0", "2.7.0", "2.7.1", "2.8.0"),
        )
    },
}
_XFORMERS = {
    **{"0.0.22.post7": "2.1.0", "0.0.23": "2.1.1", "0.0.23.post1": "2.1.2", "0.0.24": "2.2.0", "0.0.25": "2.2.1"},
    **{"0.0.25.post1": "2.2.2", "0.0.26.post1": "2.3.0", "0.0.27": "2.3.1", "0.0.27.post2": "2.4.0"},
    **{"0.0.28.post1": "2.4.1", "0.0.28.post2": "2.5.0", "0.0.28.post3": "2.5.1", "0.0.29.post1": "2.5.1"},
    **{"0.0.29.post3": "2.6.0", "0.0.30": "2.7.0", "0.0.31.post1": "2.7.1", "0.0.32.post2": "2.8.0"},
}
COMPANIONS = {"torchvision": _TORCHVISION, "torchaudio": _TORCHAUDIO, "xformers": _XFORMERS}
"""Package → its version → the PyTorch that it demands."""

_BUILDS = {
    "cu102": ((1, 5), (1, 12)),
    "cu113": ((1, 10), (1, 12)),
    "cu116": ((1, 12), (1, 13)),
    "cu117": ((1, 13), (2, 0)),
    "cu118": ((2, 0), (2, 7)),
    "cu121": ((2, 1), (2, 5)),
    "cu124": ((2, 4), (2, 6)),
    "cu126": ((2, 6), None),
    "cu128": ((2, 7), None),
    "cu129": ((2, 8), None),
    "cu130": ((2, 9), None),
}
_PYPI = re.compile(r"https?://(?:pypi\.org|pypi\.python\.org)/simple/?")
_INDEX = re.compile(r"https://download\.pytorch\.org/whl/(?P<build>cu\d+|cpu)(?:/|$)")


def index_build(url: str) -> str | None:
    """The build that one of PyTorch's own indexes holds: `cu121`, `cpu`; None for another index."""
    match = _INDEX.match(url)
    return match.group("build") if match else None


def is_pypi(url: str) -> bool:
    """Whether an index is PyPI's own."""
    return _PYPI.fullmatch(url) is not None


def public_version(version: str) -> str:
    """The version without its local part: `2.1.0` of `2.1.0+cu118`."""
    return version.partition("+")[0]


def local_build(version: str) -> str | None:
    """The local part of a version: `cu118` of `2.1.0+cu118`."""
    return version.partition("+")[2] or None


def demanded_torch(package: str, version: str) -> str | None:
    """The exact PyTorch that this version of a companion demands; None where that isn't known."""
    return COMPANIONS.get(package, {}).get(public_version(version))


def build_exists(torch: str, build: str) -> bool:
    """False only where PyTorch surely was never published for this CUDA."""
    limits = _BUILDS.get(build)
    match = re.match(r"(\d+)\.(\d+)", torch)
    if limits is None or match is None:
        return True
    version = (int(match.group(1)), int(match.group(2)))
    first, last = limits
    return version >= first and (last is None or version <= last)
