"""Tells whose fault a failed build is from what the tools said: the repository's, or that of the world around it.

Trouble of the world goes first: a registry that is down makes pip say that there is no matching distribution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from janitor.protocol.reason_codes import ReasonCode

_FLAGS = re.IGNORECASE | re.MULTILINE


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A cause that was recognised."""

    repository_at_fault: bool
    code: ReasonCode
    reason: str
    """With the line that shows it."""


def _rules(*rules: tuple[str, ReasonCode, str]) -> tuple[tuple[re.Pattern[str], ReasonCode, str], ...]:
    return tuple((re.compile(pattern, _FLAGS), code, reason) for pattern, code, reason in rules)


_WORLD = _rules(
    (r"no space left on device|ENOSPC|disk quota exceeded", ReasonCode.DISK_FULL, "the instance's disk is full"),
    (r"input/output error|structure needs cleaning", ReasonCode.DISK_TROUBLE, "the instance's disk is at fault"),
    (
        r"cannot allocate memory|signal: killed|OOMKilled|out of memory: killed|killed signal terminated program",
        ReasonCode.OUT_OF_MEMORY,
        "the instance ran out of memory",
    ),
    (
        r"toomanyrequests|too many requests|(?:status|error|code)\D{0,12}429\b|pull rate limit|rate.?limit exceeded",
        ReasonCode.RATE_LIMITED,
        "a registry refused further requests for now",
    ),
    (
        r"(?:status|error|code|HTTP)\D{0,16}\b50[0234]\b|HTTP status server error|bad gateway|service unavailable"
        r"|gateway time-?out|internal server error",
        ReasonCode.SERVER_TROUBLE,
        "a server answered with an error of its own",
    ),
    (
        r"could not resolve host|name or service not known|temporary failure in name resolution|no such host"
        r"|failed to lookup address|dns error|nodename nor servname|getaddrinfo|name resolution"
        r"|temporary failure resolving",
        ReasonCode.NAME_RESOLUTION,
        "a host name could not be resolved",
    ),
    (
        r"connection (?:refused|reset|timed out|aborted)|network is unreachable|no route to host|connect timeout"
        r"|read timed out|timed? ?out after|i/o timeout|TLS handshake timeout|operation timed out"
        r"|client error \(Connect\)|failed to connect to|couldn't connect to server|broken pipe|unexpected EOF"
        r"|early EOF|RPC failed|remote end hung up|incompleteread|connection broken|max retries exceeded"
        r"|context deadline exceeded|request failed after \d+ retr|error sending request|network was disabled"
        r"|connection error",
        ReasonCode.NETWORK,
        "the network failed",
    ),
    (
        r"(?:status|error|code|HTTP)\D{0,16}\b40[13]\b|unauthorized|authentication required|access (?:is )?denied"
        r"|no basic auth credentials|certificate verify failed|unknown certificate authority|UnknownIssuer"
        # What a registry says of an image that is private as well as of one that doesn't exist.
        r"|pull access denied|repository does not exist or may require|insufficient_scope",
        ReasonCode.REGISTRY_DENIED,
        "a registry or server refused access",
    ),
    (
        r"secret [\w.-]+:? not found|failed to (?:open|stat) secret",
        ReasonCode.NEEDS_SECRET,
        "the build wants a secret that this validation was not given",
    ),
    (
        r"cannot connect to the docker daemon|docker daemon.{0,300}not running|error during connect"
        r"|failed to dial gRPC",
        ReasonCode.ENGINE_TROUBLE,
        "the Docker engine does not answer",
    ),
    (
        r"nvidia-container-cli|could not select device driver|failed to initialize NVML",
        ReasonCode.HOST_DRIVER,
        "the GPU driver",
    ),
)

_REPOSITORY = _rules(
    (
        r"failed to (?:compute cache key|calculate checksum)",
        ReasonCode.COPY_SOURCE_MISSING,
        "a file that the build copies is not there",
    ),
    (
        r"dockerfile parse error|base name .{0,300} should not be blank"
        r"|target stage .{0,300} (?:could )?not (?:be )?found",
        ReasonCode.DOCKERFILE_INVALID,
        "the Dockerfile can't be built",
    ),
    (
        r"no match for platform|no matching manifest for|does not match the specified platform",
        ReasonCode.BASE_PLATFORM,
        "a base image is not made for this platform",
    ),
    (
        r"404 \(?not found|HTTP error 404|returned error: 404|manifest (?:for .{0,300} )?(?:not found|unknown)"
        r"|: not found$|repository '[^'\n]+' not found|couldn't find remote ref|failed to fetch branch or tag",
        ReasonCode.NOT_FOUND,
        "something that the build downloads does not exist",
    ),
    (
        r"was not found in the package registry|no matching distribution found|could not find a version that satisfies"
        r"|there is no version of|no versions of",
        ReasonCode.DEPENDENCY_NOT_FOUND,
        "a required package, or this version of it, does not exist",
    ),
    (
        r"hash mismatch for|do not match the hashes|hashes are required in --require-hashes"
        r"|in `--require-hashes` mode",
        ReasonCode.DEPENDENCY_HASH,
        "a required package is not the one whose hash is stated",
    ),
    (
        r"requires a different python|current Python version .{0,200} does not satisfy|has no wheels with a matching",
        ReasonCode.DEPENDENCY_PYTHON,
        "a required package does not support this Python",
    ),
    (
        r"no solution found when resolving|ResolutionImpossible|conflicting dependencies"
        r"|cannot install .{0,800} because these",
        ReasonCode.DEPENDENCY_CONFLICT,
        "the required packages contradict each other",
    ),
    (
        r"failed to parse:|couldn't parse requirement|invalid requirement|invalid URL|wheel filename .{0,300} is"
        r" invalid|unsupported requirement",
        ReasonCode.REQUIREMENTS_INVALID,
        "a requirement is not well-formed",
    ),
    (
        r"failed to build|failed building wheel|subprocess-exited-with-error|build backend (?:failed|returned)"
        r"|could not build wheels|fatal error: .{0,300}: no such file",
        ReasonCode.DEPENDENCY_BUILD,
        "a required package does not build",
    ),
    (
        r"unable to locate package|has no installation candidate",
        ReasonCode.SYSTEM_PACKAGE,
        "a system package does not exist",
    ),
)


_NOT_THERE = _rules(
    (
        r"could not open requirements file|error: file not found:|distribution not found at|is not installable"
        r"|does not appear to be a python project|hint: it looks like a path|is not a valid editable requirement"
        r"|error parsing included file in [^\n]{1,400}\n[^\n]{0,40}failed to read from file [^\n]{1,400}: no such file",
        ReasonCode.REQUIREMENTS_MISSING,
        "what is to be installed is not there",
    )
)
_NO_BUILD_TOOLS = re.compile(
    r"command '?[\w./+-]*(?:cc|gcc|g\+\+|clang|nvcc|cmake|ninja|cargo|rustc)'? failed: no such file"
    r"|unable to execute '?[\w./+-]+'?: no such file"
    r"|no such file or directory: '(?:gcc|cc|c\+\+|cmake|ninja|make|git|nvcc|cargo)'|unknown compiler"
    r"|cmake must be installed|can't find rust compiler|\b(?:gcc|cc|make|cmake): (?:command )?not found"
    r"|fatal error: [\w./]+\.h: no such file|git executable not found|pkg-config.{0,40}not found",
    _FLAGS,
)


def missing_requirements(text: str) -> Trouble | None:
    """That a file or folder to install from is not there: the repository's fault where all its files were at hand."""
    return _first(text, _NOT_THERE, repository_at_fault=True)


def lacks_build_tools(text: str) -> bool:
    """Whether a package failed to build for want of a compiler, a header or a tool of the system."""
    return _NO_BUILD_TOOLS.search(text) is not None


def world_trouble(text: str) -> Trouble | None:
    """Trouble that no repository is to blame for; None if there is no sign of any."""
    return _first(text, _WORLD, repository_at_fault=False)


def build_trouble(text: str, exit_code: int | None) -> Trouble | None:
    """Why a build failed; None if its output gives no known reason.

    Args:
        text: What the build printed.
        exit_code: Of the build; -9 and 137 are the kernel's way to say that memory ran out.
    """
    if trouble := world_trouble(text):
        return trouble
    # Before what it said: a build that was killed complains of what it could not end.
    if exit_code in (-9, 137):
        return Trouble(
            repository_at_fault=False,
            code=ReasonCode.OUT_OF_MEMORY,
            reason="the build was killed, as by lack of memory",
        )
    return _first(text, _REPOSITORY, repository_at_fault=True)


def _first(
    text: str, rules: tuple[tuple[re.Pattern[str], ReasonCode, str], ...], *, repository_at_fault: bool
) -> Trouble | None:
    for pattern, code, reason in rules:
        if match := pattern.search(text):
            return Trouble(
                repository_at_fault=repository_at_fault, code=code, reason=f"{reason}: {_line(text, match.start())}"
            )
    return None


def _line(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return " ".join(text[start : end if end >= 0 else len(text)].split())[:300]
