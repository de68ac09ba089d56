"""The parameters of a repository: what the config says of it and the instance needs to know.

Each is declared here once, with its type, bounds, default and description. The config's key, its place in the JSON
Schema, the plan that Postgres keeps and the spec that an instance gets are made of these fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from janitor.protocol.codec import Later, Part
from janitor.protocol.order.success_when import LONGEST_CONDITION, Condition, read_condition
from janitor.protocol.values import Most, Text

BAKE_TARGET_PATTERN: Final = r"[A-Za-z0-9_][\w.-]{0,199}"
"""Source: Docker's bake reference, "Target"."""
VARIABLE_PATTERN: Final = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
PLACE_VARIABLES: Final = frozenset(
    {"PATH", "HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "VIRTUAL_ENV", "TMPDIR", "LANG"}
)
"""What a place without an image sets itself, so that programs are found in it."""
PLATFORM_VARIABLES: Final = frozenset({"RUNPOD_WEBHOOK_GET_JOB", "RUNPOD_REALTIME_PORT"})
"""With one of these the SDK would look for work on the platform instead of running locally."""
TEST_VARIABLES: Final[Mapping[str, str]] = {
    "PYTHONUNBUFFERED": "1",
    # The judge needs the SDK's own lines, whatever level the image asks for.
    "RUNPOD_LOG_LEVEL": "DEBUG",
    "RUNPOD_DEBUG_LEVEL": "DEBUG",
}
"""What every worker under test gets."""
RESERVED_VARIABLES: Final = PLACE_VARIABLES | PLATFORM_VARIABLES | TEST_VARIABLES.keys()
"""What the config can't give: an engine would not hand it on."""
Variables = Annotated[Mapping[str, Annotated[str, Text(32_768, empty=True)]], Most(200, 128, VARIABLE_PATTERN)]
SecretNames = Annotated[
    Mapping[str, Annotated[str, Text(600, r"[A-Za-z0-9/_+=.@:-]+")]], Most(200, 128, VARIABLE_PATTERN)
]


@dataclass(frozen=True, kw_only=True)
class RepositorySpec(Part):
    """Which repository to validate, and what its build and its handler get."""

    name: Annotated[str, Text(200)]
    """Name of the repository, without its organization."""
    organization: Annotated[str, Text(200)]
    """GitHub organization or user that the repository belongs to."""
    url: Annotated[str, Text(2_048)]
    """Where to clone from: anything that `git fetch` takes; https, file and ssh are let through."""
    ref: Annotated[str, Text(255)] | None = None
    """Branch, tag or commit to validate. Default: the repository's default branch."""
    dockerfile: Annotated[str, Text(255)] | None = None
    """Path of the Dockerfile inside the repository. Default: the one that the repository's layout implies."""
    build_args: Variables = field(default_factory=dict)
    """Arguments of the image build. Text only: put numbers in quotes."""
    env: Variables = field(default_factory=dict)
    """Environment of the worker under test. Text only: put numbers in quotes."""
    bake_target: Later[Annotated[str, Text(200, BAKE_TARGET_PATTERN)] | None] = None
    """Target of the repository's docker-bake file to build; build_args go before its own. Default: the Dockerfile."""
    secrets: Later[SecretNames] = field(default_factory=dict)
    """Environment variables from AWS Secrets Manager: variable → NAME of the secret, never its value."""
    success_when: Later[Annotated[str, Text(LONGEST_CONDITION)] | None] = None
    """What a good answer of the worker has: `path = value` or `path exists`. Default: the judge's own rules decide."""

    @property
    def condition(self) -> Condition | None:
        """`success_when`, read."""
        return None if self.success_when is None else read_condition(self.success_when)

    def contradiction(self) -> tuple[str, str] | None:
        """A condition has a form that no bound can say."""
        try:
            _ = self.condition
        except ValueError as exc:
            return "success_when", str(exc)
        return None
