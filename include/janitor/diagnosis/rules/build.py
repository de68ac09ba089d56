"""Whose fault a failed build or installation is, by what the tools say: the repository's or that of the world around.

Trouble of the world goes first: a registry that is down makes pip say that there is no matching distribution.
"""

from __future__ import annotations

from functools import partial

from janitor.diagnosis.rules.rule import Blame, Rule, Source, worded
from janitor.protocol.terms.reason_codes import ReasonCode

_world = partial(worded, source=Source.BUILD, blame=Blame.WORLD)
_fault = partial(worded, source=Source.BUILD, blame=Blame.REPOSITORY)

WORLD: tuple[Rule, ...] = (
    _world(
        ReasonCode.DISK_FULL,
        "the instance's disk is full",
        r"no space left on device|ENOSPC|disk quota exceeded",
        "write /var/lib/docker/tmp/layer: no space left on device",
    ),
    _world(
        ReasonCode.DISK_TROUBLE,
        "the instance's disk is at fault",
        r"input/output error|structure needs cleaning",
        "OSError: [Errno 5] Input/output error: '/var/lib/x'",
    ),
    _world(
        ReasonCode.OUT_OF_MEMORY,
        "the instance ran out of memory",
        r"cannot allocate memory|signal: killed|OOMKilled|out of memory: killed|killed signal terminated program",
        "c++: fatal error: Killed signal terminated program cc1plus",
    ),
    _world(
        ReasonCode.RATE_LIMITED,
        "a registry refused further requests for now",
        r"toomanyrequests|too many requests|(?:status|error|code)\D{0,12}429\b|pull rate limit|rate.?limit exceeded",
        "toomanyrequests: You have reached your pull rate limit",
    ),
    _world(
        ReasonCode.SERVER_TROUBLE,
        "a server answered with an error of its own",
        (
            r"(?:status|error|code|HTTP)\D{0,16}\b50[0234]\b|HTTP status server error|bad gateway|service unavailable"
            r"|gateway time-?out|internal server error"
        ),
        "received unexpected HTTP status: 503 Service Unavailable",
    ),
    _world(
        ReasonCode.NAME_RESOLUTION,
        "a host name could not be resolved",
        (
            r"could not resolve host|name or service not known|temporary failure in name resolution|no such host"
            r"|failed to lookup address|dns error|nodename nor servname|getaddrinfo|name resolution"
            r"|temporary failure resolving"
        ),
        "curl: (6) Could not resolve host: example.org",
    ),
    _world(
        ReasonCode.NETWORK,
        "the network failed",
        (
            r"connection (?:refused|reset|timed out|aborted)|network is unreachable|no route to host|connect timeout"
            r"|read timed out|timed? ?out after|i/o timeout|TLS handshake timeout|operation timed out"
            r"|client error \(Connect\)|failed to connect to|couldn't connect to server|broken pipe|unexpected EOF"
            r"|early EOF|RPC failed|remote end hung up|incompleteread|connection broken|max retries exceeded"
            r"|context deadline exceeded|request failed after \d+ retr|error sending request|network was disabled"
            r"|connection error"
        ),
        "net/http: TLS handshake timeout",
    ),
    _world(
        ReasonCode.REGISTRY_DENIED,
        "a registry or server refused access",
        (
            r"(?:status|error|code|HTTP)\D{0,16}\b40[13]\b|unauthorized|authentication required|access (?:is )?denied"
            r"|no basic auth credentials|certificate verify failed|unknown certificate authority|UnknownIssuer"
            # What a registry says of an image that is private as well as of one that doesn't exist.
            r"|pull access denied|repository does not exist or may require|insufficient_scope"
        ),
        "pull access denied for o/x, repository does not exist or may require 'docker login'",
    ),
    _world(
        ReasonCode.NEEDS_SECRET,
        "the build wants a secret that this validation was not given",
        r"secret [\w.-]+:? not found|failed to (?:open|stat) secret",
        "failed to solve: secret hf_token: not found",
    ),
    _world(
        ReasonCode.ENGINE_TROUBLE,
        "the Docker engine does not answer",
        (
            r"cannot connect to the docker daemon|docker daemon.{0,300}not running|error during connect"
            r"|failed to dial gRPC"
        ),
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
    ),
    _world(
        ReasonCode.HOST_DRIVER,
        "the GPU driver",
        r"nvidia-container-cli|could not select device driver|failed to initialize NVML",
        "nvidia-container-cli: initialization error: nvml error: driver not loaded",
    ),
)

REPOSITORY: tuple[Rule, ...] = (
    _fault(
        ReasonCode.COPY_SOURCE_MISSING,
        "a file that the build copies is not there",
        r"failed to (?:compute cache key|calculate checksum)",
        'failed to compute cache key: failed to calculate checksum of ref x: "/handler.py": not found',
    ),
    _fault(
        ReasonCode.DOCKERFILE_INVALID,
        "the Dockerfile can't be built",
        (
            r"dockerfile parse error|base name .{0,300} should not be blank"
            r"|target stage .{0,300} (?:could )?not (?:be )?found"
        ),
        "dockerfile parse error on line 2: unknown instruction: X",
    ),
    _fault(
        ReasonCode.BASE_PLATFORM,
        "a base image is not made for this platform",
        r"no match for platform|no matching manifest for|does not match the specified platform",
        "no match for platform in manifest: not found",
    ),
    _fault(
        ReasonCode.NOT_FOUND,
        "something that the build downloads does not exist",
        (
            r"404 \(?not found|HTTP error 404|returned error: 404|manifest (?:for .{0,300} )?(?:not found|unknown)"
            r"|: not found$|repository '[^'\n]+' not found|couldn't find remote ref|failed to fetch branch or tag"
        ),
        "HTTP status client error (404 Not Found) for url (https://x/y.whl)",
    ),
    _fault(
        ReasonCode.DEPENDENCY_NOT_FOUND,
        "a required package, or this version of it, does not exist",
        (
            r"was not found in the package registry|no matching distribution found"
            r"|could not find a version that satisfies|there is no version of|no versions of"
        ),
        "ERROR: No matching distribution found for runpod==99",
    ),
    _fault(
        ReasonCode.DEPENDENCY_HASH,
        "a required package is not the one whose hash is stated",
        (
            r"hash mismatch for|do not match the hashes|hashes are required in --require-hashes"
            r"|in `--require-hashes` mode"
        ),
        "error: Failed to download `idna==3.7`: Hash mismatch for `idna==3.7`",
    ),
    _fault(
        ReasonCode.DEPENDENCY_PYTHON,
        "a required package does not support this Python",
        (
            r"requires a different python|current Python version .{0,200} does not satisfy"
            r"|has no wheels with a matching"
        ),
        "ERROR: Package 'x' requires a different Python: 3.11.7 not in '>=3.13'",
    ),
    _fault(
        ReasonCode.DEPENDENCY_CONFLICT,
        "the required packages contradict each other",
        (
            r"no solution found when resolving|ResolutionImpossible|conflicting dependencies"
            r"|cannot install .{0,800} because these"
        ),
        "ERROR: ResolutionImpossible: for help visit",
    ),
    _fault(
        ReasonCode.REQUIREMENTS_INVALID,
        "a requirement is not well-formed",
        (
            r"failed to parse:|couldn't parse requirement|invalid requirement|invalid URL|wheel filename .{0,300} is"
            r" invalid|unsupported requirement"
        ),
        "error: Failed to parse: `foo bar`",
    ),
    _fault(
        ReasonCode.DEPENDENCY_BUILD,
        "a required package does not build",
        (
            r"failed to build|failed building wheel|subprocess-exited-with-error|build backend (?:failed|returned)"
            r"|could not build wheels|fatal error: .{0,300}: no such file"
        ),
        "error: subprocess-exited-with-error",
    ),
    _fault(
        ReasonCode.SYSTEM_PACKAGE,
        "a system package does not exist",
        r"unable to locate package|has no installation candidate",
        "E: Unable to locate package ffmpegg",
    ),
)

NOT_THERE: tuple[Rule, ...] = (
    _fault(
        ReasonCode.REQUIREMENTS_MISSING,
        "what is to be installed is not there",
        (
            r"could not open requirements file|error: file not found:|distribution not found at|is not installable"
            r"|does not appear to be a python project|hint: it looks like a path|is not a valid editable requirement"
            r"|error parsing included file in [^\n]{1,400}\n[^\n]{0,40}"
            r"failed to read from file [^\n]{1,400}: no such file"
        ),
        "ERROR: Could not open requirements file: [Errno 2] No such file or directory: 'requirements.txt'",
        source=Source.INSTALL,
    ),
)
"""Where all files of the repository were at hand."""

BUILD = (*WORLD, *REPOSITORY)
INSTALL = (*BUILD, *NOT_THERE)
