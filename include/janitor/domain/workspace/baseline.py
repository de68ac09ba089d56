"""The checks of a repository before a change: what a change is judged against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from janitor.domain.errors import WorkspaceError
from janitor.protocol.terms.statuses import CheckStatus

BASELINE_NAME = "baseline.json"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What each check said of a commit."""

    commit: str
    checks: Mapping[str, CheckStatus]

    def to_json(self) -> bytes:
        """The form that is kept."""
        checks = {name: status.value for name, status in sorted(self.checks.items())}
        return json.dumps({"commit": self.commit, "checks": checks}, indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> Baseline:
        """Read what was kept.

        Raises:
            WorkspaceError: It is no baseline, or not whole.
        """
        try:
            found = json.loads(content)
            checks = {str(name): CheckStatus(status) for name, status in found["checks"].items()}
            return cls(commit=str(found["commit"]), checks=checks)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise WorkspaceError(f"a baseline of checks can't be read ({exc}): validate the commit again") from exc

    def worse(self, after: Mapping[str, CheckStatus]) -> tuple[str, ...]:
        """Checks that say less after a change: one that passed and doesn't, one that isn't there any more, or one that
        failed and is now passed over."""
        return tuple(
            name
            for name, before in sorted(self.checks.items())
            if name not in after
            or (before is CheckStatus.PASS and after[name] is not CheckStatus.PASS)
            or (before is CheckStatus.FAIL and after[name] in (CheckStatus.SKIP, CheckStatus.ERROR))
        )
