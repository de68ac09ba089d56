"""The spec: what the control plane asks a validator to do, as `janitor-spec/1` JSON on its standard input.

Nothing of it is handed to the repository's own processes except `repository.build_args` and `repository.env`. Of its
secrets it has the names; the instance reads the values (see `janitor.validator.secrets`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from janitor.protocol.agent.answers import AgentSpec
from janitor.protocol.codec import Document, Later, Part
from janitor.protocol.order.build import BuildSpec
from janitor.protocol.order.patch import Patch
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.terms.proof import KEY_PATTERN
from janitor.protocol.terms.provenance import Machine
from janitor.protocol.terms.statuses import EngineChoice
from janitor.protocol.values import Range, Text

SPEC_FORMAT = "janitor-spec/1"

SECRETS_PREFIX_PATTERN = r"(?:[A-Za-z0-9_+=.@-]+/)+"
LONGEST_SECRETS_PREFIX = 100
REGISTRY_NAME_PATTERN = r"[A-Za-z0-9/_+=.@-]+"
"""Of a name in Secrets Manager. Source: Secrets Manager API, CreateSecret."""

SPEC_MAX_BYTES = 1024 * 1024
"""Largest spec document that is read, in bytes."""

Uuid = Annotated[str, Text(36, r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]


class SpecError(ValueError):
    """The spec is unreadable; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class SecretStore(Part):
    """Where the secrets are whose names the repository's parameters have: AWS Secrets Manager."""

    prefix: Annotated[str, Text(LONGEST_SECRETS_PREFIX, SECRETS_PREFIX_PATTERN)]
    """What comes before each name: this deployment's part, and all that the instance's role may read."""
    region: Annotated[str, Text(50, r"[a-z0-9-]+")]


@dataclass(frozen=True, kw_only=True)
class ValidationSpec(Document):
    """One validation, as asked for."""

    FORMAT = SPEC_FORMAT
    NOUN = "spec"
    MAX_BYTES = SPEC_MAX_BYTES
    ERROR = SpecError

    validation_id: Uuid
    run_id: Uuid
    repository: RepositorySpec
    prompt: Annotated[str, Text(20_000)]
    gpu_required: bool
    engine: EngineChoice
    deadline: datetime
    """The instant at which the validator stops its own work and hands in what it has."""
    grace: Annotated[timedelta, Range(0, 3_600)]
    """How long after the deadline the partial report may still be delivered."""
    report_url: Annotated[str, Text(8_000, r"https?://\S+")] | None = None
    """Presigned URL that takes the report by PUT; a secret."""
    report_path: Annotated[str, Text(2_000)] | None = None
    """File that takes the report."""
    agent: Later[AgentSpec | None] = None
    """Who answers the prompt; None: nobody, and the step is skipped."""
    build: Later[BuildSpec | None] = None
    """What earlier builds of the image were like."""
    secret_store: Later[SecretStore | None] = None
    """Where the secrets are that this names; None where it names none."""
    registry_secret: Later[Annotated[str, Text(400, REGISTRY_NAME_PATTERN)] | None] = None
    """NAME of a secret with the login `user:token` of Docker Hub, for the machine's own pulls; None: as anybody."""
    machine: Later[Machine | None] = None
    """Which instance it is for; for the report alone."""
    cache_directory: Later[Annotated[str, Text(500)] | None] = None
    """Where the cache volume is on the instance, from its home; None: it has none."""
    proof_key: Later[Annotated[str, Text(64, KEY_PATTERN)] | None] = None
    """Proves the report (see `janitor.protocol.terms.proof`), in hex; a secret. None where nobody asks for a proof."""
    patch: Later[Patch | None] = None
    """Is applied to the commit before anything of it is read. A validator that doesn't know of it refuses the spec."""

    @classmethod
    def upgraded(cls, value: dict[str, Any]) -> dict[str, Any]:
        """The bake target was once told beside the earlier builds."""
        build, repository = value.get("build"), value.get("repository")
        if isinstance(build, dict) and "bake_target" in build and isinstance(repository, dict):
            target = build["bake_target"]
            build = {key: item for key, item in build.items() if key != "bake_target"}
            return {**value, "build": build, "repository": {"bake_target": target, **repository}}
        return value

    def contradiction(self) -> tuple[str, str] | None:
        """Names of secrets are worth nothing without their place."""
        if self.repository.secrets and self.secret_store is None:
            return "secret_store", "is required for a repository with secrets"
        if self.registry_secret is not None and self.secret_store is None:
            return "secret_store", "is required for a registry's login"
        return None

    def to_json(self) -> str:
        """The document as one line of text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)
