"""What a labelled case is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from janitor.protocol.terms.statuses import CheckName, CheckStatus, ReportStatus

WEB = "{web}"
"""Stands for the host and port of the case's own web server."""


class Kind(str, Enum):
    """How a case is judged."""

    WHOLE = "whole"  # the validator's artefact, from checkout to report
    STATIC = "static"  # the static and network checks alone: what a whole run would download is too large
    LOG = "log"  # a log of the SDK's local mode and its exit code


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a check must say."""

    check: CheckName
    status: CheckStatus
    code: str | None = None
    is_required: bool | None = None
    """None where it doesn't matter."""
    remarks: frozenset[str] | None = None
    """The codes of its notes, all of them; None where they don't matter."""
    note: str | None = None
    """Code of a note that it must carry."""


def passes(check: CheckName) -> Expected:
    """The check passes."""
    return Expected(check=check, status=CheckStatus.PASS)


def remarks(check: CheckName, *codes: str) -> Expected:
    """The check passes, with notes of these codes and no other."""
    return Expected(check=check, status=CheckStatus.PASS, remarks=frozenset(codes))


def carries(check: CheckName, code: str) -> Expected:
    """The check passes, with a note, whatever else it remarks."""
    return Expected(check=check, status=CheckStatus.PASS, note=code)


def fails(check: CheckName, code: str) -> Expected:
    """The check fails, and that counts."""
    return Expected(check=check, status=CheckStatus.FAIL, code=code, is_required=True)


def notes(check: CheckName, code: str) -> Expected:
    """The check fails, and that doesn't count."""
    return Expected(check=check, status=CheckStatus.FAIL, code=code, is_required=False)


def skips(check: CheckName, code: str) -> Expected:
    """The check is skipped."""
    return Expected(check=check, status=CheckStatus.SKIP, code=code)


def errs(check: CheckName, code: str) -> Expected:
    """The check can't tell."""
    return Expected(check=check, status=CheckStatus.ERROR, code=code)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the case's web server says."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    only_with: str | None = None
    """Words that the Authorization header must have; else 401."""
    not_to: str | None = None
    """A method that is answered with 405."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A repository, and the truth about it."""

    name: str
    holds: str
    """The false pass or false blame that it would be elsewhere."""
    truth: ReportStatus
    expected: tuple[Expected, ...]
    """The first one carries the verdict."""
    files: Mapping[str, str | None] = field(default_factory=dict)
    """Over those of a healthy worker; None takes one away."""
    not_executable: tuple[str, ...] = ()
    """Scripts with a `#!` line that git has without the right to execute them; all others have it."""
    kind: Kind = Kind.WHOLE
    like: str | None = None
    """An example worker to start from instead."""
    repository: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the spec's repository."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the spec; `seconds` is the deadline."""
    web: Mapping[str, Answer] = field(default_factory=dict)
    """Path → answer; what isn't there is 404."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the validator."""
    gpu: bool = False
    """Whether the machine says that it has a GPU."""
    url: str | None = None
    """Another address than the repository's own."""
    git: tuple[tuple[str, ...], ...] = ()
    """Git commands before the commit."""
    log: tuple[str, int] | None = None
    """Text and exit code, for `Kind.LOG`."""
    subject: str = "other"
    """The kind of fault or of worker, under which it is counted; see `about`."""


def about(subject: str, cases: Iterable[Case]) -> tuple[Case, ...]:
    """Cases that are counted under one subject, except those that name their own."""
    return tuple(case if case.subject != "other" else replace(case, subject=subject) for case in cases)
