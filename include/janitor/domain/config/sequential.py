"""The configuration of a sequential run: repositories that take turns on one instance, and the lines that its log may
have.

It is a workers configuration with two keys more; what a shared instance can't do for a single repository is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from janitor.domain.config.document import Finding
from janitor.domain.config.parameters import described
from janitor.domain.config.workers import SCHEMA_DIALECT, WorkersConfig
from janitor.domain.error_lines import check_pattern
from janitor.domain.watch.sequential import LONGEST_RUN, default_total

_LONGEST_MINUTES = int(LONGEST_RUN.total_seconds() / 60)
_MOST_PATTERNS = 100
_LONGEST_PATTERN = 300

ExpectedError = Annotated[str, Field(min_length=1, max_length=_LONGEST_PATTERN), AfterValidator(check_pattern)]


class SequentialConfig(WorkersConfig):
    """Which repositories a sequential run validates, one after another on one instance."""

    total_timeout_minutes: Annotated[float, Field(gt=0, le=_LONGEST_MINUTES, allow_inf_nan=False)] | None = None
    """Hard limit of all repositories together in minutes, counted from launch; at most twelve hours. Default: the sum
    of their own, with the grace of each."""
    expected_errors: Annotated[tuple[ExpectedError, ...], Field(strict=False, max_length=_MOST_PATTERNS)] = ()
    """Patterns (RE2) of lines with ERROR that the log of a good run may have. Any other one makes the run fail."""

    def total_timeout(self, timeouts: list[timedelta]) -> timedelta:
        """The hard limit of a run that validates repositories with these limits."""
        if self.total_timeout_minutes is not None:
            return timedelta(minutes=self.total_timeout_minutes)
        return default_total(timeouts, self.grace)

    def own_findings(self) -> Iterator[Finding]:
        """All share one instance: none has a type, a market or a pool of its own."""
        for key in ("pools", "default_pool"):
            if getattr(self, key):
                yield Finding((key,), "says nothing here: all share one instance of the run's own", "leave it out")
        for index, repository in enumerate(self.repositories):
            if repository.pool is not None:
                message = "can't be had in a sequential run: all share one instance"
                yield Finding(("repositories", index, "pool"), message, "leave it out")
            for field, default in (("instance_type", "default_instance_type"), ("market", "default_market")):
                if getattr(repository, field) is not None:
                    message = "can't be had by one repository alone: all share one instance"
                    yield Finding(("repositories", index, field), message, f"set {default}")


def sequential_config_schema() -> dict[str, Any]:
    """JSON Schema of the configuration of a sequential run, for editors."""
    schema = SequentialConfig.model_json_schema()
    described(schema["$defs"]["RepositoryConfig"])
    return {"$schema": SCHEMA_DIALECT, **schema, "title": "Janitor repositories of a sequential run"}
