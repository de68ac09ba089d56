"""The report: what a validator found, as versioned `janitor-report/1` JSON.

The control plane reads it from an instance that ran untrusted code, so `from_json` and `from_dict` bound every size
and refuse what contradicts itself: duplicate checks, a reason that is missing, a status that the checks don't make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from janitor.protocol.fields import FieldReader
from janitor.protocol.proof import PROOF_PATTERN
from janitor.protocol.rollup import roll_up
from janitor.protocol.spec import UUID_PATTERN
from janitor.protocol.statuses import CheckStatus, Engine, EvidenceKind, ReportStatus
from janitor.protocol.text.signature import FailureSignature

REPORT_FORMAT = "janitor-report/1"

REPORT_MAX_BYTES = 2 * 1024 * 1024
"""Largest report document that is read, in bytes."""
MAX_CHECKS = 100
MAX_EVIDENCE_PER_CHECK = 40
MAX_TAIL_CHARACTERS = 4_000
MAX_REASON_CHARACTERS = 2_000
MAX_SUMMARY_CHARACTERS = 500
MAX_ARGV_ITEMS = 200
MAX_ARGV_CHARACTERS = 2_000
MAX_PROMPT_CHARACTERS = 20_000
MAX_PHASES = 20
MAX_SECONDS = 7 * 24 * 3600.0
MAX_USD = 100_000.0
MAX_MEASUREMENTS = 40
MAX_MEASURED_TEXT = 200
"""Characters."""
MAX_MEASURED_NUMBER = 2**63 - 1
"""Either way from zero."""

Measurement = int | float | str
"""A number in the unit that its name says (`build_seconds`, `image_bytes`, `line`), or a short text such as a state."""

NAME_PATTERN = r"[a-z][a-z0-9_]{0,63}"
"""Form of check names, reason codes and phases."""
SHA256_PATTERN = r"[0-9a-f]{64}"
SHA_PATTERN = r"[0-9a-f]{40}|[0-9a-f]{64}"
MAX_SIZE_BYTES = 2**53
MAX_DISK_BYTES = 2**63 - 1


class ReportError(ValueError):
    """The document is no acceptable report; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Something that a check saw."""

    kind: EvidenceKind
    name: str
    sha256: str
    """Hex digest of the whole artefact, of which `tail` is only the redacted end."""
    size_bytes: int
    tail: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kind": self.kind.value,
            "name": self.name,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "tail": self.tail,
        }

    @classmethod
    def read(cls, reader: FieldReader) -> Evidence:
        """Read one entry of a check's `evidence`."""
        evidence = cls(
            kind=reader.member("kind", EvidenceKind),
            name=reader.text("name", longest=200),
            sha256=reader.text("sha256", longest=64, pattern=SHA256_PATTERN),
            size_bytes=reader.integer("size_bytes", least=0, most=MAX_SIZE_BYTES),
            tail=reader.text("tail", longest=MAX_TAIL_CHARACTERS, empty=True),
        )
        reader.finish()
        return evidence


@dataclass(frozen=True, kw_only=True)
class Check:
    """One assertion, its outcome and its evidence."""

    name: str
    status: CheckStatus
    required: bool
    """Whether it counts in the roll-up."""
    reason_code: str | None
    """Closed vocabulary for machines; always there unless the check passed."""
    reason: str | None
    """One line for people; always there unless the check passed."""
    started_at: datetime
    duration_seconds: float
    argv: tuple[str, ...] | None = None
    """The command that decided, redacted."""
    exit_code: int | None = None
    evidence: tuple[Evidence, ...] = ()
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    """What the check measured, by names of the form of its own; empty in the reports of older validators."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "name": self.name,
            "status": self.status.value,
            "required": self.required,
            "reason_code": self.reason_code,
            "reason": self.reason,
            "started_at": self.started_at.isoformat(),
            "duration_seconds": self.duration_seconds,
            "argv": None if self.argv is None else list(self.argv),
            "exit_code": self.exit_code,
            "evidence": [evidence.to_dict() for evidence in self.evidence],
            **({"measurements": dict(self.measurements)} if self.measurements else {}),
        }

    @classmethod
    def read(cls, reader: FieldReader) -> Check:
        """Read one entry of a report's `checks`."""
        check = cls(
            name=reader.text("name", longest=64, pattern=NAME_PATTERN),
            status=reader.member("status", CheckStatus),
            required=reader.boolean("required"),
            reason_code=reader.optional_text("reason_code", longest=64, pattern=NAME_PATTERN),
            reason=reader.optional_text("reason", longest=MAX_REASON_CHARACTERS),
            started_at=reader.moment("started_at"),
            duration_seconds=reader.number("duration_seconds", least=0, most=MAX_SECONDS),
            argv=reader.optional_texts("argv", most=MAX_ARGV_ITEMS, longest=MAX_ARGV_CHARACTERS),
            exit_code=reader.optional_integer("exit_code", least=-(2**31), most=2**32),
            evidence=reader.items("evidence", most=MAX_EVIDENCE_PER_CHECK, read=Evidence.read),
            measurements=_measurements(reader) if reader.given("measurements") else {},
        )
        reader.finish()
        if check.status is not CheckStatus.PASS and (check.reason_code is None or check.reason is None):
            raise reader.problem("reason", f"and reason_code are required for a check that is {check.status.value}")
        return check


def _measurements(reader: FieldReader) -> dict[str, Measurement]:
    return reader.value_map(
        "measurements",
        most=MAX_MEASUREMENTS,
        key_pattern=NAME_PATTERN,
        largest=MAX_MEASURED_NUMBER,
        longest_text=MAX_MEASURED_TEXT,
    )


@dataclass(frozen=True, kw_only=True)
class RepositoryIdentity:
    """Which repository was validated, at which commit."""

    name: str
    organization: str
    url: str
    """Without user name or password."""
    ref: str | None
    commit_sha: str | None
    """None as long as the checkout was not reached."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "name": self.name,
            "organization": self.organization,
            "url": self.url,
            "ref": self.ref,
            "commit_sha": self.commit_sha,
        }

    @classmethod
    def read(cls, reader: FieldReader) -> RepositoryIdentity:
        """Read the report's `repository`."""
        identity = cls(
            name=reader.text("name", longest=200),
            organization=reader.text("organization", longest=200),
            url=reader.text("url", longest=2_000),
            ref=reader.optional_text("ref", longest=250),
            commit_sha=reader.optional_text("commit_sha", longest=64, pattern=SHA_PATTERN),
        )
        reader.finish()
        return identity


@dataclass(frozen=True, kw_only=True)
class Host:
    """The machine that the validation ran on."""

    gpu_name: str | None = None
    driver_version: str | None = None
    python: str
    cpus: int
    memory_bytes: int
    disk_free_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "gpu_name": self.gpu_name,
            "driver_version": self.driver_version,
            "python": self.python,
            "cpus": self.cpus,
            "memory_bytes": self.memory_bytes,
            "disk_free_bytes": self.disk_free_bytes,
        }

    @classmethod
    def read(cls, reader: FieldReader) -> Host:
        """Read the report's `host`."""
        host = cls(
            gpu_name=reader.optional_text("gpu_name", longest=200),
            driver_version=reader.optional_text("driver_version", longest=100),
            python=reader.text("python", longest=50),
            cpus=reader.integer("cpus", least=0, most=100_000),
            memory_bytes=reader.integer("memory_bytes", least=0, most=MAX_SIZE_BYTES),
            disk_free_bytes=reader.integer("disk_free_bytes", least=0, most=MAX_DISK_BYTES),
        )
        reader.finish()
        return host


@dataclass(frozen=True, kw_only=True)
class Report:
    """One validation, as it went."""

    validator_version: str
    validation_id: str
    run_id: str
    repository: RepositoryIdentity
    prompt: str
    engine: Engine | None
    """None as long as no engine was chosen."""
    status: ReportStatus
    reason_code: str | None
    summary: str
    """One line for people."""
    failing_check: str | None
    partial: bool
    """True when the deadline or a signal cut the validation short."""
    started_at: datetime
    finished_at: datetime
    duration_seconds: float
    build_succeeded: bool | None
    """This and the next three: None = not reached."""
    container_succeeded: bool | None
    gpu_available: bool | None
    cuda_detected: bool | None
    host: Host
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds per phase: checkout, static, build, test."""
    checks: tuple[Check, ...] = ()
    phase_usd: Mapping[str, float] = field(default_factory=dict)
    """US dollars per phase beside the instance's own price, such as for a model; only where they are known."""
    signature: FailureSignature | None = None
    """Of what isn't a success; None in the reports of older validators."""
    proof: str | None = None
    """Of the document without this field (see `janitor.protocol.proof`), which puts it there and judges it."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, from which `from_dict` gives an equal report; the fields that came later only where they say
        something, so that an older report is written as it was read."""
        return {
            "format": REPORT_FORMAT,
            "validator_version": self.validator_version,
            "validation_id": self.validation_id,
            "run_id": self.run_id,
            "repository": self.repository.to_dict(),
            "prompt": self.prompt,
            "engine": None if self.engine is None else self.engine.value,
            "status": self.status.value,
            "reason_code": self.reason_code,
            "summary": self.summary,
            "failing_check": self.failing_check,
            "partial": self.partial,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "duration_seconds": self.duration_seconds,
            "build_succeeded": self.build_succeeded,
            "container_succeeded": self.container_succeeded,
            "gpu_available": self.gpu_available,
            "cuda_detected": self.cuda_detected,
            "host": self.host.to_dict(),
            "phases": dict(self.phases),
            "checks": [check.to_dict() for check in self.checks],
            **({"phase_usd": dict(self.phase_usd)} if self.phase_usd else {}),
            **({"signature": self.signature.to_dict()} if self.signature is not None else {}),
            **({"proof": self.proof} if self.proof is not None else {}),
        }

    def to_json(self) -> bytes:
        """The document, UTF-8 encoded."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"

    @classmethod
    def from_dict(cls, document: Any) -> Report:
        """Read a decoded report. Prefer `from_json`, which also bounds the document as a whole.

        Raises:
            ReportError: It is of another format, a field is missing, unknown, of the wrong type or too large, or the
                report contradicts itself.
        """
        reader = FieldReader(document, where="", error=ReportError)
        if (name := reader.text("format", longest=50)) != REPORT_FORMAT:
            raise reader.problem("format", f"{name!r} is not {REPORT_FORMAT!r}, which this version reads")
        report = cls(
            validator_version=reader.text("validator_version", longest=50),
            validation_id=reader.text("validation_id", longest=36, pattern=UUID_PATTERN),
            run_id=reader.text("run_id", longest=36, pattern=UUID_PATTERN),
            repository=RepositoryIdentity.read(reader.object("repository")),
            prompt=reader.text("prompt", longest=MAX_PROMPT_CHARACTERS),
            engine=reader.optional_member("engine", Engine),
            status=reader.member("status", ReportStatus),
            reason_code=reader.optional_text("reason_code", longest=64, pattern=NAME_PATTERN),
            summary=reader.text("summary", longest=MAX_SUMMARY_CHARACTERS),
            failing_check=reader.optional_text("failing_check", longest=64, pattern=NAME_PATTERN),
            partial=reader.boolean("partial"),
            started_at=reader.moment("started_at"),
            finished_at=reader.moment("finished_at"),
            duration_seconds=reader.number("duration_seconds", least=0, most=MAX_SECONDS),
            build_succeeded=reader.optional_boolean("build_succeeded"),
            container_succeeded=reader.optional_boolean("container_succeeded"),
            gpu_available=reader.optional_boolean("gpu_available"),
            cuda_detected=reader.optional_boolean("cuda_detected"),
            host=Host.read(reader.object("host")),
            phases=reader.number_map("phases", most=MAX_PHASES, longest_key=64, largest=MAX_SECONDS),
            checks=reader.items("checks", most=MAX_CHECKS, read=Check.read),
            phase_usd=reader.number_map("phase_usd", most=MAX_PHASES, longest_key=64, largest=MAX_USD)
            if reader.given("phase_usd")
            else {},
            signature=FailureSignature.read(reader.object("signature")) if reader.given("signature") else None,
            proof=reader.text("proof", longest=64, pattern=PROOF_PATTERN) if reader.given("proof") else None,
        )
        reader.finish()
        report._refuse_contradictions(reader)
        return report

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Read a report document.

        Raises:
            ReportError: It is not JSON, larger than `REPORT_MAX_BYTES`, or not a report (see `from_dict`).
        """
        if len(text) > REPORT_MAX_BYTES:
            raise ReportError(f"the report has {len(text)} bytes; at most {REPORT_MAX_BYTES} are read")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise ReportError(f"the report is not JSON: {exc}") from exc
        return cls.from_dict(document)

    def _refuse_contradictions(self, reader: FieldReader) -> None:
        names = [check.name for check in self.checks]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise reader.problem("checks", f"{doubled[0]!r} is there more than once")
        rolled = roll_up(self.checks)
        if self.status is not rolled.status:
            raise reader.problem("status", f"says {self.status.value}, but the checks make it {rolled.status.value}")
        if self.status is not ReportStatus.SUCCESS and self.reason_code is None:
            raise reader.problem("reason_code", f"is required for a report that is {self.status.value}")
        if self.failing_check is not None and self.failing_check not in names:
            raise reader.problem("failing_check", f"{self.failing_check!r} is none of the checks")
        if signature := self.signature:
            if self.status is ReportStatus.SUCCESS:
                raise reader.problem("signature", "is there, but the report says success")
            if (signature.check, signature.reason_code) != (self.failing_check, self.reason_code):
                raise reader.problem("signature", "is of another check or reason code than the report's")
        if self.finished_at < self.started_at:
            raise reader.problem("finished_at", "is before started_at")
