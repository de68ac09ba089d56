"""The spec: what the control plane asks a validator to do, as `janitor-spec/1` JSON on its standard input.

Nothing of it is handed to the repository's own processes except `repository.build_args` and `repository.env`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from janitor.protocol.agent.answers import AgentSpec
from janitor.protocol.build import BuildSpec
from janitor.protocol.fields import FieldReader
from janitor.protocol.proof import KEY_PATTERN
from janitor.protocol.statuses import EngineChoice

SPEC_FORMAT = "janitor-spec/1"

SPEC_MAX_BYTES = 1024 * 1024
"""Largest spec document that is read, in bytes."""

UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class SpecError(ValueError):
    """The spec is unreadable; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class RepositorySpec:
    """Which repository to validate, and what its build and its handler get."""

    name: str
    organization: str
    url: str
    """Anything that `git fetch` takes; https, file and ssh are let through."""
    ref: str | None = None
    """Branch, tag or full SHA; None is the remote's default branch."""
    dockerfile: str | None = None
    """Path from the repository's root; None searches."""
    build_args: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "name": self.name,
            "organization": self.organization,
            "url": self.url,
            "ref": self.ref,
            "dockerfile": self.dockerfile,
            "build_args": dict(self.build_args),
            "env": dict(self.env),
        }

    @classmethod
    def read(cls, reader: FieldReader) -> RepositorySpec:
        """Read the spec's `repository` object.

        Raises:
            SpecError: A field is missing, unknown, of the wrong type or too large.
        """
        repository = cls(
            name=reader.text("name", longest=200),
            organization=reader.text("organization", longest=200),
            url=reader.text("url", longest=2_000),
            ref=reader.optional_text("ref", longest=250),
            dockerfile=reader.optional_text("dockerfile", longest=500),
            build_args=reader.text_map("build_args", most=200, longest_key=200, longest_value=32_768),
            env=reader.text_map("env", most=200, longest_key=200, longest_value=32_768),
        )
        reader.finish()
        return repository


@dataclass(frozen=True, kw_only=True)
class ValidationSpec:
    """One validation, as asked for."""

    validation_id: str
    run_id: str
    repository: RepositorySpec
    prompt: str
    gpu_required: bool
    engine: EngineChoice
    deadline: datetime
    """The instant at which the validator stops its own work and hands in what it has."""
    grace: timedelta
    """How long after the deadline the partial report may still be delivered."""
    report_url: str | None = None
    """Presigned URL that takes the report by PUT; a secret."""
    report_path: str | None = None
    """File that takes the report."""
    agent: AgentSpec | None = None
    """Who answers the prompt; None: nobody, and the step is skipped. Left out of documents that don't need it."""
    build: BuildSpec | None = None
    """How to build the image, and earlier builds to compare with. Left out of documents that don't need it."""
    proof_key: str | None = None
    """Proves the report (see `janitor.protocol.proof`), in hex; a secret. None where nobody asks for a proof."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, from which `from_dict` gives an equal spec."""
        return {
            "format": SPEC_FORMAT,
            "validation_id": self.validation_id,
            "run_id": self.run_id,
            "repository": self.repository.to_dict(),
            "prompt": self.prompt,
            "gpu_required": self.gpu_required,
            "engine": self.engine.value,
            "deadline": self.deadline.isoformat(),
            "grace_seconds": self.grace.total_seconds(),
            "report_url": self.report_url,
            "report_path": self.report_path,
            **({} if self.agent is None else {"agent": self.agent.to_dict()}),
            **({} if self.build is None else {"build": self.build.to_dict()}),
            **({} if self.proof_key is None else {"proof_key": self.proof_key}),
        }

    def to_json(self) -> str:
        """The document as one line of text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, document: Any) -> ValidationSpec:
        """Read a decoded spec.

        Raises:
            SpecError: It is of another format, or a field is missing, unknown, of the wrong type or too large.
        """
        reader = FieldReader(document, where="", error=SpecError)
        if (name := reader.text("format", longest=50)) != SPEC_FORMAT:
            raise reader.problem("format", f"{name!r} is not {SPEC_FORMAT!r}, which this validator reads")
        spec = cls(
            validation_id=reader.text("validation_id", longest=36, pattern=UUID_PATTERN),
            run_id=reader.text("run_id", longest=36, pattern=UUID_PATTERN),
            repository=RepositorySpec.read(reader.object("repository")),
            prompt=reader.text("prompt", longest=20_000),
            gpu_required=reader.boolean("gpu_required"),
            engine=reader.member("engine", EngineChoice),
            deadline=reader.moment("deadline"),
            grace=timedelta(seconds=reader.number("grace_seconds", least=0, most=3_600)),
            report_url=reader.optional_text("report_url", longest=8_000, pattern=r"https?://\S+"),
            report_path=reader.optional_text("report_path", longest=2_000),
            # Specs written before there were these fields lack them.
            agent=AgentSpec.read(reader.object("agent")) if reader.given("agent") else None,
            build=BuildSpec.read(reader.object("build")) if "build" in document else None,
            proof_key=reader.text("proof_key", longest=64, pattern=KEY_PATTERN) if reader.given("proof_key") else None,
        )
        reader.finish()
        return spec

    @classmethod
    def from_json(cls, text: str | bytes) -> ValidationSpec:
        """Read a spec document.

        Raises:
            SpecError: It is not JSON, too large, or not a spec (see `from_dict`).
        """
        if len(text) > SPEC_MAX_BYTES:
            raise SpecError(f"the spec has {len(text)} bytes; at most {SPEC_MAX_BYTES} are read")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise SpecError(f"the spec is not JSON: {exc}") from exc
        return cls.from_dict(document)
