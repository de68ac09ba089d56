"""A deployment at one instant: runs, news, live instances, money, killers. Every face shows this and nothing else.

Invariant: instants are timezone-aware UTC, and None means "not known", never "no".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from janitor.domain.launch.breaker import BreakerState
from janitor.domain.snapshot.maintenance import MaintenanceGlance
from janitor.domain.snapshot.pool import PoolGlance
from janitor.domain.states import InstanceOrigin, InstanceState, RunStatus, ValidationStatus


@dataclass(frozen=True, kw_only=True)
class RunGlance:
    """A run in a line."""

    run_id: UUID
    airflow_run_id: str
    trigger: str
    status: RunStatus
    status_reason: str | None
    started_at: datetime
    completed_at: datetime | None
    total_repositories: int
    finished: int
    """How many repositories have an end."""
    successful: int
    cost_usd: Decimal | None
    """So far; None where nothing was launched, or a price isn't known."""
    last_end_at: datetime | None
    """The latest instant at which an instance of an unfinished validation may still live; None where none has one."""


@dataclass(frozen=True, kw_only=True)
class RepositoryNews:
    """A repository of the last run that isn't simply well, or is well again."""

    organization: str
    repository_name: str
    run_id: UUID
    status: ValidationStatus
    title: str
    """Its cause, in a line."""
    signature: str | None
    """Equal for equal causes."""
    since_at: datetime | None
    """Of the outcome that stands; for one that is fixed, of the failure that is over."""
    flaky: bool

    @property
    def repository(self) -> str:
        """`organization/name`."""
        return f"{self.organization}/{self.repository_name}"


@dataclass(frozen=True, kw_only=True)
class News:
    """What the last finished run says of its repositories, by what changed. Each is in one list alone."""

    new: Sequence[RepositoryNews] = ()
    """Failed, and didn't before, or not by this cause."""
    fixed: Sequence[RepositoryNews] = ()
    still_failing: Sequence[RepositoryNews] = ()
    unknown: Sequence[RepositoryNews] = ()
    """Could not be told: not the repository's fault as far as is known."""

    @property
    def flaky(self) -> Sequence[RepositoryNews]:
        """Those above whose verdict turns over by itself."""
        return [one for one in (*self.new, *self.fixed, *self.still_failing, *self.unknown) if one.flaky]

    @property
    def new_causes(self) -> int:
        """How many causes broke the new ones; one without a signature is a cause of its own."""
        return len({one.signature or one.repository for one in self.new})


@dataclass(frozen=True, kw_only=True)
class InstanceGlance:
    """An instance that the ledger holds alive, and when each of its killers strikes."""

    instance_id: str | None
    """None: RunInstances has not answered."""
    instance_type: str
    market: str
    origin: InstanceOrigin
    state: InstanceState
    repository_name: str | None
    run_id: UUID | None
    intent_at: datetime
    launched_at: datetime | None
    cost_usd: Decimal | None
    """So far."""
    usd_hour: Decimal | None
    deadline_at: datetime
    """Its run's task ends it."""
    expires_at: datetime
    """The reaper ends it at its next pass from here on; a debug lease puts that off."""
    keep_until: datetime | None
    external_timer_at: datetime
    guest_timer_at: datetime
    asked_to_end_at: datetime | None
    """When its end was begun, by whomever."""

    @property
    def may_live_until(self) -> datetime:
        """From then on it is overdue."""
        return self.expires_at if self.keep_until is None else max(self.expires_at, self.keep_until)


@dataclass(frozen=True, kw_only=True)
class Money:
    """What today and the fortnight before cost, with what is set aside."""

    day: date
    """In UTC."""
    used_usd: Decimal
    """Spent, and set aside where it isn't known yet."""
    reserved_usd: Decimal
    """Of that, set aside."""
    open_reservations: int
    daily_budget_usd: Decimal | None
    """Of the last run that had one; None: there is none."""
    usual_usd: Decimal | None
    """The median of the last fourteen days on which something ran, today left out; None: there are fewer than three."""
    launched_usd: Decimal
    """What the instances that were launched today have cost so far."""
    lived: timedelta
    """Of everything that was launched within the last day."""
    unexplained: timedelta
    """Of that, the part that nothing explains."""
    refused_runs: int
    """Within the last day."""


@dataclass(frozen=True, kw_only=True)
class ReaperPass:
    """What the reaper's last pass saw, of EC2 and of the ledger."""

    at: datetime
    in_ec2: int | None
    """Instances that EC2 shows and that nobody ends; None: it could not be asked."""
    unknown_to_ledger: int
    """Of those, the ones that the ledger doesn't hold alive."""
    missing_in_ec2: int
    """Instances that the ledger holds alive and EC2 doesn't show."""
    untaken_notices: int | None = 0
    """What the killers outside Airflow left word of in S3, and that could not be taken; None: it could not be asked."""

    @property
    def agrees(self) -> bool:
        """Whether ledger and EC2 held the same instances alive."""
        return self.in_ec2 is not None and not self.unknown_to_ledger and not self.missing_in_ec2


@dataclass(frozen=True, kw_only=True)
class DeadChannel:
    """A channel of messages that hasn't taken all that it is given."""

    channel: str
    undelivered: int
    """All that didn't arrive, also what is being sent at the moment."""
    messages: int
    """Of those, what waits after several tries or for long, or was given up within two weeks: none is no trouble."""
    given_up: int
    """Of those, the ones that nobody will be told."""
    since: datetime
    """When the oldest of them was written."""
    last_error: str | None


@dataclass(frozen=True, kw_only=True)
class StaleRepository:
    """A repository whose last validations say nothing of it."""

    repository: str
    """`organization/name`."""
    times: int
    """So many in a row."""
    since: datetime
    """When that was written."""


@dataclass(frozen=True, kw_only=True)
class MissedSchedule:
    """No run has begun for two scheduled times."""

    schedule: str
    last_began_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeploymentSnapshot:
    """Everything that is shown."""

    deployment: str
    at: datetime
    reap_interval: timedelta
    live_runs: Sequence[RunGlance]
    """Newest first."""
    last_run: RunGlance | None
    """The last one that is over."""
    news: News
    repositories: int
    """How many came to an end within the last thirty days."""
    failing: int
    """Of those, how many stand as failed."""
    untold: int
    """Of those, how many never came to a conclusive end."""
    instances: Sequence[InstanceGlance]
    adopted: int
    """Instances that Janitor didn't launch and had to adopt, within the last day."""
    money: Money
    last_pass: ReaperPass | None
    breakers: Sequence[BreakerState]
    """Those that count failures, the deployment's first."""
    airflow_problems: Sequence[str] | None
    """What isn't well with Airflow's components; None: not asked."""
    dead_channels: Sequence[DeadChannel] = ()
    stale: Sequence[StaleRepository] = ()
    """By name; whatever keeps news decides what is stale, so that messages and faces agree."""
    missed_schedule: MissedSchedule | None = None
    maintenance: MaintenanceGlance | None = None
    """None: not asked."""
    pools: Sequence[PoolGlance] = ()
    """Those that have workers or tasks, or that somebody stopped, or that decided within a day; by name."""

    def with_airflow(self, problems: Sequence[str] | None) -> DeploymentSnapshot:
        """The same, with what was asked of Airflow at another moment."""
        return replace(self, airflow_problems=problems)
