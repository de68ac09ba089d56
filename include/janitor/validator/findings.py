"""What a check concludes, before the runner gives it a name and a time; and the evidence that goes with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from janitor.guest.processes.supervisor import Outcome
from janitor.guest.redaction import Redactor
from janitor.inspection.location import Location
from janitor.protocol.report import MAX_TAIL_CHARACTERS, Evidence, Measurement
from janitor.protocol.terms.proven import Note, Unproven, UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus, EvidenceKind
from janitor.validator.provenance.telling import Tell, teller

T = TypeVar("T")
_LONGEST_NAME = 200
_LONGEST_SECRET = 8 * 1024
"""Bytes."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The conclusion of one check."""

    status: CheckStatus
    reason_code: ReasonCode | None = None
    reason: str | None = None
    required: bool = True
    argv: tuple[str, ...] | None = None
    exit_code: int | None = None
    evidence: tuple[Evidence, ...] = field(default=())
    locations: tuple[Location, ...] = ()
    """No part of the report, which has the same in words."""
    usd: float | None = None
    """What the check spent beside the instance; None where nothing was spent or nobody knows."""
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    """For machines: of the process that decided, the place to look at, and what the check has `measured` itself."""

    notes: tuple[Note, ...] = ()
    """Worth a look, and no reason for another status."""
    unproven: tuple[Unproven, ...] = ()
    """What the check passed over, because it can't be told here."""

    def noted(self, code: ReasonCode, text: str, *, file: str | None = None, line: int | None = None) -> Finding:
        """The same with something that is worth a look."""
        return replace(self, notes=(*self.notes, Note(code=code.value, text=text, file=file, line=line)))

    def left_unproven(
        self, kind: UnprovenKind, text: str, *, file: str | None = None, line: int | None = None
    ) -> Finding:
        """The same with something that it does not prove."""
        return replace(self, unproven=(*self.unproven, Unproven(kind=kind, text=text, file=file, line=line)))

    def measured(self, **values: Measurement | None) -> Finding:
        """The same with what was measured, by names that end in their unit; None is what couldn't be."""
        known = {name: value for name, value in values.items() if value is not None}
        return replace(self, measurements={**self.measurements, **known})


@dataclass(frozen=True)
class Produced(Generic[T]):
    """A finding with the facts that later checks are given of it, whether or not the check has passed."""

    finding: Finding
    facts: T


def passed(
    *evidence: Evidence, outcome: Outcome | None = None, required: bool = True, locations: Sequence[Location] = ()
) -> Finding:
    """The check's assertion holds, as the evidence shows."""
    return _finding(CheckStatus.PASS, evidence=evidence, outcome=outcome, required=required, locations=locations)


def failed(
    code: ReasonCode,
    reason: str,
    *evidence: Evidence,
    outcome: Outcome | None = None,
    required: bool = True,
    locations: Sequence[Location] = (),
) -> Finding:
    """The repository is at fault; not `required` where that is no reason to call the worker broken."""
    return _finding(
        CheckStatus.FAIL, code, reason, evidence=evidence, outcome=outcome, required=required, locations=locations
    )


def errored(
    code: ReasonCode, reason: str, *evidence: Evidence, outcome: Outcome | None = None, required: bool = True
) -> Finding:
    """It could not be told; the repository isn't blamed."""
    return _finding(CheckStatus.ERROR, code, reason, evidence=evidence, outcome=outcome, required=required)


def skipped(code: ReasonCode, reason: str, *evidence: Evidence, required: bool = False) -> Finding:
    """Not applicable, or a prerequisite failed."""
    return _finding(CheckStatus.SKIP, code, reason, evidence=evidence, outcome=None, required=required)


def _finding(
    status: CheckStatus,
    code: ReasonCode | None = None,
    reason: str | None = None,
    *,
    evidence: Sequence[Evidence],
    outcome: Outcome | None,
    required: bool,
    locations: Sequence[Location] = (),
) -> Finding:
    return Finding(
        status=status,
        reason_code=code,
        reason=reason,
        required=required,
        argv=None if outcome is None else outcome.argv,
        exit_code=None if outcome is None else outcome.exit_code,
        evidence=tuple(evidence),
        locations=tuple(locations),
        measurements={**_process(outcome), **_place(locations)},
    )


def _process(outcome: Outcome | None) -> dict[str, Measurement]:
    """How long the process took that decided, and how much it printed."""
    if outcome is None:
        return {}
    return {"process_seconds": round(outcome.seconds, 3), "output_bytes": outcome.output.size_bytes}


def _place(locations: Sequence[Location]) -> dict[str, Measurement]:
    """Where to look first."""
    first = next((each for each in locations if not each.is_warning), next(iter(locations), None))
    if first is None:
        return {}
    return {"file": first.path, **({} if first.line is None else {"line": first.line})}


class EvidenceMaker:
    """Makes evidence whose text has passed the redactor.

    Args:
        redactor: Knows the secrets of this validation.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.tell: Tell = teller(redactor.clean)
        """A text of the repository on one line, as long as it may be."""

    def value(self, name: str, text: str) -> Evidence:
        """Something measured or concluded, in words."""
        content = text.encode("utf-8", errors="replace")
        return self._make(EvidenceKind.VALUE, name, content, _decoded_end(content))

    def file(self, name: str, content: bytes) -> Evidence:
        """A file of the repository."""
        return self._make(EvidenceKind.FILE, name, content, _decoded_end(content))

    def http(self, name: str, body: bytes) -> Evidence:
        """The body of an HTTP response."""
        return self._make(EvidenceKind.HTTP, name, body, _decoded_end(body))

    def log(self, name: str, outcome: Outcome) -> Evidence:
        """The output of a process."""
        output = outcome.output
        return Evidence(
            kind=EvidenceKind.LOG,
            name=self._name(name),
            sha256=output.sha256,
            size_bytes=output.size_bytes,
            tail=self.tail(_decoded_end(output.content)),
        )

    def tail(self, text: str) -> str:
        """The redacted end of a text, as long as a report may carry."""
        return self._redactor.clean(text)[-MAX_TAIL_CHARACTERS:]

    def _name(self, name: str) -> str:
        """A repository may name its test cases as it likes; a report may not carry everything."""
        return self.tell(name, _LONGEST_NAME) or "unnamed"

    def _make(self, kind: EvidenceKind, name: str, content: bytes, text: str) -> Evidence:
        return Evidence(
            kind=kind,
            name=self._name(name),
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            tail=self.tail(text),
        )


def _decoded_end(content: bytes) -> str:
    """Enough of the end to fill a tail, starting at a line, so that no secret is cut from its telling beginning."""
    window = 8 * MAX_TAIL_CHARACTERS
    if len(content) > window:
        content = content[-window:]
        # In one line of that length a secret may be cut: what could be the rest of one is left out.
        content = content[(content.find(b"\n") + 1) or _LONGEST_SECRET :]
    return content.decode("utf-8", errors="replace")
