"""Libraries of the system: what ELF files ask for, what images lack, and what an import loads."""

from __future__ import annotations

import io
import struct
import sys
import sysconfig
from pathlib import Path

import pytest

from janitor.inspection.elf import needed_libraries
from janitor.inspection.install.cudnn_versions import brought_cudnn, cudnn_of_base, wanted_cudnn
from janitor.inspection.provision.system.base_system import base_system
from janitor.inspection.provision.system.state import StageState
from janitor.inspection.provision.system.system_libraries import LIBRARIES, is_everywhere, surely_lacks
from janitor.inspection.python.installed_imports import surely_loaded
from janitor.inspection.python.started_tools import started_tools
from janitor.validator.engines.venv.host_libraries import InstalledLibraries


def elf(*names: str) -> bytes:
    """The least of an ELF file that asks for these libraries."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    places, at = [], 1
    for name in names:
        places.append(at)
        at += len(name) + 1
    head, headers = 64, 2 * 56
    start = head + headers
    entries = [*((1, place) for place in places), (5, 0x1000), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 3, 62, 1, 0, head, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, start, 0x1000, 0x1000, len(strings), len(strings), 8)
    listed = struct.pack("<IIQQQQQQ", 2, 4, start + len(strings), 0x2000, 0x2000, len(dynamic), len(dynamic), 8)
    return header + load + listed + strings + dynamic


def needed(content: bytes) -> tuple[str, ...]:
    return needed_libraries(io.BytesIO(content))


def test_the_libraries_that_a_file_names() -> None:
    assert needed(elf("libGL.so.1", "libc.so.6")) == ("libGL.so.1", "libc.so.6")
    assert needed(elf()) == ()


def test_what_a_real_file_names() -> None:
    interpreter = Path(sys.executable).resolve()
    with interpreter.open("rb") as file:
        found = needed_libraries(file)
    assert any(name.startswith("libc.so") for name in found), sysconfig.get_platform()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF",
        b"#!/bin/sh\n",
        elf("libGL.so.1")[:100],
        elf("libGL.so.1")[:-40],
        # 32 bits, and the other order of bytes.
        b"\x7fELF\x01" + elf("libGL.so.1")[5:],
        b"\x7fELF\x02\x02" + elf("libGL.so.1")[6:],
        # Places that no file has.
        elf("libGL.so.1")[:32] + struct.pack("<Q", 2**63) + elf("libGL.so.1")[40:],
        elf("libGL.so.1")[:56] + struct.pack("<H", 65_535) + elf("libGL.so.1")[58:],
        bytes(range(256)) * 64,
    ],
)
def test_what_is_no_such_file_names_nothing_or_its_libraries(content: bytes) -> None:
    assert needed(content) in ((), ("libGL.so.1",))


# -- images


def state(reference: str, *packages: str) -> StageState:
    found = StageState.of_base(base_system(reference), reference)
    found.add_system_packages(set(packages))
    return found


@pytest.mark.parametrize(
    ("reference", "packages", "library", "lacks"),
    [
        ("python:3.11-slim", (), "libGL.so.1", True),
        ("python:3.11-slim", ("git", "curl", "python3-pip"), "libGL.so.1", True),
        ("python:3.11-slim", ("libgl1",), "libGL.so.1", False),
        ("python:3.11-slim", ("libgl1-mesa-glx", "libglib2.0-0"), "libGL.so.1", False),
        ("python:3.11-slim", ("ffmpeg", "libsm6", "libxext6"), "libGL.so.1", False),
        ("python:3.11-slim", ("some-other",), "libGL.so.1", False),
        ("python:3.11-slim", ("libsm6",), "libGL.so.1", True),
        ("python:3.11-slim", ("libgl1",), "libglib-2.0.so.0", True),
        ("python:3.11-slim", ("libglib2.0-0",), "libgthread-2.0.so.0", False),
        ("python:3.11-slim", ("build-essential",), "libgomp.so.1", False),
        ("python:3.11-slim", (), "libgomp.so.1", True),
        ("python:3.11", (), "libGL.so.1", False),
        ("nvidia/cuda:12.4.1-runtime-ubuntu22.04", ("python3", "python3-pip"), "libGL.so.1", True),
        ("nvidia/cuda:12.4.1-devel-ubuntu22.04", (), "libGL.so.1", False),
        ("nvidia/cuda:12.4.1-runtime-ubuntu22.04", (), "libgomp.so.1", False),
        ("python:3.11-alpine", (), "libGL.so.1", False),
        ("runpod/base:0.6.2-cuda12.2.0", (), "libGL.so.1", False),
        ("python:3.11-slim", (), "libunknown.so.1", False),
    ],
)
def test_what_images_surely_lack(reference: str, packages: tuple[str, ...], library: str, lacks: bool) -> None:
    assert (surely_lacks(state(reference, *packages), library) is not None) is lacks


def test_nothing_is_lacking_after_a_command_that_nobody_knows() -> None:
    opened = state("python:3.11-slim")
    opened.open_all("a script")
    assert surely_lacks(opened, "libGL.so.1") is None


def test_no_library_that_differs_is_called_everywhere() -> None:
    assert [name for name in LIBRARIES if is_everywhere(name)] == []
    assert all(map(is_everywhere, ("libc.so.6", "libstdc++.so.6", "libcuda.so.1", "ld-linux-x86-64.so.2")))


# -- imports of installed packages


def put(folder: Path, name: str, content: bytes | str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_what_an_import_surely_loads(tmp_path: Path) -> None:
    put(tmp_path, "top/__init__.py", "from .inner import thing\nfrom helper.deep import other\nimport sys\n")
    put(tmp_path, "top/inner.py", "from . import _fast\ntry:\n    import perhaps\nexcept ImportError:\n    pass\n")
    put(tmp_path, "top/_fast.cpython-311-x86_64-linux-gnu.so", elf())
    put(tmp_path, "top/_never.cpython-311-x86_64-linux-gnu.so", elf())
    put(tmp_path, "helper/__init__.py", "def later():\n    import lazy\n")
    put(tmp_path, "helper/deep.abi3.so", elf())
    for name in ("perhaps", "lazy"):
        put(tmp_path, f"{name}.so", elf())
    found = surely_loaded(tmp_path, ["top"])
    assert {path.name.split(".")[0] for path in found} == {"_fast", "deep"}
    assert set(found.values()) <= {"top", "top.inner", "top._fast", "helper.deep"}


def installed(folder: Path) -> InstalledLibraries:
    put(folder, "cv2/__init__.py", "import importlib\n")
    put(folder, "cv2/cv2.abi3.so", elf("libQt5Core-1.so", "libc.so.6"))
    put(folder, "opencv_python.libs/libQt5Core-1.so", elf("libGL.so.1", "libz.so.1"))
    put(folder, "odd/_odd.so", elf("libodd.so.3"))
    return InstalledLibraries(folder)


def test_a_library_that_an_import_needs_and_the_image_lacks(tmp_path: Path) -> None:
    found = installed(tmp_path)
    fault = found.fault(["cv2"], state("python:3.11-slim"))
    assert fault is not None
    assert fault.text == (
        "importing cv2 needs libGL.so.1, and the image has none: install libgl1, or take opencv-python-headless"
    )
    assert found.fault(["cv2"], state("python:3.11-slim", "libgl1")) is None
    assert found.fault(["odd"], state("python:3.11-slim")) is None


def test_every_library_of_the_machine_is_told_those_that_lack_first(tmp_path: Path) -> None:
    told = installed(tmp_path).stand_ins(state("python:3.11-slim"))
    assert [(each.library, each.is_lacking, each.needed_by) for each in told] == [
        ("libGL.so.1", True, "opencv_python.libs/libQt5Core-1.so"),
        ("libodd.so.3", False, "odd/_odd.so"),
    ]


def test_tools_that_a_source_starts() -> None:
    source = (
        "import os, subprocess, shutil\n"
        "def handler(job):\n"
        "    subprocess.run(['ffmpeg', '-i', job], check=True)\n"
        "    os.system('git status && ls')\n"
        "    shutil.which(job)\n"
        "    subprocess.Popen(f'nvidia-smi -i {job}', shell=True)\n"
        "    subprocess.run([job])\n"
        "    model.run('not-started')\n"
    )
    assert [(each.name, each.line) for each in started_tools(source)] == [("ffmpeg", 3), ("git", 4), ("nvidia-smi", 6)]
    assert started_tools("def broken(:\n") == []


# -- cuDNN


@pytest.mark.parametrize(
    ("package", "version", "wanted"),
    [
        ("ctranslate2", "4.5.0", 9),
        ("ctranslate2", "4.4.0", 8),
        ("ctranslate2", None, 9),
        ("faster-whisper", "1.0.3", 9),
        ("faster-whisper", "0.10.1", None),
        ("faster-whisper", None, 9),
        ("torch", "2.4.0", None),
    ],
)
def test_the_cudnn_that_a_package_loads(package: str, version: str | None, wanted: int | None) -> None:
    assert wanted_cudnn(package, version) == wanted


@pytest.mark.parametrize(
    ("package", "version", "brought"),
    [
        ("torch", "2.4.0", 9),
        ("torch", "2.3.1+cu121", 8),
        ("torch", None, None),
        ("nvidia-cudnn-cu12", "8.9.7.29", 8),
        ("nvidia-cudnn-cu12", "9.1.0.70", 9),
        ("idna", "3.7", None),
    ],
)
def test_the_cudnn_that_comes_with_a_package(package: str, version: str | None, brought: int | None) -> None:
    assert brought_cudnn(package, version) == brought


@pytest.mark.parametrize(
    ("reference", "major"),
    [
        ("nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04", 8),
        ("nvidia/cuda:12.3.2-cudnn9-runtime-ubuntu22.04", 9),
        ("nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", 9),
        ("nvidia/cuda:12.8.1-cudnn-devel-ubuntu24.04", 9),
        ("nvidia/cuda:12.4.0-cudnn-devel-ubuntu22.04", None),
        ("nvidia/cuda:12.4.1-runtime-ubuntu22.04", None),
        ("python:3.11-slim", None),
    ],
)
def test_the_cudnn_of_a_base(reference: str, major: int | None) -> None:
    assert cudnn_of_base(reference) == major
