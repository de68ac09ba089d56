"""What a run will probably cost, from its repositories' history: beside the worst case, which is what is set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.errors import DatabaseError, SettingsError
from janitor.domain.money.budget import RepositoryEstimate, RunEstimate
from janitor.domain.money.costs import cost_of
from janitor.settings import Settings
from janitor.stores.costs import UsualTime, usual_times
from janitor.stores.database import transaction

_LAST = 10
"""Verdicts of a repository that count."""


@dataclass(frozen=True, kw_only=True)
class RepositoryForecast:
    """What one repository of a run may cost."""

    plan: RepositoryPlan
    estimate: RepositoryEstimate
    usual: UsualTime | None
    """None where it never came to a verdict here, or the ledger can't be asked."""

    @property
    def expected_usd(self) -> Decimal | None:
        """As long as usual, on the type that is tried first, on demand; None where one of them isn't known."""
        if self.usual is None:
            return None
        return cost_of(
            self.usual.median,
            usd_hour=next(iter(self.estimate.usd_hour_by_type.values())),
            volume_gib=self.estimate.volume_gib,
            volume_usd_gib_month=self.estimate.volume_usd_gib_month,
        )


@dataclass(frozen=True, kw_only=True)
class RunForecast:
    """What a run may cost: its repositories in the order of the configuration."""

    repositories: Sequence[RepositoryForecast]
    worst_case_usd: Decimal | None
    """None where a price isn't known."""
    unpriced: tuple[str, ...]

    @property
    def expected_usd(self) -> Decimal | None:
        """Of those of which it is known; None where that is none."""
        known = [each.expected_usd for each in self.repositories if each.expected_usd is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def unknown(self) -> int:
        """Of how many repositories nothing is expected."""
        return sum(each.expected_usd is None for each in self.repositories)

    @property
    def usual_time(self) -> timedelta:
        """The instance time that is expected, of those of which it is known."""
        return sum((each.usual.median for each in self.repositories if each.usual is not None), timedelta())


def forecast(settings: Settings, plans: Sequence[RepositoryPlan], estimate: RunEstimate) -> RunForecast:
    """What is expected beside the worst case; a ledger that can't be asked makes it unknown, nothing else.

    Args:
        settings: Of the environment.
        plans: The run's repositories.
        estimate: Their worst case, in the same order.
    """
    try:
        with transaction(settings.reader_url) as connection:
            usual: Sequence[UsualTime | None] = usual_times(
                connection, settings.deployment, [(plan.organization, plan.name) for plan in plans], last=_LAST
            )
    except (DatabaseError, SettingsError):
        usual = [None] * len(plans)
    return RunForecast(
        repositories=tuple(
            RepositoryForecast(plan=plan, estimate=each, usual=took)
            for plan, each, took in zip(plans, estimate.repositories, usual, strict=True)
        ),
        worst_case_usd=estimate.worst_case_usd,
        unpriced=estimate.unpriced,
    )
