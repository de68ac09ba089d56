"""A repository that broke, and its cause, for tests that change one thing of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from janitor.domain.evidence.cause import BrokenRepository, Cause, CauseGroup, Image, Sight, Spent
from janitor.domain.evidence.verdict import Onset
from janitor.domain.result.provenance_changes import Changed, CommitRange, PartChange, ProvenanceChanges
from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.statuses import Engine

AT = datetime(2026, 5, 4, 3, 12, tzinfo=timezone.utc)
OLD, NEW = "a" * 40, "b" * 40
RUN, EARLIER = UUID(int=1), UUID(int=2)
MOVED = PartChange(part=Changed.BASE_IMAGE, name="python:3.11", before="sha256:" + "1" * 64, after="sha256:" + "2" * 64)


def changes(*parts: PartChange, commits: tuple[str, str] | None = (OLD, NEW), left_out: int = 0) -> ProvenanceChanges:
    """From the report before."""
    found = None if commits is None else CommitRange(before=commits[0], after=commits[1])
    return ProvenanceChanges(commits=found, parts=parts, left_out=left_out)


def onset(**others: Any) -> Onset:
    """Another commit, and nothing else."""
    real = Onset(changes=changes(), images_compared=True, packages_compared=True, flaky=False, verdicts=8)
    return replace(real, **others)


def broken(name: str = "worker-a", **others: Any) -> BrokenRepository:
    """One that broke last night."""
    one = BrokenRepository(
        organization="acme",
        repository_name=name,
        validation_id=UUID(int=10),
        run_id=RUN,
        status=ValidationStatus.FAILED,
        is_new=True,
        url="https://github.com/acme/worker-a.git",
        commit_sha=NEW,
        engine=Engine.DOCKER,
        gpu_required=True,
        dockerfile=None,
        images=(Image(reference="python:3.11", digest="sha256:" + "2" * 64),),
        last_good=Sight(at=AT - timedelta(days=1), run_id=EARLIER, validation_id=UUID(int=9), commit_sha=OLD),
        first_bad=Sight(at=AT, run_id=RUN, validation_id=UUID(int=10), commit_sha=NEW),
        compared_with=Sight(at=AT - timedelta(days=1), run_id=EARLIER, validation_id=UUID(int=9), commit_sha=OLD),
        onset=onset(),
        spent=Spent(runs=1, usd=Decimal("0.28"), is_whole=True),
    )
    return replace(one, **others)


def cause(*repositories: BrokenRepository, **others: Any) -> Cause:
    """That broke these."""
    one = Cause(
        key="aaaaaaaaaaaaaaaa",
        signature="aaaaaaaaaaaaaaaa",
        title="handler_api: KeyError: 'large'",
        group=CauseGroup.NEW,
        repositories=repositories or (broken(),),
        check="handler_api",
        reason="KeyError: 'large'",
        log=None,
    )
    return replace(one, **others)
