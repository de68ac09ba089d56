"""Why git could not fetch what the spec names, by what it says of a server."""

from __future__ import annotations

import re

from janitor.diagnosis.rules.rule import Blame, Rule, Source
from janitor.protocol.reason_codes import ReasonCode

GIT: tuple[Rule, ...] = (
    Rule(
        pattern=re.compile(r"transport '[^']*' not allowed|remote helper '[^']*'|is not a git command"),
        source=Source.GIT,
        blame=Blame.REPOSITORY,
        code=ReasonCode.TRANSPORT_REFUSED,
        reason="only https, http, ssh and file are fetched from",
        example="fatal: transport 'ftp' not allowed",
    ),
    Rule(
        pattern=re.compile(r"Permission denied \((?:publickey|[a-z,-]*publickey)|Host key verification failed"),
        source=Source.GIT,
        blame=Blame.REPOSITORY,
        code=ReasonCode.NEEDS_CREDENTIALS,
        reason="ssh asks for a key, and no key of this machine is used; give the repository's https address",
        example="git@example.org: Permission denied (publickey).",
    ),
    Rule(
        pattern=re.compile(
            r"could not read (?:Username|Password)|Authentication failed|returned error: 40[13]"
            r"|terminal prompts disabled|HTTP Basic: Access denied|Invalid username or password"
            r"|No anonymous write access"
        ),
        source=Source.GIT,
        blame=Blame.REPOSITORY,
        code=ReasonCode.NEEDS_CREDENTIALS,
        reason="the repository is private or does not exist; git was asked to log in",
        example="fatal: could not read Username for 'https://example.org': terminal prompts disabled",
    ),
    Rule(
        pattern=re.compile(r"couldn't find remote ref|no such ref|not our ref|does not allow request for unadvertised"),
        source=Source.GIT,
        blame=Blame.REPOSITORY,
        code=ReasonCode.UNKNOWN_REF,
        reason="the repository has no such branch, tag or commit",
        example="fatal: couldn't find remote ref nope",
    ),
    Rule(
        pattern=re.compile(
            r"(?i)repository '?[^']*'? not found|returned error: 404|does not appear to be a git repository"
            r"|repository not found|does not exist|not a git repository|project you were looking for could not be found"
        ),
        source=Source.GIT,
        blame=Blame.REPOSITORY,
        code=ReasonCode.REPOSITORY_NOT_FOUND,
        reason="there is no such repository",
        example="fatal: repository 'https://example.org/o/nope.git/' not found",
    ),
)
