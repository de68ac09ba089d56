"""What a provider shows of its machines, and logs of their tasks: a few questions for all workers together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from janitor.cloud import commands as ssm
from janitor.cloud.logs import search_group
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.pool import Provider
from janitor.domain.states import InstanceState, OwnerKind
from janitor.protocol.progress import MARK
from janitor.services.here import here
from janitor.services.ledger.reconcile import observe_rows
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.pool import passes, tasks
from janitor.stores.pool.records import WorkerRecord

_PROGRESS_SINCE = timedelta(minutes=3)
"""How far back a task's lines count: several passes may fail."""
_MOST_PAGES = 5
_USABLE = (InstanceState.PENDING, InstanceState.RUNNING)
_ENDED = (InstanceState.TERMINATED, InstanceState.SHUTTING_DOWN, InstanceState.NOT_LAUNCHED)

log = LineLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What one provider showed at one moment."""

    is_known: bool
    """Whether it answered; if not, nothing is concluded from what it doesn't show."""
    seen: Mapping[str, InstanceSeen] = field(default_factory=dict)
    """By id, those that end included."""
    online: frozenset[str] = frozenset()
    """Those whose agent answers."""
    problem: str | None = None
    """Why it isn't known."""

    def is_gone(self, worker: WorkerRecord) -> bool | None:
        """Whether a worker's machine has ended; None: that isn't known now.

        One that was stopped counts: nothing of ours ever stops a machine, and whoever did may start it again.
        """
        if worker.instance_state in _ENDED:
            return True
        if not self.is_known or worker.instance_id is None:
            return None
        seen = self.seen.get(worker.instance_id)
        return None if seen is None else seen.state not in _USABLE

    def shows_life(self, worker: WorkerRecord) -> bool:
        """Whether a worker's machine runs and its agent answers."""
        seen = self.seen.get(worker.instance_id or "")
        return seen is not None and seen.state is InstanceState.RUNNING and worker.instance_id in self.online


def look_at_machines(settings: Settings, provider: Provider) -> Machines:
    """Look at a provider's machines, and keep in the ledger what changed of the workers'.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    if provider is Provider.LOCAL:
        return Machines(is_known=True)  # its workers say themselves that they live
    if provider is not Provider.EC2:
        return Machines(is_known=False, problem=f"machines of {provider.value} aren't looked at here")
    try:
        every = provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment, live_only=False)
        _keep(settings, every)
        online = ssm.online_agents(CloudAccess.of(settings), TAG_DEPLOYMENT, settings.deployment) if every else ()
    except CloudError as exc:
        return Machines(is_known=False, problem=str(exc))
    return Machines(is_known=True, seen={one.instance_id: one for one in every}, online=frozenset(online))


def _keep(settings: Settings, every: Sequence[InstanceSeen]) -> None:
    """Bring the rows of workers' machines up to date, so that nobody decides from an old state."""
    at = here(settings)
    with transaction(settings.writer_url) as connection:
        live = ledger.live_of_deployment(connection, settings.deployment)
    rows = [
        row for row in live if row.owner is not None and row.owner.kind is OwnerKind.WORKER and row.place in (None, at)
    ]
    if rows:
        observe_rows(settings, rows, [one for one in every if one.state is not InstanceState.TERMINATED])


def keep_progress(settings: Settings, workers: Sequence[WorkerRecord]) -> None:
    """Keep that the tasks of these workers went on lately, where their logs have a line of it: one search for all.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    at_work = {worker.validation_id: worker.held for worker in workers if worker.validation_id and worker.held}
    if not at_work:
        return
    try:
        since = datetime.now(timezone.utc) - _PROGRESS_SINCE
        lines = search_group(CloudAccess.of(settings), settings.log_group, MARK, since, most_pages=_MOST_PAGES)
    except CloudError as exc:
        log.warning("whether the tasks go on can't be read from their logs: %s", exc)
        return
    shown = {line.stream for line in lines}
    with transaction(settings.writer_url) as connection:
        for validation_id, stream in passes.log_streams(connection, list(at_work)).items():
            held = at_work[validation_id]
            if stream in shown and held is not None:
                tasks.keep_progress(connection, held)
