"""The report: what a validator found, as versioned `janitor-report/2` JSON; `janitor-report/1` is read too.

The control plane reads it from an instance that ran untrusted code, so `from_json` and `from_dict` bound every size
and refuse what contradicts itself: duplicate checks, a reason that is missing, a status that the checks don't make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from janitor.protocol.codec import Document, Later, Part
from janitor.protocol.order.spec import Uuid
from janitor.protocol.report_v1 import upgraded
from janitor.protocol.terms.proof import PROOF_PATTERN
from janitor.protocol.terms.proven import MAX_NOTES_PER_CHECK, MAX_UNPROVEN, Note, ProofLevel, Unproven
from janitor.protocol.terms.provenance import Provenance
from janitor.protocol.terms.rollup import roll_up
from janitor.protocol.terms.statuses import CheckStatus, Engine, EvidenceKind, ReportStatus
from janitor.protocol.text.signature import FailureSignature
from janitor.protocol.values import Most, Place, Range, Text

REPORT_FORMAT = "janitor-report/2"

REPORT_MAX_BYTES = 2 * 1024 * 1024
"""Largest report document that is read, in bytes."""
MAX_EVIDENCE_PER_CHECK = 40
MAX_TAIL_CHARACTERS = 4_000
MAX_REASON_CHARACTERS = 2_000
MAX_SUMMARY_CHARACTERS = 500
MAX_ARGV_ITEMS = 200
MAX_ARGV_CHARACTERS = 2_000
MAX_GPUS = 32
MAX_MEASUREMENTS = 40
MAX_MEASURED_TEXT = 200
"""Characters."""
MAX_MEASURED_NUMBER = 2**63 - 1
"""Either way from zero."""
SHA_PATTERN = r"[0-9a-f]{40}|[0-9a-f]{64}"

NAME_PATTERN = r"[a-z][a-z0-9_]{0,63}"
"""Form of check names, reason codes, phases and what was measured."""
Name = Annotated[str, Text(64, NAME_PATTERN)]
Seconds = Annotated[float, Range(0, 7 * 24 * 3600.0)]
Dollars = Annotated[float, Range(0, 100_000.0)]
Bytes = Annotated[int, Range(0, 2**53)]
Measurement = (
    Annotated[str, Text(MAX_MEASURED_TEXT)]
    | Annotated[int, Range(-MAX_MEASURED_NUMBER, MAX_MEASURED_NUMBER)]
    | Annotated[float, Range(-MAX_MEASURED_NUMBER, MAX_MEASURED_NUMBER)]
)
"""A number in the unit that its name says (`build_seconds`, `image_bytes`, `line`), or a short text such as a state."""


class ReportError(ValueError):
    """The document is no acceptable report; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class Evidence(Part):
    """Something that a check saw."""

    kind: EvidenceKind
    name: Annotated[str, Text(200)]
    sha256: Annotated[str, Text(64, r"[0-9a-f]{64}")]
    """Hex digest of the whole artefact, of which `tail` is only the redacted end."""
    size_bytes: Bytes
    tail: Annotated[str, Text(MAX_TAIL_CHARACTERS, empty=True)]


@dataclass(frozen=True, kw_only=True)
class Check(Part):
    """One assertion, its outcome and its evidence."""

    name: Name
    status: CheckStatus
    required: bool
    """Whether it counts in the roll-up."""
    reason_code: Name | None
    """Closed vocabulary for machines; always there unless the check passed."""
    reason: Annotated[str, Text(MAX_REASON_CHARACTERS)] | None
    """One line for people; always there unless the check passed."""
    started_at: datetime
    duration_seconds: Seconds
    argv: Annotated[tuple[Annotated[str, Text(MAX_ARGV_CHARACTERS, empty=True)], ...], Most(MAX_ARGV_ITEMS)] | None = (
        None
    )
    """The command that decided, redacted."""
    exit_code: Annotated[int, Range(-(2**31), 2**32)] | None = None
    evidence: Annotated[tuple[Evidence, ...], Most(MAX_EVIDENCE_PER_CHECK)] = ()
    measurements: Annotated[Mapping[str, Measurement], Most(MAX_MEASUREMENTS, 64, NAME_PATTERN)] = field(
        default_factory=dict
    )
    """What the check measured, by names of the form of its own; empty in a report of version 1."""
    notes: Later[Annotated[tuple[Note, ...], Most(MAX_NOTES_PER_CHECK)]] = ()
    """Worth a look, whatever the status; empty in the reports of older validators."""

    def contradiction(self) -> tuple[str, str] | None:
        """What isn't a pass says why."""
        if self.status is not CheckStatus.PASS and (self.reason_code is None or self.reason is None):
            return "reason", f"and reason_code are required for a check that is {self.status.value}"
        return None


@dataclass(frozen=True, kw_only=True)
class RepositoryIdentity(Part):
    """Which repository was validated, at which commit."""

    name: Annotated[str, Text(200)]
    organization: Annotated[str, Text(200)]
    url: Annotated[str, Text(2_048)]
    """Without user name or password."""
    ref: Annotated[str, Text(255)] | None
    commit_sha: Annotated[str, Text(64, SHA_PATTERN)] | None
    """None as long as the checkout was not reached."""


@dataclass(frozen=True, kw_only=True)
class Host(Part):
    """The machine that the validation ran on."""

    gpu_names: Annotated[tuple[Annotated[str, Text(200)], ...], Most(MAX_GPUS)] = ()
    """Of each GPU; of the first alone in a report of version 1."""
    driver_version: Annotated[str, Text(100)] | None = None
    cuda_version: Annotated[str, Text(20)] | None = None
    """The highest that the driver supports."""
    python: Annotated[str, Text(50)]
    cpus: Annotated[int, Range(0, 100_000)]
    memory_bytes: Bytes
    disk_free_bytes: Annotated[int, Range(0, 2**63 - 1)]


@dataclass(frozen=True, kw_only=True)
class Report(Document):
    """One validation, as it went."""

    FORMAT = REPORT_FORMAT
    NOUN = "report"
    MAX_BYTES = REPORT_MAX_BYTES
    ERROR = ReportError

    validator_version: Annotated[str, Text(50)]
    validation_id: Uuid
    run_id: Uuid
    repository: RepositoryIdentity
    prompt: Annotated[str, Text(20_000)]
    engine: Engine | None
    """None as long as no engine was chosen."""
    status: ReportStatus
    reason_code: Name | None
    summary: Annotated[str, Text(MAX_SUMMARY_CHARACTERS)]
    """One line for people."""
    failing_check: Name | None
    partial: bool
    """True when the deadline or a signal cut the validation short."""
    started_at: datetime
    finished_at: datetime
    duration_seconds: Seconds
    build_succeeded: bool | None
    """This and the next three: None = not reached."""
    container_succeeded: bool | None
    gpu_available: bool | None
    cuda_detected: bool | None
    host: Host
    phases: Annotated[Mapping[str, Seconds], Most(20, longest_key=64)] = field(default_factory=dict)
    """Seconds per phase: checkout, static, build, test."""
    checks: Annotated[tuple[Check, ...], Most(100)] = ()
    provenance: Provenance | None = None
    """What it is about; None in a report of version 1."""
    phase_usd: Later[Annotated[Mapping[str, Dollars], Most(20, longest_key=64)]] = field(default_factory=dict)
    """US dollars per phase beside the instance's own price, such as for a model; only where they are known."""
    proof_level: Later[ProofLevel | None] = None
    """How far the handler was exercised; None where it was not, and in the reports of older validators."""
    unproven: Later[Annotated[tuple[Unproven, ...], Most(MAX_UNPROVEN)]] = ()
    """What the verdict says nothing of, in the order of the checks."""
    signature: Later[FailureSignature | None] = None
    """Of what isn't a success; None in the reports of older validators."""
    patch_sha256: Later[Annotated[str, Text(64, r"[0-9a-f]{64}")] | None] = None
    """Of the patch that was applied to the commit before anything of it was read; None: nothing was changed."""
    proof: Later[Annotated[str, Text(64, PROOF_PATTERN)] | None] = None
    """Of the document without this field (see `janitor.protocol.terms.proof`), which puts it there and judges it."""

    @classmethod
    def from_dict(cls, document: Any) -> Report:
        """Read a decoded report of any version; what version 1 lacks is empty. Prefer `from_json`, which also bounds
        the document as a whole.

        Raises:
            ReportError: As for every document.
        """
        return super().from_dict(upgraded(document, Place("", ReportError), to=REPORT_FORMAT))

    @property
    def notes(self) -> tuple[Note, ...]:
        """Those of all checks, in their order."""
        return tuple(note for check in self.checks for note in check.notes)

    def to_json(self) -> bytes:
        """The document, UTF-8 encoded."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"

    def contradiction(self) -> tuple[str, str] | None:
        """What the report says against its own checks."""
        names = [check.name for check in self.checks]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            return "checks", f"{doubled[0]!r} is there more than once"
        rolled = roll_up(self.checks)
        if self.status is not rolled.status:
            return "status", f"says {self.status.value}, but the checks make it {rolled.status.value}"
        if self.status is not ReportStatus.SUCCESS and self.reason_code is None:
            return "reason_code", f"is required for a report that is {self.status.value}"
        if self.failing_check is not None and self.failing_check not in names:
            return "failing_check", f"{self.failing_check!r} is none of the checks"
        if signature := self.signature:
            if self.status is ReportStatus.SUCCESS:
                return "signature", "is there, but the report says success"
            if (signature.check, signature.reason_code) != (self.failing_check, self.reason_code):
                return "signature", "is of another check or reason code than the report's"
        return ("finished_at", "is before started_at") if self.finished_at < self.started_at else None
