"""Causes that tools and libraries word in many ways, each brought to one wording with what it is about.

pip, uv and conda, dash and bash, Docker's builders of different versions: without this the same cause would read
differently in the next repository. What names the cause is kept: the package, the library, the image, the command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from janitor.protocol.text.plain_lines import image_name, package_name, url_name

_FLAGS = re.IGNORECASE | re.MULTILINE

_PACKAGE = r"[\"'`(]{0,2}([A-Za-z0-9][\w.-]{0,80})"
_VERSION = r"(?:\[[\w,.-]{1,80}\])?(?:\s?[=<>~!]{1,3}\s?[\w.*+!,<>=-]{1,60}|\s\d[\w.+!-]{0,40})?"
_IMAGE = r"[\"'`]?((?:[\w.-]{1,100}(?::\d{1,5})?/){0,6}[\w.-]{1,100}(?::[\w.-]{1,128}|@sha256:[0-9a-f]{64}))[\"'`]?"
_LIBRARY = r"(lib[\w+-]{1,80}\.so(?:\.\d{1,3})?)"
_URL = r"(?=(https?://[^\s\"'<>)\]]{1,400}))\1"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104 - names in a message
_COMMAND = r"([A-Za-z_][\w.+-]{0,80})"


class Cause(NamedTuple):
    """One cause, and the words that tell of it."""

    pattern: str
    wording: str
    """`{}` is what the groups have matched; more than one in the order of the alphabet."""
    example: str
    """What a tool has said."""
    subject: Callable[[str], str] = str


# What is told most exactly goes first.
CAUSES: tuple[Cause, ...] = (
    Cause(
        pattern=rf"manifest (?:for )?{_IMAGE} (?:is )?(?:not found|unknown)",
        wording="image not found: {}",
        subject=image_name,
        example="manifest for python:9.99 not found: manifest unknown",
    ),
    Cause(
        pattern=r"registry has no image ([\w./:@-]{1,300})",
        wording="image not found: {}",
        subject=image_name,
        example="the registry has no image python:9.99",
    ),
    Cause(
        pattern=rf"pull access denied for {_IMAGE}",
        wording="image not found: {}",
        subject=image_name,
        example="pull access denied for o/x:1, repository does not exist",
    ),
    Cause(
        pattern=rf"load metadata for {_IMAGE}\n?.{{0,300}}not found",
        wording="image not found: {}",
        subject=image_name,
        example="load metadata for docker.io/library/python:9.99\nERROR: not found",
    ),
    Cause(
        pattern=rf"(?<![\w/.:-]){_IMAGE}: (?:failed to resolve[^\n]{{0,300}}: )?not found",
        wording="image not found: {}",
        subject=image_name,
        example="docker.io/library/python:9.99: not found",
    ),
    Cause(
        pattern=r"No module named [\"'`]?([A-Za-z_][\w.]{0,120})",
        wording="ModuleNotFoundError: no module named {}",
        example="ModuleNotFoundError: No module named 'runpod'",
    ),
    Cause(
        pattern=(
            r"cannot import name"
            r" ([\"']\w{1,80}[\"'] from (?:partially initialized module )?[\"'][\w.]{1,120}[\"'])"
        ),
        wording="ImportError: cannot import name {}",
        subject=lambda text: text.replace("partially initialized module ", ""),
        example="ImportError: cannot import name 'x' from partially initialized module 'y'",
    ),
    Cause(
        pattern=rf"no matching distribution found for {_PACKAGE}",
        wording="no such distribution: {}",
        subject=package_name,
        example="ERROR: No matching distribution found for runpod==99",
    ),
    Cause(
        pattern=rf"could not find a version that satisfies the requirement {_PACKAGE}",
        wording="no such distribution: {}",
        subject=package_name,
        example="Could not find a version that satisfies the requirement runpod==99",
    ),
    Cause(
        pattern=rf"Because {_PACKAGE} was not found in",
        wording="no such distribution: {}",
        subject=package_name,
        example="Because nope was not found in the package registry",
    ),
    Cause(
        pattern=rf"there (?:is|are) no versions? of {_PACKAGE}",
        wording="no such distribution: {}",
        subject=package_name,
        example="Because there is no version of runpod==99",
    ),
    Cause(
        pattern=rf"(?:PackagesNotFoundError|ResolvePackageNotFound):?\s{{1,9}}-?\s{{0,9}}{_PACKAGE}",
        wording="no such distribution: {}",
        subject=package_name,
        example="PackagesNotFoundError: - nope",
    ),
    Cause(
        pattern=rf"failed building wheel for {_PACKAGE}",
        wording="does not build: {}",
        subject=package_name,
        example="ERROR: Failed building wheel for flash-attn",
    ),
    Cause(
        pattern=rf"could not build wheels for {_PACKAGE}",
        wording="does not build: {}",
        subject=package_name,
        example="ERROR: Could not build wheels for flash-attn",
    ),
    Cause(
        pattern=rf"failed to build:? {_PACKAGE}",
        wording="does not build: {}",
        subject=package_name,
        example="error: Failed to build `flash-attn==2.0`",
    ),
    Cause(
        pattern=rf"unable to locate package {_PACKAGE}",
        wording="no such system package: {}",
        example="E: Unable to locate package ffmpegg",
    ),
    Cause(
        pattern=rf"package {_PACKAGE}[\"'`]? has no installation candidate",
        wording="no such system package: {}",
        example="E: Package 'python9' has no installation candidate",
    ),
    Cause(
        pattern=rf"(?:could not load library|error loading|cannot open):? [\"'`]?(?:[\w./-]{{0,200}}/)?{_LIBRARY}",
        wording="shared library not loadable: {}",
        example="Could not load library libcudnn_ops_infer.so.8",
    ),
    Cause(
        pattern=rf"unable to load any of \{{{_LIBRARY}",
        wording="shared library not loadable: {}",
        example="Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9}",
    ),
    Cause(
        pattern=rf"{_LIBRARY}(?:\.\d{{1,4}}){{0,4}}: (?:cannot open shared object|undefined symbol|version)",
        wording="shared library not loadable: {}",
        example="libGL.so.1: cannot open shared object file: No such file or directory",
    ),
    Cause(
        pattern=r"no kernel image is available for execution|CUDA capability sm_\d{1,4} is not compatible",
        wording="CUDA: no kernel image for this GPU",
        example="RuntimeError: CUDA error: no kernel image is available for execution on the device",
    ),
    Cause(
        pattern=r"(?:CUDA|HIP) out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED",
        wording="CUDA out of memory",
        example="torch.cuda.OutOfMemoryError: CUDA out of memory.",
    ),
    Cause(
        pattern=r"torch not compiled with CUDA enabled",
        wording="torch is built without CUDA",
        example="AssertionError: Torch not compiled with CUDA enabled",
    ),
    Cause(
        pattern=(
            r"found no NVIDIA driver|CUDA driver version is insufficient|forward compatibility was attempted"
            r"|failed to initialize NVML|driver/library version mismatch|nvidia driver on your system is too old"
        ),
        wording="the GPU driver can't be used",
        example="RuntimeError: Found no NVIDIA driver on your system.",
    ),
    Cause(
        pattern=r"no space left on device|ENOSPC|disk quota exceeded",
        wording="no space left on the disk",
        example="OSError: [Errno 28] No space left on device",
    ),
    Cause(
        pattern=r"toomanyrequests|too many requests|pull rate limit",
        wording="a registry or server takes no more requests for now",
        example="toomanyrequests: You have reached your pull rate limit",
    ),
    Cause(
        pattern=rf"\b(?:404|410)\b[^\n]{{0,200}}?{_URL}",
        wording="gone from the network: {}",
        subject=url_name,
        example="404 Client Error: Not Found for url: https://huggingface.co/o/x",
    ),
    Cause(
        pattern=rf"{_URL}[^\n]{{0,80}}?\b(?:404|410)\b",
        wording="gone from the network: {}",
        subject=url_name,
        example="https://huggingface.co/o/x is gone (HTTP 404)",
    ),
    Cause(
        pattern=rf"\b40[13]\b[^\n]{{0,200}}?{_URL}",
        wording="access denied: {}",
        subject=url_name,
        example="401 Client Error: Unauthorized for url: https://huggingface.co/o/x",
    ),
    Cause(
        pattern=rf"{_URL}[^\n]{{0,80}}?\b40[13]\b",
        wording="access denied: {}",
        subject=url_name,
        example="https://huggingface.co/o/x: HTTP 403",
    ),
    Cause(
        pattern=r"hash mismatch for|do not match the hashes|hashes are required in --require-hashes",
        wording="a package is not the one whose hash is stated",
        example="ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE",
    ),
    Cause(
        pattern=r"address already in use|EADDRINUSE",
        wording="the port is in use already",
        example="OSError: [Errno 98] Address already in use",
    ),
    Cause(
        pattern=(
            r"could not resolve host|name or service not known|temporary failure (?:in name resolution|resolving)"
            r"|no such host|failed to lookup address|nodename nor servname"
        ),
        wording="a host name can't be resolved",
        example="curl: (6) Could not resolve host: example.org",
    ),
    Cause(
        pattern=r"HTTPS?ConnectionPool\(host='([\w.:-]{1,200})', port=\d{1,5}\): Max retries exceeded",
        wording="no connection to {}",
        subject=lambda host: "this machine" if host in _LOOPBACK else host.lower(),
        example="HTTPSConnectionPool(host='example.org', port=443): Max retries exceeded with url: /x",
    ),
    Cause(
        pattern=rf"exec:? [\"'`](?:[\w./-]{{0,200}}/)?{_COMMAND}[\"'`]:? executable file not found",
        wording="command not found: {}",
        example='exec: "uvicorn": executable file not found in $PATH',
    ),
    Cause(
        pattern=rf"\b(?:sh|bash|dash|ash|zsh)(?:: (?:line )?\d{{1,6}})?: {_COMMAND}: (?:command )?not found",
        wording="command not found: {}",
        example="/bin/sh: 1: nvcc: not found",
    ),
    Cause(
        pattern=rf"(?<![\w./-]){_COMMAND}: command not found",
        wording="command not found: {}",
        example="nvcc: command not found",
    ),
    Cause(
        pattern=rf"(?<![\w.-]){_PACKAGE}{_VERSION} (?:\([^)\n]{{1,80}}\) )?depends on {_PACKAGE}",
        wording="the requirements contradict each other: {}",
        subject=package_name,
        example="torch 2.1.0 depends on nvidia-nccl-cu12",
    ),
    Cause(
        pattern=rf"cannot install {_PACKAGE}{_VERSION},? and {_PACKAGE}[^\n]{{0,200}}? conflicting",
        wording="the requirements contradict each other: {}",
        subject=package_name,
        example="Cannot install torch==2.1.0 and torchvision==0.14.0 because these versions have conflicting needs",
    ),
    Cause(
        pattern=(
            r"cannot install [^\n]{0,300}?because these package versions have conflicting"
            r"|ResolutionImpossible|no solution found when resolving"
        ),
        wording="the requirements contradict each other",
        example="ERROR: ResolutionImpossible: for help visit",
    ),
)


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], Cause], ...]:
    return tuple((re.compile(cause.pattern, _FLAGS), cause) for cause in CAUSES)


def known_cause(text: str) -> str | None:
    """The first known cause that a text shows, in its one wording; None if it shows none.

    Args:
        text: A reason, or a part of a log.
    """
    for pattern, cause in _compiled():
        if match := pattern.search(text):
            subjects = {cause.subject(group.rstrip(".,:;")) for group in match.groups() if group is not None}
            return cause.wording.replace("{}", " and ".join(sorted(subjects)))
    return None
