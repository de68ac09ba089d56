"""Which libraries of the system packages of Python ask for, and which images surely lack them.

Only libraries that no wheel brings along and that the usual images differ in stand here.
Sources: the lists of manylinux (PEP 513, 571, 599, 600); the packages of Debian and Ubuntu that hold these files.
"""

from __future__ import annotations

from dataclasses import dataclass

from janitor.inspection.provision.system.base_system import Contents, Family
from janitor.inspection.provision.system.state import StageState
from janitor.inspection.provision.system.system_packages import is_listed


@dataclass(frozen=True, kw_only=True)
class SystemLibrary:
    """A library that an image may lack."""

    package: str
    """Of Debian and Ubuntu, that brings it."""
    brought_by: frozenset[str]
    """Listed packages that bring it, too, or may."""


_X11 = frozenset({"libgl1", "libgl1-mesa-glx", "libegl1", "libsm6", "libxext6", "libxrender1", "python3-tk", "sox"})
_X11_OF_SSH = _X11 | {"openssh-server", "openssh-client"}
_GLIB = frozenset(
    {"libglib2.0-0", "libglib2.0-0t64", "software-properties-common", "pkg-config", "sox", "espeak-ng", "python3-tk"}
)
_GOMP = frozenset(
    {
        *("libgomp1", "build-essential", "gcc", "g++", "cmake", "python3-pip", "python3-dev", "python3-full", "sox"),
        *("python3-tk", "espeak-ng"),
    }
)
LIBRARIES: dict[str, SystemLibrary] = {
    "libGL.so.1": SystemLibrary(
        package="libgl1", brought_by=frozenset({"libgl1", "libgl1-mesa-glx", "python3-tk", "sox"})
    ),
    "libEGL.so.1": SystemLibrary(package="libegl1", brought_by=frozenset({"libegl1", "libgl1-mesa-glx"})),
    "libOpenGL.so.0": SystemLibrary(package="libopengl0", brought_by=frozenset({"libopengl0", "libgl1-mesa-glx"})),
    "libglib-2.0.so.0": SystemLibrary(package="libglib2.0-0", brought_by=_GLIB),
    "libgthread-2.0.so.0": SystemLibrary(package="libglib2.0-0", brought_by=_GLIB),
    "libgobject-2.0.so.0": SystemLibrary(package="libglib2.0-0", brought_by=_GLIB),
    "libX11.so.6": SystemLibrary(package="libx11-6", brought_by=_X11_OF_SSH),
    "libXext.so.6": SystemLibrary(package="libxext6", brought_by=_X11_OF_SSH),
    "libXrender.so.1": SystemLibrary(package="libxrender1", brought_by=_X11),
    "libSM.so.6": SystemLibrary(package="libsm6", brought_by=_X11),
    "libICE.so.6": SystemLibrary(package="libice6", brought_by=_X11),
    "libgomp.so.1": SystemLibrary(package="libgomp1", brought_by=_GOMP),
    "libsndfile.so.1": SystemLibrary(package="libsndfile1", brought_by=frozenset({"libsndfile1", "sox", "espeak-ng"})),
    "libportaudio.so.2": SystemLibrary(package="libportaudio2", brought_by=frozenset({"espeak-ng"})),
    "libmagic.so.1": SystemLibrary(package="libmagic1", brought_by=frozenset({"file", "build-essential"})),
    "libusb-1.0.so.0": SystemLibrary(package="libusb-1.0-0", brought_by=frozenset()),
}
_EVERYWHERE = (
    *("libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "libutil.so", "libresolv.so", "libnsl.so"),
    *("libgcc_s.so", "libstdc++.so", "ld-linux", "libz.so", "libcrypt.so", "libexpat.so", "libpython3", "libatomic.so"),
    *("libffi.so", "libssl.so", "libcrypto.so", "libbz2.so", "liblzma.so", "libuuid.so", "linux-vdso"),
    # The GPU's driver, which is mounted into a container.
    *("libcuda.so", "libnvidia-", "libnvcuvid.so"),
)
"""Beginnings of what every image has that runs the wheel at all."""


def is_everywhere(library: str) -> bool:
    """Whether a library is nothing that images differ in."""
    return library.startswith(_EVERYWHERE)


def surely_lacks(state: StageState, library: str) -> SystemLibrary | None:
    """The library, if no image of this state has it; None where it may."""
    known, system = LIBRARIES.get(library), state.system
    if known is None or system is None or state.open_programs is not None:
        return None
    is_small = system.contents in (Contents.MINIMAL, Contents.CUDA) and system.family is not Family.ALPINE
    if not is_small or (library == "libgomp.so.1" and system.contents is not Contents.MINIMAL):
        return None
    if known.package in state.packages or any(each in known.brought_by for each in state.packages):
        return None
    return known if all(map(is_listed, state.packages)) else None
