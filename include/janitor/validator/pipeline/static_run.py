"""Runs the static checks on a checkout on somebody's own machine, without engine, stack or remote.

Invariant: nothing of the repository is executed, and nothing in its folder is changed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.redaction import Redactor
from janitor.inspection.location import Location
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.report import Check
from janitor.protocol.terms.proven import Unproven
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckName, CheckStatus, EngineChoice
from janitor.validator.checkout.local_checkout import (
    GitListing,
    NoCheckoutError,
    read_local_checkout,
    require_checkout,
)
from janitor.validator.checks.running.checkout import lfs_pointers
from janitor.validator.context import CheckContext
from janitor.validator.facts import CheckoutFacts
from janitor.validator.findings import EvidenceMaker, Finding, Produced, errored, passed, skipped
from janitor.validator.pipeline.recording import Recorder, seconds_by_phase
from janitor.validator.pipeline.results import Met
from janitor.validator.pipeline.static_checks import ask_network, read_source
from janitor.validator.pipeline.steps import Phase, Step
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

_LIMIT = timedelta(minutes=10)
_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class StaticCheck:
    """One check, and the places that it speaks of."""

    check: Check
    phase: Phase
    locations: tuple[Location, ...]

    @property
    def is_undecided(self) -> bool:
        """Whether it counts and could not tell; what another check's fault kept from being made is that check's."""
        check = self.check
        skipped = check.status is CheckStatus.SKIP and check.reason_code != ReasonCode.PREREQUISITE_FAILED
        return check.required and (check.status is CheckStatus.ERROR or skipped)

    @property
    def is_skipped(self) -> bool:
        """Whether it was skipped, and nothing that counts is left open by that."""
        return self.check.status is CheckStatus.SKIP and not self.is_undecided


@dataclass(frozen=True, kw_only=True)
class StaticResult:
    """What the static checks found."""

    root: Path
    commit_sha: str | None
    changes: tuple[str, ...]
    """What differs from the commit."""
    checks: tuple[StaticCheck, ...]
    phases: Mapping[str, float]
    """Seconds per phase."""
    seconds: float
    unproven: tuple[Unproven, ...] = ()
    """What the checks say nothing of; that nothing was built or run is no part of it."""

    @property
    def note_count(self) -> int:
        """Of all checks."""
        return sum(len(each.check.notes) for each in self.checks)

    def with_status(self, status: CheckStatus, *, required: bool) -> list[StaticCheck]:
        """The checks of one status that count, or that don't."""
        return [each for each in self.checks if each.check.status is status and each.check.required is required]

    @property
    def undecided(self) -> list[StaticCheck]:
        """The checks that count and could not tell."""
        return [each for each in self.checks if each.is_undecided]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong, and nothing that was asked for was left open."""
        return not self.with_status(CheckStatus.FAIL, required=True) and not self.undecided


def validate_checkout(
    path: Path, *, settings: Settings, network: bool, dockerfile: str | None = None, gpu_required: bool = False
) -> StaticResult:
    """Run the static checks.

    Args:
        path: The checkout's folder.
        settings: Of this machine.
        network: Whether to ask registries and model hosts too.
        dockerfile: Path from the repository's root; None searches.
        gpu_required: Whether the worker must use a GPU.

    Raises:
        NoCheckoutError: The folder is no checkout of a worker.
        OSError: No temporary folder can be made.
    """
    started = time.monotonic()
    redactor = Redactor()
    deadline = datetime.now(timezone.utc) + _LIMIT
    workspace = Workspace.make(settings.temporary)
    try:
        require_checkout(path, settings, workspace.neutral)
        context = CheckContext(
            spec=_spec(path, deadline, dockerfile=dockerfile, gpu_required=gpu_required),
            settings=settings,
            workspace=workspace,
            journal=Journal(redactor),
            evidence=EvidenceMaker(redactor),
            interrupts=Interrupts(deadline),
        )
        run = Recorder(context=context, redactor=redactor)
        checkout = run(Step(CheckName.CHECKOUT, Phase.CHECKOUT), _check_folder, Met(path))
        if checkout.produced is not None:  # else the folder can't even be read
            if not checkout.produced.value.tree.entries:
                raise NoCheckoutError(f"git lists no file in {path}: it is empty, or git ignores it")
            found = read_source(run, checkout.yielded)
            if network:
                ask_network(run, found)
    finally:
        workspace.remove()
    folder = checkout.if_any.value
    return StaticResult(
        root=path,
        commit_sha=folder.commit_sha if folder is not None else None,
        changes=folder.changes if folder is not None else (),
        checks=tuple(
            StaticCheck(check=each.check, phase=each.step.phase, locations=each.finding.locations) for each in run.done
        ),
        phases=seconds_by_phase(run.done),
        seconds=round(time.monotonic() - started, 3),
        unproven=run.unproven,
    )


@dataclass(frozen=True, kw_only=True)
class _FolderFacts(CheckoutFacts):
    """A checkout as it lies in somebody's folder."""

    changes: tuple[str, ...]
    """What differs from the commit."""


def _check_folder(context: CheckContext, path: Path) -> Finding | Produced[_FolderFacts]:
    local = read_local_checkout(path, context.settings, context.workspace.neutral)
    unfetched = tuple(str(path) for path in lfs_pointers(local.tree))
    facts = _FolderFacts(tree=local.tree, commit_sha=local.commit_sha, unfetched_files=unfetched, changes=local.changes)
    shown = {
        "commit": local.commit_sha or "none yet",
        "files": str(len(local.tree.entries)),
        "differs from the commit": "\n".join(local.changes),
        "Git LFS pointers": "\n".join(unfetched[:_SHOWN]),
        "submodules not fetched": "\n".join(str(path) for path in local.tree.unfetched_folders[:_SHOWN]),
    }
    evidence = [context.evidence.value(name, text) for name, text in shown.items() if text]
    if local.why_not_git is not None and local.listing is GitListing.NO_ANSWER:
        return errored(ReasonCode.GIT_FAILED, local.why_not_git, *evidence)
    if local.why_not_git is not None:
        why = f"{local.why_not_git}: every file of the folder counts"
        return Produced(skipped(ReasonCode.NO_GIT, why, *evidence), facts)
    empty = [(path, "a Git LFS pointer: its content isn't fetched") for path in unfetched]
    empty += [(str(path), "an empty folder: a submodule that isn't fetched") for path in local.tree.unfetched_folders]
    locations = [Location(path=path, line=None, message=text, is_warning=True) for path, text in empty[:_SHOWN]]
    return Produced(passed(*evidence, locations=locations), facts)


def _spec(path: Path, deadline: datetime, *, dockerfile: str | None, gpu_required: bool) -> ValidationSpec:
    return ValidationSpec(
        validation_id=str(uuid.uuid4()),
        run_id=str(uuid.uuid4()),
        repository=RepositorySpec(
            name=path.name or "worker", organization="local", url=path.as_uri(), dockerfile=dockerfile
        ),
        prompt="static checks",
        gpu_required=gpu_required,
        engine=EngineChoice.AUTO,
        deadline=deadline,
        grace=timedelta(0),
    )
