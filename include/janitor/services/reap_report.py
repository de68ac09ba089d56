"""What a pass of the reaper tells: all that it saw, did, left out and could not do."""

from __future__ import annotations

from dataclasses import dataclass, field

from janitor.domain.errors import CloudError
from janitor.domain.states import ReapEvidence


@dataclass(frozen=True, kw_only=True)
class ReapReport:
    """What a pass saw and did; in a dry run, what it would have done."""

    dry_run: bool = False
    busy: bool = False
    """Another pass was under way: this one did nothing."""
    looked_at: int = 0
    """Instances that EC2 shows and that aren't ending."""
    marked: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    terminated: tuple[str, ...] = ()
    """EC2 accepted the request."""
    would_terminate: tuple[str, ...] = ()
    still_alive: tuple[str, ...] = ()
    """EC2 goes on showing them alive: asked to end in this pass, or past their bound."""
    evidence: dict[str, ReapEvidence] = field(default_factory=dict)
    """Why, for each instance that is marked, terminated or would be."""
    timers_armed: tuple[str, ...] = ()
    timers_removed: tuple[str, ...] = ()
    """Of instances that are gone."""
    notices_taken: tuple[str, ...] = ()
    """Storage keys."""
    settled: tuple[str, ...] = ()
    """Validations that got their final state."""
    runs_closed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, without harm: the next pass does it."""
    problems: tuple[str, ...] = ()


class ReapError(CloudError):
    """AWS could not be asked, or not for everything; the report says how far the pass came."""

    def __init__(self, message: str, report: ReapReport) -> None:
        self.report = report
        super().__init__(message)

    def __reduce__(self) -> tuple[type[ReapError], tuple[str, ReapReport]]:
        # Crosses process boundaries (Airflow tasks): the default would rebuild it from its text.
        return type(self), (str(self), self.report)
