"""What is known of the file system that an image starts with, by its name."""

from __future__ import annotations

import re

from janitor.inspection.dockerfile.base_images import PROGRAM_FOLDERS, folders_of, surely_lacks_pytorch
from janitor.inspection.image.places import Budget, ImagePlaces

_NAMES = ("python", "python3", *(f"python3.{minor}" for minor in range(6, 16)), "python2", "python2.7")


def base_places(reference: str, budget: Budget) -> ImagePlaces:
    """The file system of a base image.

    Args:
        reference: As the Dockerfile names it.
        budget: For all stages of the Dockerfile.
    """
    is_plain = surely_lacks_pytorch(reference)
    places = ImagePlaces(holds_more=not is_plain, budget=budget)
    if reference == "scratch":
        return places
    for folder in sorted(folders_of(reference)):
        if folder != "/":
            # What is in a folder of the system nobody lists here.
            places.make_folder(folder, None)
            places.fill(folder)
    for path in _surely_lacks(reference):
        places.remove(path, None)
    return places


def _surely_lacks(reference: str) -> list[str]:
    """Programs that the image doesn't have before anything is installed.

    Sources: the images' own Dockerfiles; Debian's slim images have no Python of their own, the full ones do.
    """
    name, tag = _parts(reference)
    found: list[str] = []
    if name == "python":
        version = re.match(r"3\.\d+", tag)
        has_system_python = not ("slim" in tag or "alpine" in tag)
        for program in _NAMES:
            is_own = program in ("python", "python3") or version is None or program == f"python{version[0]}"
            for folder in PROGRAM_FOLDERS:
                if (folder == "/usr/local/bin" and is_own) or (folder in ("/usr/bin", "/bin") and has_system_python):
                    continue
                found.append(f"{folder}/{program}")
    elif name in ("ubuntu", "debian", "alpine") or (name == "nvidia/cuda" and ("ubuntu" in tag or "debian" in tag)):
        found += [f"{folder}/{program}" for folder in PROGRAM_FOLDERS for program in _NAMES]
    if name == "alpine" or (name == "python" and "alpine" in tag):
        found += [f"{folder}/bash" for folder in PROGRAM_FOLDERS]
    return found


def _parts(reference: str) -> tuple[str, str]:
    """The name by which an image is commonly known, and its tag."""
    plain = reference.partition("@")[0]
    for prefix in ("docker.io/", "nvcr.io/", "library/"):
        plain = plain.removeprefix(prefix)
    name, _, tag = plain.partition(":")
    return name, tag
