"""What the checks of one validation share: the means. What they find out is in `janitor.validator.facts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.report import Host
from janitor.protocol.terms.provenance import Provenance
from janitor.protocol.terms.statuses import Engine
from janitor.validator.findings import EvidenceMaker
from janitor.validator.provenance.joining import joined
from janitor.validator.secrets.delivered import DeliveredSecrets
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ReportHead:
    """What a report says beside its checks; None where that isn't known, or not yet."""

    commit_sha: str | None = None
    patch_sha256: str | None = None
    host: Host | None = None
    engine: Engine | None = None
    gpu_available: bool | None = None
    build_succeeded: bool | None = None
    container_succeeded: bool | None = None
    cuda_detected: bool | None = None
    provenance: Provenance = field(default_factory=Provenance)

    def joined(self, more: ReportHead) -> ReportHead:
        """This, with what the other one knows."""
        known = {each.name: getattr(more, each.name) for each in fields(more)}
        known["provenance"] = joined(self.provenance, more.provenance)
        return replace(self, **{name: value for name, value in known.items() if value is not None})


class Cleanups:
    """What has to be removed in the end, kept from the moment at which there can be something."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, Callable[[], list[str]]]] = []

    def add(self, what: str, remove: Callable[[], list[str]]) -> None:
        """Keep a removal.

        Args:
            what: What it removes, in words.
            remove: Removes it, whether or not there is any; returns what could not be removed, in words.
        """
        self._kept.append((what, remove))

    def carry_out(self) -> tuple[list[str], list[str]]:
        """Remove everything; returns what was looked for, and what is still there, in words."""
        left = [each for _, remove in self._kept for each in remove()]
        return [what for what, _ in self._kept], left


def _tell_nobody(_head: ReportHead) -> None:
    """For a run without a report."""


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """One validation's means. Nothing is read from here that a check has found out."""

    spec: ValidationSpec
    settings: Settings
    workspace: Workspace
    journal: Journal
    evidence: EvidenceMaker
    interrupts: Interrupts
    secrets: DeliveredSecrets = field(default_factory=DeliveredSecrets)
    confinement: str = "as the validator's user"
    """Whose processes the repository's are, in words."""
    cleanups: Cleanups = field(default_factory=Cleanups)
    tell: Callable[[ReportHead], None] = _tell_nobody
    """Puts something into the report's head at once: it is there too if the check that found it is cut short."""

    @property
    def worker_variables(self) -> Mapping[str, str]:
        """What the worker's environment is given: the spec's variables, and the values of its secrets."""
        return {**self.spec.repository.env, **self.secrets.values}
