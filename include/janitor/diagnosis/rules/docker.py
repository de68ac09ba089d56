"""What BuildKit, the docker command and the tools within a step of the build say beyond any build's words."""

from __future__ import annotations

from janitor.diagnosis.rules.build import BUILD, REPOSITORY, WORLD
from janitor.diagnosis.rules.rule import Blame, Rule, Source, words
from janitor.protocol.reason_codes import ReasonCode

ENGINE_SAYS: tuple[Rule, ...] = (
    Rule(
        pattern=words(r"failed to parse stage name|invalid reference format"),
        source=Source.ENGINE,
        blame=Blame.REPOSITORY,
        code=ReasonCode.DOCKERFILE_INVALID,
        reason="an image's name is none",
        example='failed to solve: failed to parse stage name "Foo": invalid reference format',
    ),
    Rule(
        pattern=words(r"\b40[13] (?:forbidden|unauthorized)"),
        source=Source.ENGINE,
        blame=Blame.WORLD,
        code=ReasonCode.REGISTRY_DENIED,
        reason="a registry or server refused access",
        example="failed to authorize: 403 Forbidden",
    ),
    Rule(
        pattern=words(r"no SSH key .{0,200}forwarded|unset ssh forward key"),
        source=Source.ENGINE,
        blame=Blame.WORLD,
        code=ReasonCode.NEEDS_SECRET,
        reason="the build wants an SSH key",
        example='no SSH key "default" forwarded from the client',
    ),
    Rule(
        pattern=words(
            r"error reading from server|closing transport|transport is closing|context canceled"
            r"|^(?:error: )?unexpected EOF|code = Unavailable|server preface|connection closed before"
        ),
        source=Source.ENGINE,
        blame=Blame.WORLD,
        code=ReasonCode.ENGINE_TROUBLE,
        reason="the Docker engine broke off",
        example="rpc error: code = Unavailable desc = closing transport",
    ),
)

NEVER_STARTED: tuple[Rule, ...] = (
    Rule(
        pattern=words(r"^runc run failed: .*exec format error|^exec \S+: exec format error"),
        source=Source.STEP,
        blame=Blame.REPOSITORY,
        code=ReasonCode.BASE_PLATFORM,
        reason="not this platform's",
        example="exec /usr/bin/sh: exec format error",
    ),
    Rule(
        pattern=words(r"^runc run failed: (?!.*(?:exec: |chdir to cwd|unable to find user))"),
        source=Source.STEP,
        blame=Blame.WORLD,
        code=ReasonCode.ENGINE_TROUBLE,
        reason="the Docker engine could not start the step",
        example="runc run failed: unable to start container process: error running hook #0",
    ),
)
"""Of a step whose process never ran: the engine's words in its place."""

STEP_SAYS: tuple[Rule, ...] = (
    Rule(
        pattern=words(
            r"hash sum mismatch|file has unexpected size|mirror sync in progress|clearsigned file isn't valid"
        ),
        source=Source.STEP,
        blame=Blame.WORLD,
        code=ReasonCode.SERVER_TROUBLE,
        reason="a package mirror holds what does not fit together",
        example="E: Failed to fetch http://deb/x  Hash Sum mismatch",
    ),
    Rule(
        pattern=words(r"release file .{0,300} is not valid yet"),
        source=Source.STEP,
        blame=Blame.WORLD,
        code=ReasonCode.CLOCK_WRONG,
        reason="the instance's clock is wrong",
        example="E: Release file for http://deb/x is not valid yet (invalid for 2h).",
    ),
    Rule(
        pattern=words(r"NO_PUBKEY|EXPKEYSIG|REVKEYSIG|the repository .{0,300} is not signed"),
        source=Source.STEP,
        blame=Blame.REPOSITORY,
        code=ReasonCode.PACKAGE_KEY,
        reason="the image doesn't hold the key of a package repository",
        example="W: GPG error: https://x InRelease: NO_PUBKEY A4B469963BF863CC",
    ),
)

ENGINE = (*ENGINE_SAYS, *BUILD)
STEP = (*WORLD, *STEP_SAYS, *REPOSITORY)
