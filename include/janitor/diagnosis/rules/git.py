"""Why git could not fetch what the spec names, by what it says of a server."""

from __future__ import annotations

import re

from janitor.diagnosis.rules.rule import Blame, Rule, Source
from janitor.protocol.terms.reason_codes import ReasonCode


def _fault(code: ReasonCode, reason: str, pattern: str, example: str) -> Rule:
    return Rule(
        pattern=re.compile(pattern),
        source=Source.GIT,
        blame=Blame.REPOSITORY,
        code=code,
        reason=reason,
        example=example,
    )


GIT: tuple[Rule, ...] = (
    _fault(
        ReasonCode.TRANSPORT_REFUSED,
        "only https, http, ssh and file are fetched from",
        r"transport '[^']*' not allowed|remote helper '[^']*'|is not a git command",
        "fatal: transport 'ftp' not allowed",
    ),
    _fault(
        ReasonCode.NEEDS_CREDENTIALS,
        "ssh asks for a key, and no key of this machine is used; give the repository's https address",
        r"Permission denied \((?:publickey|[a-z,-]*publickey)|Host key verification failed",
        "git@example.org: Permission denied (publickey).",
    ),
    _fault(
        ReasonCode.NEEDS_CREDENTIALS,
        "the repository is private or does not exist; git was asked to log in",
        (
            r"could not read (?:Username|Password)|Authentication failed|returned error: 40[13]"
            r"|terminal prompts disabled|HTTP Basic: Access denied|Invalid username or password"
            r"|No anonymous write access"
        ),
        "fatal: could not read Username for 'https://example.org': terminal prompts disabled",
    ),
    _fault(
        ReasonCode.UNKNOWN_REF,
        "the repository has no such branch, tag or commit",
        r"couldn't find remote ref|no such ref|not our ref|does not allow request for unadvertised",
        "fatal: couldn't find remote ref nope",
    ),
    _fault(
        ReasonCode.REPOSITORY_NOT_FOUND,
        "there is no such repository",
        (
            r"(?i)repository '?[^']*'? not found|returned error: 404|does not appear to be a git repository"
            r"|repository not found|does not exist|not a git repository|project you were looking for could not be found"
        ),
        "fatal: repository 'https://example.org/o/nope.git/' not found",
    ),
)
