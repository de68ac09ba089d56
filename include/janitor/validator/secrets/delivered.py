"""The secrets that a validation is given, apart from how they are read: most runs read none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class DeliveredSecrets:
    """What came of it: every value of the worker's, or none and why; and the machine's login, which no worker gets."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By the variable that is to hold it."""
    problem: str | None = None
    registry_login: str | None = field(default=None, repr=False)
    """`user:token` of Docker Hub, with which base images are pulled."""
    registry_problem: str | None = None
    """Why there is none though one is named: then pulls are anybody's."""

    @property
    def literals(self) -> tuple[str, ...]:
        """All that must not show anywhere."""
        login = self.registry_login
        return (*self.values.values(), *((login, login.partition(":")[2]) if login is not None else ()))
