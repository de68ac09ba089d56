"""What is known of base images by their name: whether they can hold a worker, and what their creators put into them."""

from __future__ import annotations

import re

_PLAIN = r"(?:docker\.io/)?(?:library/)?(?:python|ubuntu|debian|alpine|fedora|rockylinux)|scratch"
_BARE = re.compile(
    rf"(?:{_PLAIN}|(?:docker\.io/)?(?:nvidia/cuda|nvcr\.io/nvidia/cuda|pytorch/pytorch|continuumio/\w+|runpod/base"
    r"|runpod/pytorch)|nvcr\.io/nvidia/cuda)(?:[:@].*)?"
)
_WITHOUT_PYTORCH = re.compile(rf"(?:{_PLAIN}|(?:docker\.io/|nvcr\.io/)?nvidia/cuda)(?:[:@].*)?")
_WORKDIRS = ((re.compile(r"(?:docker\.io/)?pytorch/pytorch(?:[:@].*)?|nvcr\.io/nvidia/pytorch[:@].*"), "/workspace"),)
_PACKAGE_FILE = re.compile(r"/(?:site|dist)-packages/|^/usr/(?:lib|share)/")
_OWN_FILES = (
    # Sources: the images' own Dockerfiles, github.com/runpod/containers and gitlab.com/nvidia/container-images/cuda.
    (re.compile(r"^(?:docker\.io/)?runpod/"), re.compile(r"^/(?:start|pre_start|post_start)\.sh\Z")),
    (re.compile(r"nvidia|^(?:docker\.io/)?runpod/"), re.compile(r"^/opt/nvidia/")),
    (re.compile(r"conda|pytorch"), re.compile(r"^/opt/conda/")),
)
SYSTEM_FOLDERS = frozenset(
    f"/{name}"
    for name in (
        *("", "bin", "dev", "etc", "home", "lib", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys"),
        *("tmp", "usr", "usr/bin", "usr/include", "usr/lib", "usr/local", "usr/local/bin", "usr/local/etc"),
        *("usr/local/include", "usr/local/lib", "usr/local/sbin", "usr/local/share", "usr/local/src", "usr/sbin"),
        *("usr/share", "usr/src", "var", "var/lib", "var/log", "var/tmp"),
    )
)
"""Folders of every Linux image; `scratch` alone has none."""
PROGRAM_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""PATH where an image states none. Source: runc and the images' own settings."""
_UV_IMAGE = re.compile(r"(?:^|/)astral-sh/uv(?:[:@]|$)")


def is_bare(reference: str) -> bool:
    """Whether the image surely holds no worker of its own, so that one that is missing can't come from it."""
    return _BARE.fullmatch(reference) is not None


def surely_lacks_pytorch(reference: str) -> bool:
    """Whether no PyTorch is in the image that could satisfy what is asked for."""
    return _WITHOUT_PYTORCH.fullmatch(reference) is not None


def brings(reference: str, path: str) -> bool:
    """Whether an absolute path may be one of the base image's own files, or of an installed package's."""
    return _PACKAGE_FILE.search(path) is not None or any(
        image.search(reference) and file.search(path) for image, file in _OWN_FILES
    )


def is_of_uv(reference: str) -> bool:
    """Whether an image brings an installer alone, which is no part of a worker."""
    return _UV_IMAGE.search(reference) is not None


def workdir_of(reference: str) -> str:
    """The WORKDIR that an image sets, so far as its name says."""
    return next((folder for pattern, folder in _WORKDIRS if pattern.fullmatch(reference)), "/")


def folders_of(reference: str) -> frozenset[str]:
    """The folders that are there before anything is copied."""
    return frozenset({"/"}) if reference == "scratch" else SYSTEM_FOLDERS
