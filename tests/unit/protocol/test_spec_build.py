"""The optional part of a spec about image builds."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from janitor.protocol.order.build import BuildSpec, EarlierBuild
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import SpecError, ValidationSpec
from janitor.protocol.terms.statuses import EngineChoice


def spec(build: BuildSpec | None) -> ValidationSpec:
    return ValidationSpec(
        validation_id="11111111-1111-4111-8111-111111111111",
        run_id="22222222-2222-4222-8222-222222222222",
        repository=RepositorySpec(name="worker", organization="tests", url="https://example.org/worker.git"),
        prompt="validate",
        gpu_required=True,
        engine=EngineChoice.DOCKER,
        deadline=datetime(2026, 1, 1, tzinfo=timezone.utc),
        grace=timedelta(seconds=60),
        build=build,
    )


def test_round_trip():
    build = BuildSpec(earlier=(EarlierBuild(cache="cold", seconds=12.5),), image_bytes=4_000_000_000)
    assert ValidationSpec.from_json(spec(build).to_json()) == spec(build)


def test_spec_without_it_is_as_before():
    document = spec(None).to_dict()
    assert "build" not in document
    assert ValidationSpec.from_dict(document).build is None


@pytest.mark.parametrize("target", [None, "base"])
def test_a_spec_that_tells_the_target_beside_the_earlier_builds_is_read(target):
    document = spec(BuildSpec(image_bytes=1)).to_dict()
    document["build"]["bake_target"] = target
    read = ValidationSpec.from_dict(document)
    assert (read.repository.bake_target, read.build) == (target, BuildSpec(image_bytes=1))
    assert "bake_target" not in read.to_dict()["build"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bake_target": "--file"}, "repository.bake_target"),
        ({"bake_target": "a b"}, "repository.bake_target"),
        ({"earlier": [{"cache": "hot", "seconds": 1}]}, "cache"),
        ({"earlier": [{"cache": "cold", "seconds": -1}]}, "seconds"),
        ({"earlier": [{"cache": "cold", "seconds": 1}] * 51}, "earlier"),
        ({"image_bytes": -1}, "image_bytes"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_out_of_bounds_is_refused(change, said):
    document = spec(BuildSpec()).to_dict()
    document["build"] = {**document["build"], **change}
    with pytest.raises(SpecError, match=said):
        ValidationSpec.from_json(json.dumps(document))
