"""The workers configuration: which repositories are validated, and under which limits.

`parse_workers_config` turns YAML text into a frozen `WorkersConfig` or raises one `ConfigError` that lists everything
that is wrong; `WorkersConfig.plan` resolves it into what a run does. Nothing here reads a file or the environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from janitor.domain.config.document import Finding, read_document
from janitor.domain.config.fields import (
    NO_POOL,
    Badges,
    Dollars,
    InstanceType,
    InstanceTypes,
    Market,
    Organization,
    PoolChoice,
    Prompt,
    Provider,
    RepairWay,
    RepairWays,
    RepositoryName,
    RepositoryUrl,
    TimeoutMinutes,
)
from janitor.domain.config.findings import (
    FLEET_ERROR,
    as_problems,
    fleet_findings,
    model_findings,
    substitute_in_urls,
    variable_findings,
)
from janitor.domain.config.limits import MAX_CONCURRENT_INSTANCES, MAX_GRACE_MINUTES
from janitor.domain.config.notifications import NotificationsConfig, needed_findings
from janitor.domain.config.parameters import PARAMETERS, described, parameters_model
from janitor.domain.config.pools import PoolConfig, pool_findings
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.config_problems import nearest
from janitor.domain.errors import ConfigError, NotFoundError
from janitor.protocol.terms.proven import ProofLevel

__all__ = [
    "Market",
    "NotificationsConfig",
    "PoolConfig",
    "RepositoryConfig",
    "RepositoryPlan",
    "WorkersConfig",
    "parse_workers_config",
    "workers_config_schema",
]

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _StrictModel(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", use_attribute_docstrings=True)


class RepositoryConfig(parameters_model(_StrictModel)):  # type: ignore[misc]  # made of the parameters' declaration
    """One repository to validate."""

    name: RepositoryName
    """Name of the repository, without its organization."""
    organization: Organization
    """GitHub organization or user that the repository belongs to."""
    prompt: Prompt
    """What the validation agent is asked about this repository."""
    gpu_required: bool = True
    """Whether a validation on an instance without a working GPU ends as `error`."""
    timeout_minutes: TimeoutMinutes | None = None
    """Hard limit in minutes, counted from launch. Default: default_timeout_minutes."""
    instance_type: InstanceType | None = None
    """EC2 instance type to try first. Default: default_instance_type."""
    url: RepositoryUrl | None = None
    """Where to clone from: https, ssh or file. `{state_dir}` stands for the local stack's folder. Default: GitHub."""
    market: Annotated[Market, Field(strict=False)] | None = None
    """How the instance is bought. Default: default_market."""
    required_proof: Annotated[ProofLevel, Field(strict=False)] | None = None
    """What a success must prove: `image` or `environment`; less is `incomplete`. Default: default_required_proof."""
    repair: RepairWays | None = None
    """How a proved repair is given to people: `off`, `patch`, `branch`, `pr`. Default: default_repair."""
    pool: PoolChoice | None = None
    """Pool whose workers validate it; `off`: an instance of its own. Default: default_pool."""
    enabled: bool = True
    """false leaves the repository out of every run."""

    @property
    def timeout(self) -> timedelta | None:
        """The repository's own hard limit, if it has one."""
        return None if self.timeout_minutes is None else timedelta(minutes=self.timeout_minutes)

    @property
    def full_name(self) -> str:
        """`organization/name`."""
        return f"{self.organization}/{self.name}"

    @property
    def clone_url(self) -> str:
        """The given URL, or the repository's on GitHub."""
        return self.url or f"https://github.com/{self.organization}/{self.name}.git"

    @model_validator(mode="after")
    def _variables_reach_the_worker(self) -> Self:
        for finding in variable_findings((), {"env": self.env, "secrets": self.secrets}):
            said = f"{'.'.join(map(str, finding.path))}: {finding.message}"
            raise PydanticCustomError(FLEET_ERROR, "{said}", {"said": said})
        return self


class WorkersConfig(_StrictModel):
    """Which repositories Janitor validates, and under which limits."""

    repositories: Annotated[tuple[RepositoryConfig, ...], Field(strict=False, json_schema_extra={"minItems": 1})]
    """The fleet. Each organization/name stands once."""
    default_timeout_minutes: TimeoutMinutes = 30.0
    """Hard limit of a validation in minutes, counted from launch."""
    max_concurrent_instances: Annotated[int, Field(ge=1, le=MAX_CONCURRENT_INSTANCES)] = 10
    """Most instances alive at once, over all runs of the deployment; the rest wait."""
    default_instance_type: InstanceType = "g5.xlarge"
    """EC2 instance type to try first."""
    fallback_instance_types: InstanceTypes = ()
    """Instance types to try in this order where the first has no capacity."""
    default_market: Annotated[Market, Field(strict=False)] = Market.ON_DEMAND
    """How instances are bought where a repository does not say."""
    default_required_proof: Annotated[ProofLevel, Field(strict=False)] | None = None
    """What a success must prove where a repository does not say. Default: the deployment's JANITOR_REQUIRED_PROOF."""
    default_repair: RepairWays = RepairWay.PATCH
    """How a proved repair is given to people where a repository does not say; `patch`: as a file, nothing is pushed."""
    grace_minutes: Annotated[float, Field(ge=0, le=MAX_GRACE_MINUTES, allow_inf_nan=False)] = 2.0
    """Time in minutes that a validation gets after its limit to hand over its report, before it is terminated."""
    max_run_cost_usd: Dollars | None = None
    """A run whose worst case costs more is refused. Default: no limit."""
    daily_budget_usd: Dollars | None = None
    """Runs are refused once the day's worst case would cost more (UTC). Default: no limit."""
    confirm_above_usd: Dollars | None = None
    """At a terminal, a run whose worst case costs more is launched only after a yes. Default: nobody is asked."""
    badges: Annotated[Badges, Field(strict=False)] = Badges.OFF
    """`public`: each repository's standing is published as badges/<organization>/<name>.svg and .json in the bucket."""
    pools: Annotated[tuple[PoolConfig, ...], Field(strict=False, max_length=50)] = ()
    """Pools of workers that stay warm between validations. Each name stands once."""
    default_pool: PoolChoice | None = None
    """Pool of a repository that names none. Default: each validation has an instance of its own."""
    notifications: NotificationsConfig = Field(default_factory=NotificationsConfig)
    """Who is told what is new. Default: nobody."""

    @property
    def default_timeout(self) -> timedelta:
        """Hard limit of a repository that names none."""
        return timedelta(minutes=self.default_timeout_minutes)

    @property
    def grace(self) -> timedelta:
        """Time between a validation's hard limit and its forced end."""
        return timedelta(minutes=self.grace_minutes)

    @model_validator(mode="after")
    def _is_a_fleet(self) -> Self:
        raw = [repository.model_dump(include={"name", "organization", "enabled"}) for repository in self.repositories]
        for finding in (*fleet_findings({"repositories": raw}), *pool_findings(self._pool_data())):
            raise PydanticCustomError(FLEET_ERROR, "{message}", {"message": finding.message})
        return self

    def plan(
        self,
        *,
        default_timeout: timedelta | None = None,
        required_proof: ProofLevel | None = None,
        only: str | None = None,
    ) -> tuple[RepositoryPlan, ...]:
        """What a run of this configuration does: its enabled repositories with every default resolved.

        Args:
            default_timeout: Takes the place of `default_timeout_minutes`; a repository's own limit stays.
            required_proof: What the deployment requires where nothing in the configuration says it; None: nothing.
            only: One repository, as `name` or `organization/name`.

        Raises:
            NotFoundError: `only` names no repository, a disabled one, or one name in several organizations.
        """
        chosen = [repository for repository in self.repositories if repository.enabled]
        if only is not None:
            chosen = [self._named(only)]
        timeout, proof = default_timeout or self.default_timeout, self.default_required_proof or required_proof
        return tuple(self._planned(repository, timeout, proof) for repository in chosen)

    def pool_named(self, name: str) -> PoolConfig | None:
        """The pool of that name, if there is one."""
        return next((pool for pool in self.pools if pool.name == name), None)

    def own_findings(self) -> Iterator[Finding]:
        """What is wrong with a configuration of this kind though each of its values is right."""
        yield from ()

    def _planned(
        self, repository: RepositoryConfig, default_timeout: timedelta, required_proof: ProofLevel | None
    ) -> RepositoryPlan:
        first_type = repository.instance_type or self.default_instance_type
        pool = self._pool_of(repository)
        pool_types = pool.instance_types if pool is not None and pool.provider is Provider.EC2 else ()
        return RepositoryPlan(
            **{name: getattr(repository, name) for name in PARAMETERS},
            name=repository.name,
            organization=repository.organization,
            url=repository.clone_url,
            prompt=repository.prompt,
            gpu_required=repository.gpu_required,
            timeout=repository.timeout or default_timeout,
            instance_types=pool_types or self._types_from(first_type),
            market=repository.market or (pool.market if pool is not None else None) or self.default_market,
            required_proof=repository.required_proof or required_proof,
            repair=repository.repair or self.default_repair,
            pool=None if pool is None else pool.name,
        )

    def _pool_of(self, repository: RepositoryConfig) -> PoolConfig | None:
        """The pool that validates a repository; None: none, or one that is switched off."""
        pool = self.pool_named(repository.pool or self.default_pool or NO_POOL)
        return pool if pool is not None and pool.enabled else None

    @property
    def fleet_types(self) -> tuple[str, ...]:
        """The instance types of a repository, or a pool, that names none, in the order in which they are tried."""
        return self._types_from(self.default_instance_type)

    def _types_from(self, first: str) -> tuple[str, ...]:
        return (first, *(other for other in self.fallback_instance_types if other != first))

    def _pool_data(self) -> dict[str, Any]:
        """What the rules of pools look at, as it would have been written."""
        own = self.model_dump(
            mode="json", include={"pools", "default_pool", "grace_minutes", "default_timeout_minutes"}
        )
        keys = {"pool", "enabled", "timeout_minutes", "instance_type", "market"}
        written = [each.model_dump(mode="json", include=keys, exclude_none=True) for each in self.repositories]
        return own | {"repositories": written}

    def _named(self, wanted: str) -> RepositoryConfig:
        folded = wanted.casefold()
        found = [item for item in self.repositories if folded in (item.name.casefold(), item.full_name.casefold())]
        if not found:
            names = [item.name for item in self.repositories]
            near = nearest(wanted, names)
            hint = f"did you mean {near}?" if near else f"it lists {_listed(names)}"
            raise NotFoundError(f"repository {wanted!r} is not in the configuration; {hint}")
        if len(found) > 1:
            raise NotFoundError(f"repository {wanted!r} could be {_listed([item.full_name for item in found])}")
        if not found[0].enabled:
            raise NotFoundError(f"repository {wanted!r} is switched off; set `enabled: true` to validate it")
        return found[0]


def known_keys(model: type[WorkersConfig]) -> Mapping[str, tuple[str, ...]]:
    """The keys of a configuration's sections, for the hint at a mistyped one."""
    return {
        "": tuple(model.model_fields),
        "repositories": tuple(RepositoryConfig.model_fields),
        "pools": tuple(PoolConfig.model_fields),
        "notifications": tuple(NotificationsConfig.model_fields),
    }


Model = TypeVar("Model", bound=WorkersConfig)


def parse_workers_config(
    content: str | bytes, *, source: str, substitutions: Mapping[str, str] | None = None
) -> WorkersConfig:
    """Read a workers configuration; see `parse_as`.

    Raises:
        ConfigError: Anything is wrong; it lists every problem with file, line, repository and field.
    """
    return parse_as(WorkersConfig, content, source=source, substitutions=substitutions)


def parse_as(
    model: type[Model], content: str | bytes, *, source: str, substitutions: Mapping[str, str] | None = None
) -> Model:
    """Read a configuration of a kind.

    Args:
        model: What it may say.
        content: The YAML document; bytes must be UTF-8.
        source: The file as the user named it, for messages.
        substitutions: What `{key}` in a repository's `url` stands for, for example `state_dir`.

    Raises:
        ConfigError: Anything is wrong; it lists every problem with file, line, repository and field.
    """
    document = read_document(content)
    findings = list(document.findings)
    config = None
    if document.data is not None or not findings:
        data, url_findings = substitute_in_urls(document.data, substitutions or {})
        findings += url_findings
        spoilt = {finding.path for finding in findings if finding.spoils_value}
        findings += (*fleet_findings(data), *pool_findings(data))
        try:
            config = model.model_validate(data)
        except ValidationError as error:
            told = list(model_findings(error, known_keys(model)))
            # A key that misses another one is told of what is right in itself.
            told = told or list(needed_findings(data.get("notifications") if isinstance(data, dict) else None))
            findings += [each for each in told if each.path not in spoilt]
        else:
            findings += config.own_findings()
    if findings or config is None:
        raise ConfigError(as_problems(findings, document, source))
    return config


def workers_config_schema() -> dict[str, Any]:
    """JSON Schema of the workers configuration, for editors."""
    schema = WorkersConfig.model_json_schema()
    described(schema["$defs"]["RepositoryConfig"])
    return {"$schema": SCHEMA_DIALECT, **schema, "title": "Janitor workers configuration"}


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
