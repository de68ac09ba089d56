"""What a pass of the reaper tells: all that it saw, did, left out and could not do."""

from __future__ import annotations

from dataclasses import dataclass, field

from janitor.domain.errors import CloudError
from janitor.domain.place import Place
from janitor.domain.states import ReapEvidence
from janitor.services.ledger.reconcile import Absent


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
    missing: tuple[str, ...] = ()
    """EC2 doesn't show them in their own place, though nobody has ended them: a later pass decides."""
    vanished: tuple[str, ...] = ()
    """Missed by a second look: their rows were ended."""
    doubted: tuple[str, ...] = ()
    """Missed by a second look, but too many at once: their rows stay until a person says that they are gone."""
    reopened: tuple[str, ...] = ()
    """EC2 shows them alive, though their rows were ended."""
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


def problems_of(absent: Absent, at: Place) -> list[str]:
    """What EC2 doesn't show though it should, in words."""
    see = 'see runbook "Vanished instances"'
    told = [
        f"{name}: EC2 does not show it in {at}, and nobody has ended it; a later pass ends its row; {see}"
        for name in absent.missing
    ]
    told += [
        f"{name}: EC2 did not show it in {at} at two looks; its row is ended, though nobody was seen to end it; {see}"
        for name in absent.vanished
    ]
    if absent.doubted:
        told.append(
            f"{len(absent.doubted)} instances at once are not shown in {at}, more than half of the live rows:"
            f" {', '.join(absent.doubted)}; their rows stay until you say that they are gone:"
            f" `make reap VANISHED=1`; {see}"
        )
    if absent.unbound:
        told.append(
            f"{', '.join(absent.unbound)}: not shown in {at}, and written before it was kept where instances are; if"
            f" they were here, say that they are gone: `make reap VANISHED=1`; {see}"
        )
    return told
