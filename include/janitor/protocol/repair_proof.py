"""`janitor-proof/1`: what proves a repair, beside its patch. `repair-proof-v1.schema.json` is its published form.

`python -m janitor.protocol.repair_proof` prints the schema.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from janitor.protocol.codec import Document, Part
from janitor.protocol.order.spec import Uuid
from janitor.protocol.part_schema import Schema, part_schema
from janitor.protocol.report import SHA_PATTERN, Dollars
from janitor.protocol.terms.statuses import Engine, ReportStatus
from janitor.protocol.values import Most, Text

_SHA256 = Text(64, r"[0-9a-f]{64}")
_LINE = Text(1_000)


class ProofError(ValueError):
    """A document is no proof of a repair."""


@dataclass(frozen=True, kw_only=True)
class ProofReport(Part):
    """A report that takes part in a proof; it lies beside it."""

    file: Annotated[str, Text(100)]
    validation_id: Uuid
    sha256: Annotated[str, _SHA256]
    """Of the file."""
    status: ReportStatus
    signature: Annotated[str, Text(16, r"[0-9a-f]{16}")] | None
    """Of a failure."""
    patch_sha256: Annotated[str, _SHA256] | None
    """Of the patch that was applied; null: none was."""
    finished_at: datetime


@dataclass(frozen=True, kw_only=True)
class RepairProof(Document):
    """The whole of it."""

    FORMAT: ClassVar[str] = "janitor-proof/1"
    NOUN: ClassVar[str] = "proof"
    MAX_BYTES: ClassVar[int] = 1_000_000
    ERROR: ClassVar[type[ValueError]] = ProofError

    shard: Annotated[str, Text(500)]
    repository: Annotated[str, Text(200)]
    url: Annotated[str, Text(2_048)]
    commit_sha: Annotated[str, Text(64, SHA_PATTERN)]
    """Which the patch is against."""
    signature: Annotated[str, Text(16, r"[0-9a-f]{16}")]
    broken_since: datetime | None
    proposed_by: Annotated[str, Text(100)]
    """`recipe` or `agent`, and its name."""
    patch_sha256: Annotated[str, _SHA256]
    repair_sha: Annotated[str, Text(64, SHA_PATTERN)]
    """The commit that the patch makes."""
    engine: Engine | None
    instance_type: Annotated[str, Text(100)] | None
    validator_sha256: Annotated[str, _SHA256] | None
    """Of the artefact that all three ran from; null: it isn't known, or isn't one."""
    red: ProofReport
    """As it was found."""
    patched: ProofReport
    """With the patch."""
    control: ProofReport
    """Without it, later."""
    proof_usd: Dollars | None
    """Null: not known."""
    proposal_usd: Dollars | None
    made_at: datetime
    commands: Annotated[tuple[Annotated[str, _LINE], ...], Most(20)]
    """To repeat it."""

    def to_json(self) -> bytes:
        """The document, UTF-8 encoded."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"

    def contradiction(self) -> tuple[str, str] | None:
        """What the proof says against itself."""
        if self.patched.status is not ReportStatus.SUCCESS:
            return "patched", "is no success"
        if self.patched.patch_sha256 != self.patch_sha256:
            return "patched", "is of another patch"
        if self.control.patch_sha256 is not None or self.control.signature != self.signature:
            return "control", "doesn't fail by this cause without a patch"
        return None


def schema_text() -> str:
    """The schema as it is published."""
    schema: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Proof of a repair by Janitor, version 1",
        "description": "By which reports a patch is known to repair a failure.",
        **part_schema(RepairProof),
    }
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
