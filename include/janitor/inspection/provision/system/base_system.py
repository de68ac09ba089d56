"""What the best-known base images bring by themselves: a system, a Python, and which programs they surely lack.

A table of facts that hold for every image of a name; of an image that isn't listed nothing is said.
Sources: the images' own Dockerfiles, github.com/docker-library and gitlab.com/nvidia/container-images/cuda.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Family(str, Enum):
    """Which distribution an image is made of."""

    DEBIAN = "debian"
    UBUNTU = "ubuntu"
    ALPINE = "alpine"


class Contents(str, Enum):
    """How much an image brings beside the distribution's minimum."""

    MINIMAL = "minimal"  # debian, ubuntu, alpine, the slim images of Python
    CUDA = "cuda"  # CUDA's libraries: nvidia/cuda base and runtime
    CUDA_DEVEL = "cuda_devel"  # with compilers
    BUILD_TOOLS = "build_tools"  # the full images of Python: compilers, git, headers


@dataclass(frozen=True, kw_only=True)
class BaseSystem:
    """What is known of a base image."""

    family: Family
    release: tuple[int, int] | None
    """Of the distribution: (22, 4), (12, 0); None where the name doesn't tell."""
    contents: Contents
    has_python: bool
    """Whether it is an image of Python: an interpreter in /usr/local."""
    python: str | None
    """The version of that interpreter, such as 3.11; None where the name doesn't tell, or where there is none."""
    is_recent: bool = False
    """Whether the name means a release of today, whichever that is: `ubuntu:latest`."""

    @property
    def system_python(self) -> str | None:
        """The version of the `python3` that the distribution's packages bring; None where that isn't known."""
        return _SYSTEM_PYTHON.get((self.family, self.release)) if self.release is not None else None

    @property
    def is_managed(self) -> bool | None:
        """Whether the distribution's own Python refuses `pip install`; None where that isn't known.

        Source: PEP 668; Debian since 12, Ubuntu since 23.04.
        """
        first = _MANAGED_SINCE.get(self.family)
        if first is None or (self.release is None and not self.is_recent):
            return None
        return self.release is None or self.release >= first

    @property
    def shell_is_dash(self) -> bool:
        """Whether /bin/sh is a dash, which knows no `source`, no `[[` and, as it is there, no `pipefail`."""
        return self.family in (Family.DEBIAN, Family.UBUNTU)

    @property
    def has_no_plain_python(self) -> bool:
        """Whether no package of the distribution brings a `python` unless it is named after it."""
        since = {Family.DEBIAN: (11, 0), Family.UBUNTU: (20, 4)}.get(self.family)
        return since is not None and (self.is_recent if self.release is None else self.release >= since)

    def lacks(self, program: str) -> bool:
        """Whether the image surely comes without this program."""
        if self.has_python and re.fullmatch(r"(?:python|pip)\d*(?:\.\d+)?", program):
            # A further Python by its number; where the image's own isn't known, any may be that.
            is_another = self.python is not None and program in _NUMBERED and not program.endswith(self.python)
            return is_another and self.contents is not Contents.BUILD_TOOLS
        if self.family is Family.ALPINE:
            return program in _NOT_IN_ALPINE or (program in _LACKING[self.contents] and program not in _OF_BUSYBOX)
        return program in _LACKING[self.contents]


_MANAGED_SINCE = {Family.DEBIAN: (12, 0), Family.UBUNTU: (23, 4)}
_SYSTEM_PYTHON = {
    **{(Family.DEBIAN, (11, 0)): "3.9", (Family.DEBIAN, (12, 0)): "3.11", (Family.DEBIAN, (13, 0)): "3.13"},
    **{(Family.UBUNTU, (20, 4)): "3.8", (Family.UBUNTU, (22, 4)): "3.10", (Family.UBUNTU, (24, 4)): "3.12"},
}
_ADDED = frozenset(
    {
        *(
            "uv",
            "uvx",
            "conda",
            "mamba",
            "micromamba",
            "poetry",
            "pipenv",
            "pdm",
            "ffmpeg",
            "ffprobe",
            "cmake",
            "ninja",
        ),
        *(
            "node",
            "npm",
            "yarn",
            "cargo",
            "rustc",
            "go",
            "java",
            "sudo",
            "vim",
            "nano",
            "jq",
            "aria2c",
            "git-lfs",
            "zip",
        ),
        *(
            "tini",
            "dumb-init",
            "gunicorn",
            "huggingface-cli",
            "hf",
            "aws",
            "gsutil",
            "modelscope",
            "dvc",
            "supervisord",
            "tmux",
            "espeak-ng",
            "sox",
        ),
    }
)
"""No system comes with these by itself."""
_TOOLS = frozenset({"git", "wget", "curl", "gcc", "g++", "cc", "c++", "make", "unzip", "rsync", "patch", "ssh"})
_PYTHONS = frozenset({"python", "python3", "pip", "pip3", "virtualenv"})
_NUMBERED = frozenset(f"{name}3.{minor}" for name in ("python", "pip") for minor in range(6, 16))
_LACKING = {
    Contents.MINIMAL: _ADDED | _TOOLS | _PYTHONS | _NUMBERED | {"nvcc"},
    # Its build fetches its keys with curl, and takes that away again in most releases.
    Contents.CUDA: (_ADDED | _TOOLS | _PYTHONS | _NUMBERED | {"nvcc"}) - {"curl"},
    # Its debuggers have brought a Python along in some releases, though none by the plain names.
    Contents.CUDA_DEVEL: (_ADDED | {"python", "pip", "pip3", "wget", "git", "unzip", "virtualenv"}) - {"zip"},
    Contents.BUILD_TOOLS: (_ADDED | {"nvcc"}) - {"zip", "sudo"},
}
_NOT_IN_ALPINE = frozenset({"bash", "git", "curl", "gcc", "g++", "make", "ffmpeg", "sudo"})
_OF_BUSYBOX = frozenset({"wget", "unzip", "patch"})
_RELEASES = {
    **{"bullseye": (11, 0), "bookworm": (12, 0), "trixie": (13, 0)},
    **{"focal": (20, 4), "jammy": (22, 4), "noble": (24, 4)},
}
_HUB = r"(?:docker\.io/)?(?:library/)?"
_DIGEST = r"(?:@sha256:[0-9a-f]+)?"
_PYTHON = re.compile(rf"{_HUB}python:(?P<version>\d+(?:\.\d+)*)(?P<rest>-[\w.-]+)?{_DIGEST}")
_DISTRIBUTION = re.compile(rf"{_HUB}(?P<name>debian|ubuntu|alpine):(?P<tag>[\w.-]+){_DIGEST}")
_CUDA = re.compile(
    rf"(?:(?:docker\.io|nvcr\.io)/)?nvidia/cuda:\d+\.\d+(?:\.\d+)?(?P<middle>(?:-[a-z]+\d*)*)-ubuntu(?P<year>\d\d)"
    rf"\.(?P<month>\d\d){_DIGEST}"
)


def base_system(reference: str) -> BaseSystem | None:
    """What is known of an image by its name; None where that is nothing."""
    if match := _PYTHON.fullmatch(reference):
        return _of_python(match["version"], match["rest"] or "")
    if match := _CUDA.fullmatch(reference):
        contents = Contents.CUDA_DEVEL if "-devel" in match["middle"] else Contents.CUDA
        release = (int(match["year"]), int(match["month"]))
        return BaseSystem(family=Family.UBUNTU, release=release, contents=contents, has_python=False, python=None)
    if match := _DISTRIBUTION.fullmatch(reference):
        family = Family(match["name"])
        tag = match["tag"].removesuffix("-slim")
        return BaseSystem(
            family=family,
            release=_release(family, tag),
            contents=Contents.MINIMAL,
            has_python=False,
            python=None,
            is_recent=tag in ("latest", "rolling", "stable", "testing", "unstable", "sid"),
        )
    return None


def _of_python(version: str, rest: str) -> BaseSystem | None:
    if not version.startswith("3") or "windows" in rest:
        return None
    numbers = version.split(".")
    family = Family.ALPINE if "-alpine" in rest else Family.DEBIAN
    is_small = family is Family.ALPINE or "-slim" in rest
    return BaseSystem(
        family=family,
        release=next((release for name, release in _RELEASES.items() if name in rest), None),
        contents=Contents.MINIMAL if is_small else Contents.BUILD_TOOLS,
        has_python=True,
        python=".".join(numbers[:2]) if len(numbers) > 1 else None,
    )


def _release(family: Family, tag: str) -> tuple[int, int] | None:
    if family is Family.ALPINE:
        return None
    if match := re.match(r"(\d\d)\.(\d\d)", tag) if family is Family.UBUNTU else None:
        return int(match[1]), int(match[2])
    if family is Family.DEBIAN and (match := re.match(r"(\d\d)(?:\.\d+)?$", tag)):
        return int(match[1]), 0
    return next((release for name, release in _RELEASES.items() if tag.startswith(name)), None)
