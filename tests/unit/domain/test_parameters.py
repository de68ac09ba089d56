"""A repository's parameter is declared once: config, JSON Schema, plan, database and spec follow by themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from janitor.domain.config import parameters
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.config.workers import parse_workers_config, workers_config_schema
from janitor.protocol.codec import Later, Part, fields_of
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import SpecError, ValidationSpec
from janitor.protocol.values import Most, Place, Range, Text

DECLARED = {each.name for each in fields(RepositorySpec)}
VALUES: dict[str, Any] = {
    "ref": "release/1.10",
    "dockerfile": "docker/Dockerfile.cuda",
    "build_args": {"TORCH": "2.5", "EMPTY": ""},
    "env": {"MODEL": "tiny"},
    "bake_target": "cuda-12.4",
    "secrets": {"HF_TOKEN": "models/hf-token"},
    "success_when": "images[0].type = base64",
}
"""One for each parameter; a new one gets its line here, or the first test says so."""
IDENTITY = {"name": "worker", "organization": "acme", "url": "https://example.com/acme/worker.git"}


SPEC = {
    "format": ValidationSpec.FORMAT,
    "validation_id": "11111111-1111-4111-8111-111111111111",
    "run_id": "22222222-2222-4222-8222-222222222222",
    "prompt": "look",
    "gpu_required": True,
    "engine": "auto",
    "deadline": "2026-01-01T00:30:00+00:00",
    "grace_seconds": 120,
    "report_url": None,
    "report_path": None,
    "secret_store": {"prefix": "janitor/test/", "region": "us-east-1"},
}


def planned(**values: Any) -> RepositoryPlan:
    text = yaml.safe_dump({"repositories": [{**IDENTITY, "prompt": "look", **values}]})
    (plan,) = parse_workers_config(text, source="workers.yaml").plan()
    return plan


def test_every_declared_parameter_is_in_config_schema_plan_and_spec():
    assert set(VALUES) | set(IDENTITY) == DECLARED
    keys = workers_config_schema()["$defs"]["RepositoryConfig"]["properties"]
    for name in DECLARED:
        assert keys[name]["description"]
    assert {each.name for each in fields(RepositoryPlan)} >= DECLARED
    assert {each.name for each in fields_of(ValidationSpec) if each.kind.base is RepositorySpec} == {"repository"}


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_parameter_travels_from_the_config_to_the_validator(name):
    stored = json.loads(json.dumps(planned(**{name: VALUES[name]}).to_dict()))
    repository = RepositoryPlan.from_dict(stored).repository
    spec = ValidationSpec.from_dict({**SPEC, "repository": repository.to_dict()})
    assert getattr(ValidationSpec.from_json(spec.to_json()).repository, name) == VALUES[name]


@pytest.mark.parametrize("name", sorted(VALUES))
def test_the_defaults_are_those_of_the_declaration(name):
    assert getattr(planned().repository, name) == getattr(RepositorySpec(**IDENTITY), name)


class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


@dataclass(frozen=True, kw_only=True)
class Declaration(Part):
    """Parameters of every kind that there can be."""

    shared_memory_gb: Later[Annotated[float, Range(0, 64, above=True)]] = 1.0
    """Shared memory of the container in GB."""
    retries: Later[Annotated[int, Range(0, 5)] | None] = None
    """How often."""
    offline: Later[bool] = False
    """Whether it has no network."""
    speed: Later[Speed] = Speed.SLOW
    """How fast."""
    ports: Later[Annotated[tuple[Annotated[str, Text(5)], ...], Most(2)]] = ()
    """Which ports."""
    labels: Later[Annotated[Mapping[str, Annotated[str, Text(5)]], Most(2, 3)]] = field(default_factory=dict)
    """Some labels."""


@pytest.fixture
def model(monkeypatch) -> type[BaseModel]:
    """The config's part for another declaration."""

    class Strict(BaseModel):
        model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    monkeypatch.setattr(parameters, "PARAMETERS", {each.name: each for each in fields_of(Declaration)})
    monkeypatch.setattr(parameters, "RepositorySpec", Declaration)
    return parameters.parameters_model(Strict)


def test_a_new_parameter_of_any_kind_is_a_key_with_its_bounds_default_and_description(model):
    assert model.model_validate({}).model_dump() == {each.name: each.default for each in fields_of(Declaration)}
    given = {
        "shared_memory_gb": 2.5,
        "retries": 3,
        "offline": True,
        "speed": "fast",
        "ports": ["80"],
        "labels": {"a": "b"},
    }
    read = Declaration(**model.model_validate(given).model_dump())
    assert Declaration.read(json.loads(json.dumps(read.to_dict())), Place("", ValueError)) == read
    assert read.to_dict() == given
    keys = parameters.described(model.model_json_schema())["properties"]
    assert {name: key["description"] for name, key in keys.items()}["speed"] == "How fast."
    assert (keys["shared_memory_gb"]["exclusiveMinimum"], keys["shared_memory_gb"]["maximum"]) == (0, 64)


@pytest.mark.parametrize(
    "bad",
    [
        {"shared_memory_gb": 0},
        {"shared_memory_gb": 65},
        {"retries": 6},
        {"retries": 1.5},
        {"offline": "yes"},
        {"speed": "warp"},
        {"ports": ["80", "81", "82"]},
        {"ports": ["123456"]},
        {"labels": {"long": "x"}},
        {"labels": {"a": "longer"}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_new_parameter_is_bounded_in_the_config_by_its_declaration(model, bad):
    with pytest.raises(ValidationError):
        model.model_validate(bad)


def test_what_the_config_lets_through_the_validator_reads():
    longest = {"ref": "x" * 255, "dockerfile": "d/" + "x" * 253, "bake_target": "x" * 200, "env": {"K": "v" * 32_768}}
    repository = planned(**longest).repository.to_dict()
    assert ValidationSpec.from_dict({**SPEC, "repository": repository}).repository.to_dict() == repository
    for name in ("ref", "dockerfile", "bake_target"):
        with pytest.raises(SpecError, match=re.escape(f"repository.{name}: is ")):
            ValidationSpec.from_dict({**SPEC, "repository": {**repository, name: longest[name] + "x"}})
