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
        rf"manifest (?:for )?{_IMAGE} (?:is )?(?:not found|unknown)",
        "image not found: {}",
        "manifest for python:9.99 not found: manifest unknown",
        image_name,
    ),
    Cause(
        r"registry has no image ([\w./:@-]{1,300})",
        "image not found: {}",
        "the registry has no image python:9.99",
        image_name,
    ),
    Cause(
        rf"pull access denied for {_IMAGE}",
        "image not found: {}",
        "pull access denied for o/x:1, repository does not exist",
        image_name,
    ),
    Cause(
        rf"load metadata for {_IMAGE}\n?.{{0,300}}not found",
        "image not found: {}",
        "load metadata for docker.io/library/python:9.99\nERROR: not found",
        image_name,
    ),
    Cause(
        rf"(?<![\w/.:-]){_IMAGE}: (?:failed to resolve[^\n]{{0,300}}: )?not found",
        "image not found: {}",
        "docker.io/library/python:9.99: not found",
        image_name,
    ),
    Cause(
        r"No module named [\"'`]?([A-Za-z_][\w.]{0,120})",
        "ModuleNotFoundError: no module named {}",
        "ModuleNotFoundError: No module named 'runpod'",
    ),
    Cause(
        (
            r"cannot import name"
            r" ([\"']\w{1,80}[\"'] from (?:partially initialized module )?[\"'][\w.]{1,120}[\"'])"
        ),
        "ImportError: cannot import name {}",
        "ImportError: cannot import name 'x' from partially initialized module 'y'",
        lambda text: text.replace("partially initialized module ", ""),
    ),
    Cause(
        rf"no matching distribution found for {_PACKAGE}",
        "no such distribution: {}",
        "ERROR: No matching distribution found for runpod==99",
        package_name,
    ),
    Cause(
        rf"could not find a version that satisfies the requirement {_PACKAGE}",
        "no such distribution: {}",
        "Could not find a version that satisfies the requirement runpod==99",
        package_name,
    ),
    Cause(
        rf"Because {_PACKAGE} was not found in",
        "no such distribution: {}",
        "Because nope was not found in the package registry",
        package_name,
    ),
    Cause(
        rf"there (?:is|are) no versions? of {_PACKAGE}",
        "no such distribution: {}",
        "Because there is no version of runpod==99",
        package_name,
    ),
    Cause(
        rf"(?:PackagesNotFoundError|ResolvePackageNotFound):?\s{{1,9}}-?\s{{0,9}}{_PACKAGE}",
        "no such distribution: {}",
        "PackagesNotFoundError: - nope",
        package_name,
    ),
    Cause(
        rf"failed building wheel for {_PACKAGE}",
        "does not build: {}",
        "ERROR: Failed building wheel for flash-attn",
        package_name,
    ),
    Cause(
        rf"could not build wheels for {_PACKAGE}",
        "does not build: {}",
        "ERROR: Could not build wheels for flash-attn",
        package_name,
    ),
    Cause(
        rf"failed to build:? {_PACKAGE}", "does not build: {}", "error: Failed to build `flash-attn==2.0`", package_name
    ),
    Cause(rf"unable to locate package {_PACKAGE}", "no such system package: {}", "E: Unable to locate package ffmpegg"),
    Cause(
        rf"package {_PACKAGE}[\"'`]? has no installation candidate",
        "no such system package: {}",
        "E: Package 'python9' has no installation candidate",
    ),
    Cause(
        rf"(?:could not load library|error loading|cannot open):? [\"'`]?(?:[\w./-]{{0,200}}/)?{_LIBRARY}",
        "shared library not loadable: {}",
        "Could not load library libcudnn_ops_infer.so.8",
    ),
    Cause(
        rf"unable to load any of \{{{_LIBRARY}",
        "shared library not loadable: {}",
        "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9}",
    ),
    Cause(
        rf"{_LIBRARY}(?:\.\d{{1,4}}){{0,4}}: (?:cannot open shared object|undefined symbol|version)",
        "shared library not loadable: {}",
        "libGL.so.1: cannot open shared object file: No such file or directory",
    ),
    Cause(
        r"no kernel image is available for execution|CUDA capability sm_\d{1,4} is not compatible",
        "CUDA: no kernel image for this GPU",
        "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    ),
    Cause(
        r"(?:CUDA|HIP) out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED",
        "CUDA out of memory",
        "torch.cuda.OutOfMemoryError: CUDA out of memory.",
    ),
    Cause(
        r"torch not compiled with CUDA enabled",
        "torch is built without CUDA",
        "AssertionError: Torch not compiled with CUDA enabled",
    ),
    Cause(
        (
            r"found no NVIDIA driver|CUDA driver version is insufficient|forward compatibility was attempted"
            r"|failed to initialize NVML|driver/library version mismatch|nvidia driver on your system is too old"
        ),
        "the GPU driver can't be used",
        "RuntimeError: Found no NVIDIA driver on your system.",
    ),
    Cause(
        r"no space left on device|ENOSPC|disk quota exceeded",
        "no space left on the disk",
        "OSError: [Errno 28] No space left on device",
    ),
    Cause(
        r"toomanyrequests|too many requests|pull rate limit",
        "a registry or server takes no more requests for now",
        "toomanyrequests: You have reached your pull rate limit",
    ),
    Cause(
        rf"\b(?:404|410)\b[^\n]{{0,200}}?{_URL}",
        "gone from the network: {}",
        "404 Client Error: Not Found for url: https://huggingface.co/o/x",
        url_name,
    ),
    Cause(
        rf"{_URL}[^\n]{{0,80}}?\b(?:404|410)\b",
        "gone from the network: {}",
        "https://huggingface.co/o/x is gone (HTTP 404)",
        url_name,
    ),
    Cause(
        rf"\b40[13]\b[^\n]{{0,200}}?{_URL}",
        "access denied: {}",
        "401 Client Error: Unauthorized for url: https://huggingface.co/o/x",
        url_name,
    ),
    Cause(rf"{_URL}[^\n]{{0,80}}?\b40[13]\b", "access denied: {}", "https://huggingface.co/o/x: HTTP 403", url_name),
    Cause(
        r"hash mismatch for|do not match the hashes|hashes are required in --require-hashes",
        "a package is not the one whose hash is stated",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE",
    ),
    Cause(
        r"address already in use|EADDRINUSE", "the port is in use already", "OSError: [Errno 98] Address already in use"
    ),
    Cause(
        (
            r"could not resolve host|name or service not known|temporary failure (?:in name resolution|resolving)"
            r"|no such host|failed to lookup address|nodename nor servname"
        ),
        "a host name can't be resolved",
        "curl: (6) Could not resolve host: example.org",
    ),
    Cause(
        r"HTTPS?ConnectionPool\(host='([\w.:-]{1,200})', port=\d{1,5}\): Max retries exceeded",
        "no connection to {}",
        "HTTPSConnectionPool(host='example.org', port=443): Max retries exceeded with url: /x",
        lambda host: "this machine" if host in _LOOPBACK else host.lower(),
    ),
    Cause(
        rf"exec:? [\"'`](?:[\w./-]{{0,200}}/)?{_COMMAND}[\"'`]:? executable file not found",
        "command not found: {}",
        'exec: "uvicorn": executable file not found in $PATH',
    ),
    Cause(
        rf"\b(?:sh|bash|dash|ash|zsh)(?:: (?:line )?\d{{1,6}})?: {_COMMAND}: (?:command )?not found",
        "command not found: {}",
        "/bin/sh: 1: nvcc: not found",
    ),
    Cause(rf"(?<![\w./-]){_COMMAND}: command not found", "command not found: {}", "nvcc: command not found"),
    Cause(
        rf"(?<![\w.-]){_PACKAGE}{_VERSION} (?:\([^)\n]{{1,80}}\) )?depends on {_PACKAGE}",
        "the requirements contradict each other: {}",
        "torch 2.1.0 depends on nvidia-nccl-cu12",
        package_name,
    ),
    Cause(
        rf"cannot install {_PACKAGE}{_VERSION},? and {_PACKAGE}[^\n]{{0,200}}? conflicting",
        "the requirements contradict each other: {}",
        "Cannot install torch==2.1.0 and torchvision==0.14.0 because these versions have conflicting needs",
        package_name,
    ),
    Cause(
        (
            r"cannot install [^\n]{0,300}?because these package versions have conflicting"
            r"|ResolutionImpossible|no solution found when resolving"
        ),
        "the requirements contradict each other",
        "ERROR: ResolutionImpossible: for help visit",
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
