"""What an instance was told that its report is judged by: the key of its proof, and the engine.

The key is written before the command is sent and never changes, so that a repeated send tells the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from janitor.protocol.terms.statuses import EngineChoice
from janitor.stores.database import Connection, one
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class ReportTerms:
    """One instance's terms."""

    proof_key: bytes = field(repr=False)
    """A secret of the control plane and the instance's validator."""
    engine: EngineChoice


def keep(connection: Connection, ledger_id: int, terms: ReportTerms) -> ReportTerms:
    """Write an instance's terms, unless it was told some before.

    Returns:
        Those that stand.
    """
    named_queries().keep_report_terms(
        connection, ledger_id=ledger_id, proof_key=terms.proof_key, engine=terms.engine.value
    )
    return _terms(one(named_queries().report_terms(connection, ledger_id=ledger_id), what=f"terms of {ledger_id}"))


def told(connection: Connection, ledger_id: int) -> ReportTerms | None:
    """An instance's terms; None where it was told none, as before there were any."""
    row = named_queries().report_terms(connection, ledger_id=ledger_id)
    return None if row is None else _terms(row)


def _terms(row: dict[str, object]) -> ReportTerms:
    key = row["proof_key"]
    assert isinstance(key, bytes | memoryview)
    return ReportTerms(proof_key=bytes(key), engine=EngineChoice(row["engine"]))
