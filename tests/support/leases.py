"""A lease of a working tree for tests that need one and no database."""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.workspace.lease import Lease, LeaseState, Subject
from janitor.services.workspaces.machine import this_process

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def lease(fence: int) -> Lease:
    """One that this process holds."""
    return Lease(
        lease_id=UUID(int=fence),
        fence=fence,
        subject=Subject(deployment="d", run_id="r", workspace_key="u"),
        holder=this_process(),
        path="/r/u",
        state=LeaseState.HELD,
        acquired_at=NOW,
        renewed_at=NOW,
        expires_at=NOW,
    )
