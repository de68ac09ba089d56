"""What BuildKit, the docker command and the tools within a step of the build say beyond any build's words."""

from __future__ import annotations

from janitor.diagnosis.rules.build import BUILD, REPOSITORY, WORLD
from janitor.diagnosis.rules.rule import Blame, Rule, Source, worded
from janitor.protocol.terms.reason_codes import ReasonCode

ENGINE_SAYS: tuple[Rule, ...] = (
    worded(
        ReasonCode.DOCKERFILE_INVALID,
        "an image's name is none",
        r"failed to parse stage name|invalid reference format",
        'failed to solve: failed to parse stage name "Foo": invalid reference format',
        source=Source.ENGINE,
        blame=Blame.REPOSITORY,
    ),
    worded(
        ReasonCode.REGISTRY_DENIED,
        "a registry or server refused access",
        r"\b40[13] (?:forbidden|unauthorized)",
        "failed to authorize: 403 Forbidden",
        source=Source.ENGINE,
        blame=Blame.WORLD,
    ),
    worded(
        ReasonCode.NEEDS_SECRET,
        "the build wants an SSH key",
        r"no SSH key .{0,200}forwarded|unset ssh forward key",
        'no SSH key "default" forwarded from the client',
        source=Source.ENGINE,
        blame=Blame.WORLD,
    ),
    worded(
        ReasonCode.ENGINE_TROUBLE,
        "the Docker engine broke off",
        (
            r"error reading from server|closing transport|transport is closing|context canceled"
            r"|^(?:error: )?unexpected EOF|code = Unavailable|server preface|connection closed before"
        ),
        "rpc error: code = Unavailable desc = closing transport",
        source=Source.ENGINE,
        blame=Blame.WORLD,
    ),
)

NEVER_STARTED: tuple[Rule, ...] = (
    worded(
        ReasonCode.BASE_PLATFORM,
        "not this platform's",
        r"^runc run failed: .*exec format error|^exec \S+: exec format error",
        "exec /usr/bin/sh: exec format error",
        source=Source.STEP,
        blame=Blame.REPOSITORY,
    ),
    worded(
        ReasonCode.ENGINE_TROUBLE,
        "the Docker engine could not start the step",
        r"^runc run failed: (?!.*(?:exec: |chdir to cwd|unable to find user))",
        "runc run failed: unable to start container process: error running hook #0",
        source=Source.STEP,
        blame=Blame.WORLD,
    ),
)
"""Of a step whose process never ran: the engine's words in its place."""

STEP_SAYS: tuple[Rule, ...] = (
    worded(
        ReasonCode.SERVER_TROUBLE,
        "a package mirror holds what does not fit together",
        r"hash sum mismatch|file has unexpected size|mirror sync in progress|clearsigned file isn't valid",
        "E: Failed to fetch http://deb/x  Hash Sum mismatch",
        source=Source.STEP,
        blame=Blame.WORLD,
    ),
    worded(
        ReasonCode.CLOCK_WRONG,
        "the instance's clock is wrong",
        r"release file .{0,300} is not valid yet",
        "E: Release file for http://deb/x is not valid yet (invalid for 2h).",
        source=Source.STEP,
        blame=Blame.WORLD,
    ),
    worded(
        ReasonCode.PACKAGE_KEY,
        "the image doesn't hold the key of a package repository",
        r"NO_PUBKEY|EXPKEYSIG|REVKEYSIG|the repository .{0,300} is not signed",
        "W: GPG error: https://x InRelease: NO_PUBKEY A4B469963BF863CC",
        source=Source.STEP,
        blame=Blame.REPOSITORY,
    ),
)

ENGINE = (*ENGINE_SAYS, *BUILD)
STEP = (*WORLD, *STEP_SAYS, *REPOSITORY)
