"""Whose fault a failed build or installation is, by what the tools say: the repository's or that of the world around.

Trouble of the world goes first: a registry that is down makes pip say that there is no matching distribution.
"""

from __future__ import annotations

from janitor.diagnosis.rules.rule import Blame, Rule, Source, words
from janitor.protocol.reason_codes import ReasonCode

WORLD: tuple[Rule, ...] = (
    Rule(
        pattern=words(r"no space left on device|ENOSPC|disk quota exceeded"),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.DISK_FULL,
        reason="the instance's disk is full",
        example="write /var/lib/docker/tmp/layer: no space left on device",
    ),
    Rule(
        pattern=words(r"input/output error|structure needs cleaning"),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.DISK_TROUBLE,
        reason="the instance's disk is at fault",
        example="OSError: [Errno 5] Input/output error: '/var/lib/x'",
    ),
    Rule(
        pattern=words(
            r"cannot allocate memory|signal: killed|OOMKilled|out of memory: killed|killed signal terminated program"
        ),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.OUT_OF_MEMORY,
        reason="the instance ran out of memory",
        example="c++: fatal error: Killed signal terminated program cc1plus",
    ),
    Rule(
        pattern=words(
            r"toomanyrequests|too many requests|(?:status|error|code)\D{0,12}429\b|pull rate limit|rate.?limit exceeded"
        ),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.RATE_LIMITED,
        reason="a registry refused further requests for now",
        example="toomanyrequests: You have reached your pull rate limit",
    ),
    Rule(
        pattern=words(
            r"(?:status|error|code|HTTP)\D{0,16}\b50[0234]\b|HTTP status server error|bad gateway|service unavailable"
            r"|gateway time-?out|internal server error"
        ),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.SERVER_TROUBLE,
        reason="a server answered with an error of its own",
        example="received unexpected HTTP status: 503 Service Unavailable",
    ),
    Rule(
        pattern=words(
            r"could not resolve host|name or service not known|temporary failure in name resolution|no such host"
            r"|failed to lookup address|dns error|nodename nor servname|getaddrinfo|name resolution"
            r"|temporary failure resolving"
        ),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.NAME_RESOLUTION,
        reason="a host name could not be resolved",
        example="curl: (6) Could not resolve host: example.org",
    ),
    Rule(
        pattern=words(
            r"connection (?:refused|reset|timed out|aborted)|network is unreachable|no route to host|connect timeout"
            r"|read timed out|timed? ?out after|i/o timeout|TLS handshake timeout|operation timed out"
            r"|client error \(Connect\)|failed to connect to|couldn't connect to server|broken pipe|unexpected EOF"
            r"|early EOF|RPC failed|remote end hung up|incompleteread|connection broken|max retries exceeded"
            r"|context deadline exceeded|request failed after \d+ retr|error sending request|network was disabled"
            r"|connection error"
        ),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.NETWORK,
        reason="the network failed",
        example="net/http: TLS handshake timeout",
    ),
    Rule(
        pattern=words(
            r"(?:status|error|code|HTTP)\D{0,16}\b40[13]\b|unauthorized|authentication required|access (?:is )?denied"
            r"|no basic auth credentials|certificate verify failed|unknown certificate authority|UnknownIssuer"
            # What a registry says of an image that is private as well as of one that doesn't exist.
            r"|pull access denied|repository does not exist or may require|insufficient_scope"
        ),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.REGISTRY_DENIED,
        reason="a registry or server refused access",
        example="pull access denied for o/x, repository does not exist or may require 'docker login'",
    ),
    Rule(
        pattern=words(r"secret [\w.-]+:? not found|failed to (?:open|stat) secret"),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.NEEDS_SECRET,
        reason="the build wants a secret that this validation was not given",
        example="failed to solve: secret hf_token: not found",
    ),
    Rule(
        pattern=words(
            r"cannot connect to the docker daemon|docker daemon.{0,300}not running|error during connect"
            r"|failed to dial gRPC"
        ),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.ENGINE_TROUBLE,
        reason="the Docker engine does not answer",
        example="Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
    ),
    Rule(
        pattern=words(r"nvidia-container-cli|could not select device driver|failed to initialize NVML"),
        source=Source.BUILD,
        blame=Blame.WORLD,
        code=ReasonCode.HOST_DRIVER,
        reason="the GPU driver",
        example="nvidia-container-cli: initialization error: nvml error: driver not loaded",
    ),
)

REPOSITORY: tuple[Rule, ...] = (
    Rule(
        pattern=words(r"failed to (?:compute cache key|calculate checksum)"),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.COPY_SOURCE_MISSING,
        reason="a file that the build copies is not there",
        example='failed to compute cache key: failed to calculate checksum of ref x: "/handler.py": not found',
    ),
    Rule(
        pattern=words(
            r"dockerfile parse error|base name .{0,300} should not be blank"
            r"|target stage .{0,300} (?:could )?not (?:be )?found"
        ),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.DOCKERFILE_INVALID,
        reason="the Dockerfile can't be built",
        example="dockerfile parse error on line 2: unknown instruction: X",
    ),
    Rule(
        pattern=words(r"no match for platform|no matching manifest for|does not match the specified platform"),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.BASE_PLATFORM,
        reason="a base image is not made for this platform",
        example="no match for platform in manifest: not found",
    ),
    Rule(
        pattern=words(
            r"404 \(?not found|HTTP error 404|returned error: 404|manifest (?:for .{0,300} )?(?:not found|unknown)"
            r"|: not found$|repository '[^'\n]+' not found|couldn't find remote ref|failed to fetch branch or tag"
        ),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.NOT_FOUND,
        reason="something that the build downloads does not exist",
        example="HTTP status client error (404 Not Found) for url (https://x/y.whl)",
    ),
    Rule(
        pattern=words(
            r"was not found in the package registry|no matching distribution found"
            r"|could not find a version that satisfies|there is no version of|no versions of"
        ),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.DEPENDENCY_NOT_FOUND,
        reason="a required package, or this version of it, does not exist",
        example="ERROR: No matching distribution found for runpod==99",
    ),
    Rule(
        pattern=words(
            r"hash mismatch for|do not match the hashes|hashes are required in --require-hashes"
            r"|in `--require-hashes` mode"
        ),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.DEPENDENCY_HASH,
        reason="a required package is not the one whose hash is stated",
        example="error: Failed to download `idna==3.7`: Hash mismatch for `idna==3.7`",
    ),
    Rule(
        pattern=words(
            r"requires a different python|current Python version .{0,200} does not satisfy"
            r"|has no wheels with a matching"
        ),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.DEPENDENCY_PYTHON,
        reason="a required package does not support this Python",
        example="ERROR: Package 'x' requires a different Python: 3.11.7 not in '>=3.13'",
    ),
    Rule(
        pattern=words(
            r"no solution found when resolving|ResolutionImpossible|conflicting dependencies"
            r"|cannot install .{0,800} because these"
        ),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.DEPENDENCY_CONFLICT,
        reason="the required packages contradict each other",
        example="ERROR: ResolutionImpossible: for help visit",
    ),
    Rule(
        pattern=words(
            r"failed to parse:|couldn't parse requirement|invalid requirement|invalid URL|wheel filename .{0,300} is"
            r" invalid|unsupported requirement"
        ),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.REQUIREMENTS_INVALID,
        reason="a requirement is not well-formed",
        example="error: Failed to parse: `foo bar`",
    ),
    Rule(
        pattern=words(
            r"failed to build|failed building wheel|subprocess-exited-with-error|build backend (?:failed|returned)"
            r"|could not build wheels|fatal error: .{0,300}: no such file"
        ),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.DEPENDENCY_BUILD,
        reason="a required package does not build",
        example="error: subprocess-exited-with-error",
    ),
    Rule(
        pattern=words(r"unable to locate package|has no installation candidate"),
        source=Source.BUILD,
        blame=Blame.REPOSITORY,
        code=ReasonCode.SYSTEM_PACKAGE,
        reason="a system package does not exist",
        example="E: Unable to locate package ffmpegg",
    ),
)

NOT_THERE: tuple[Rule, ...] = (
    Rule(
        pattern=words(
            r"could not open requirements file|error: file not found:|distribution not found at|is not installable"
            r"|does not appear to be a python project|hint: it looks like a path|is not a valid editable requirement"
            r"|error parsing included file in [^\n]{1,400}\n[^\n]{0,40}"
            r"failed to read from file [^\n]{1,400}: no such file"
        ),
        source=Source.INSTALL,
        blame=Blame.REPOSITORY,
        code=ReasonCode.REQUIREMENTS_MISSING,
        reason="what is to be installed is not there",
        example="ERROR: Could not open requirements file: [Errno 2] No such file or directory: 'requirements.txt'",
    ),
)
"""Where all files of the repository were at hand."""

BUILD = (*WORLD, *REPOSITORY)
INSTALL = (*BUILD, *NOT_THERE)
