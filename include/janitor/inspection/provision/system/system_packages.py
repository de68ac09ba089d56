"""Which programs packages of a distribution bring, with those that they depend on or recommend.

A package that isn't listed may bring any: only what all packages together surely don't bring can be called missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PYTHON3 = frozenset({"python3"})
_COMPILERS = frozenset({"gcc", "g++", "cc", "c++", "make", "patch"})
_PIP = _PYTHON3 | _COMPILERS | {"pip", "pip3"}
_NONE: frozenset[str] = frozenset()
_BRINGS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("python3", "python3-minimal", "python3-venv", "python3-distutils", "python3-setuptools"), _PYTHON3
    ),
    **dict.fromkeys(("python3-wheel", "software-properties-common", "lsb-release"), _PYTHON3),
    **dict.fromkeys(("python3-dev", "python3-full", "python3-tk"), _PYTHON3 | _COMPILERS),
    "python3-pip": _PIP,
    "python3-virtualenv": _PYTHON3 | {"virtualenv"},
    **dict.fromkeys(("python-is-python3", "python-is-python2", "python", "python-minimal"), _PYTHON3 | {"python"}),
    "git": frozenset({"git", "patch", "ssh"}),
    "git-lfs": frozenset({"git", "git-lfs", "patch", "ssh"}),
    "curl": frozenset({"curl"}),
    "wget": frozenset({"wget"}),
    "unzip": frozenset({"unzip"}),
    "zip": frozenset({"zip", "unzip"}),
    "jq": frozenset({"jq"}),
    "sudo": frozenset({"sudo"}),
    "nano": frozenset({"nano"}),
    "rsync": frozenset({"rsync"}),
    "aria2": frozenset({"aria2c"}),
    "build-essential": _COMPILERS,
    "gcc": _COMPILERS,
    "g++": _COMPILERS,
    "make": frozenset({"make"}),
    "cmake": _COMPILERS | {"cmake"},
    "ninja-build": frozenset({"ninja"}),
    "sox": frozenset({"sox"}),
    "espeak-ng": frozenset({"espeak-ng"}),
    **dict.fromkeys(("openssh-client", "openssh-server"), frozenset({"ssh"})),
    **dict.fromkeys(("ca-certificates", "gnupg", "gnupg2", "locales", "tzdata", "procps", "tini", "dumb-init"), _NONE),
    **dict.fromkeys(
        ("bzip2", "xz-utils", "zstd", "apt-utils", "apt-transport-https", "dirmngr", "less", "file"), _NONE
    ),
    **dict.fromkeys(
        ("bash", "coreutils", "findutils", "net-tools", "iputils-ping", "htop", "pkg-config", "p7zip"), _NONE
    ),
    **dict.fromkeys(("libgl1", "libglib2.0-0", "libglib2.0-0t64", "libsm6", "libxext6", "libxrender1"), _NONE),
    **dict.fromkeys(("libgl1-mesa-glx", "libsndfile1", "libgomp1", "libpython3-stdlib", "libegl1"), _NONE),
    **dict.fromkeys(("libportaudio2", "libmagic1", "libopengl0", "libice6", "libx11-6", "libusb-1.0-0"), _NONE),
}
_NUMBERED_PYTHON = re.compile(r"python(3\.\d+)(?:-(?:dev|venv|distutils|full|minimal|lib2to3))?")
_PYTHON_LIBRARY = re.compile(r"python3-[a-z0-9.+-]+")
_RUNTIME_LIBRARY = re.compile(r"lib[a-z0-9.+]+(?:-[a-z]+)?-?\d[\w.]*|libgl[\w.-]*")
_PLAIN = frozenset({"python", "python-is-python3", "python-is-python2", "python-minimal", "python-dev", "python-pip"})


def bare_name(word: str) -> str:
    """A package's name without a version, an architecture or a release."""
    return re.split(r"[=:/]", word, maxsplit=1)[0]


def is_listed(package: str) -> bool:
    """Whether it is known what a package brings with it."""
    return package in _BRINGS or _NUMBERED_PYTHON.fullmatch(package) is not None


def programs_of(package: str) -> frozenset[str] | None:
    """The programs among those that are asked about that a package brings; None where that isn't known."""
    if package in _BRINGS:
        return _BRINGS[package]
    if match := _NUMBERED_PYTHON.fullmatch(package):
        return frozenset({f"python{match[1]}", *_COMPILERS})
    if _PYTHON_LIBRARY.fullmatch(package):
        return None
    return frozenset() if _RUNTIME_LIBRARY.fullmatch(package) and not package.endswith("-dev") else None


def may_bring(packages: Iterable[str], program: str, *, only_by_name: bool) -> bool:
    """Whether one of these packages may bring a program.

    Args:
        packages: By their bare names.
        program: Its name.
        only_by_name: Whether `python` comes of no package but those that are named after it.
    """
    if program == "python" and only_by_name:
        return any(name in _PLAIN or re.fullmatch(r"python2[\w.-]*", name) is not None for name in packages)
    # A package brings the program that it is named after, in every distribution.
    return any(name == program or (found := programs_of(name)) is None or program in found for name in packages)
