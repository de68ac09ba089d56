"""What the deployment's own configurations ask of an account: types, markets, and how many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from janitor.domain.config.fields import Market
from janitor.domain.config.sequential import SequentialConfig
from janitor.services.config_files import load_as, load_config
from janitor.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Of all the enabled repositories of one configuration together."""

    source: str
    instance_types: tuple[str, ...]
    markets: frozenset[Market]
    at_once: int
    """Most instances alive at the same time."""

    def types_like(self, series: Iterable[str]) -> tuple[str, ...]:
        """Those of some series, such as `g` and `vt`."""
        wanted = frozenset(series)
        return tuple(each for each in self.instance_types if _series(each) in wanted)


def wanted_by(settings: Settings) -> Wanted:
    """What the environment's default config asks for.

    Raises:
        ConfigError: It can't be used.
        CloudError: It is in S3, which can't be asked.
    """
    loaded = load_config(settings, settings.default_config)
    plans = loaded.config.plan(required_proof=settings.required_proof)
    return Wanted(
        source=loaded.source,
        instance_types=tuple(dict.fromkeys(each for plan in plans for each in plan.instance_types)),
        markets=frozenset(plan.market for plan in plans),
        at_once=min(loaded.config.max_concurrent_instances, len(plans)),
    )


def wanted_in_turn_by(settings: Settings) -> Wanted:
    """What the environment's default list of repositories asks for, which share one instance.

    Raises:
        ConfigError: It can't be used.
        CloudError: It is in S3, which can't be asked.
    """
    loaded = load_as(SequentialConfig, settings, settings.default_repos_file)
    plans = loaded.config.plan(required_proof=settings.required_proof)
    return Wanted(
        source=loaded.source,
        instance_types=tuple(dict.fromkeys(each for plan in plans for each in plan.instance_types)),
        markets=frozenset(plan.market for plan in plans),
        at_once=1,
    )


def types_of(wanted: Sequence[Wanted]) -> tuple[str, ...]:
    """The instance types of all of them, each once."""
    return tuple(dict.fromkeys(each for one in wanted for each in one.instance_types))


def sources_with(wanted: Sequence[Wanted], instance_type: str) -> str:
    """Which of them ask for a type."""
    return ", ".join(one.source for one in wanted if instance_type in one.instance_types)


def _series(instance_type: str) -> str:
    family = instance_type.partition(".")[0]
    return family[: next((index for index, letter in enumerate(family) if letter.isdigit()), len(family))]
