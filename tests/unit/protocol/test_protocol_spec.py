"""The spec's format: what it says, and that a bad one is refused with the field's name."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta, timezone

import pytest

from janitor.protocol.order.spec import SPEC_MAX_BYTES, SpecError, ValidationSpec
from janitor.protocol.terms.statuses import EngineChoice


def test_spec_survives_the_way_to_the_instance(spec_document):
    spec = ValidationSpec.from_dict(spec_document)
    assert ValidationSpec.from_json(spec.to_json()) == spec
    assert spec.engine is EngineChoice.AUTO
    assert spec.deadline == datetime(2026, 1, 1, 0, 30, tzinfo=timezone.utc)
    assert spec.grace == timedelta(minutes=2)
    assert spec.repository.env == {"MODEL_NAME": "tiny"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "janitor-spec/9"}, "format: 'janitor-spec/9'"),
        ({"validation_id": 7}, "validation_id: must be a string, not a number"),
        ({"run_id": "x"}, "run_id: 'x' does not match"),
        ({"repository": None}, "repository: must be an object, not null"),
        ({"prompt": ""}, "prompt: must not be empty"),
        ({"gpu_required": "yes"}, "gpu_required: must be true or false"),
        ({"engine": "lxc"}, "engine: must be one of: auto, docker, venv"),
        ({"deadline": "2026-01-01T00:30:00"}, "deadline: .* has no UTC offset"),
        ({"deadline": "soon"}, "deadline: 'soon' is not an instant"),
        ({"grace_seconds": -1}, "grace_seconds: is out of range"),
        ({"report_url": "ftp://x/y"}, "report_url: 'ftp://x/y' does not match"),
        ({"extra": 1}, "document: unknown field 'extra'"),
    ],
)
def test_bad_spec_is_refused_with_its_field(spec_document, change, message):
    with pytest.raises(SpecError, match=message):
        ValidationSpec.from_dict({**spec_document, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": ""}, "repository.url: must not be empty"),
        ({"ref": 1}, "repository.ref: must be a string"),
        ({"env": {"A": 1}}, "repository.env.A: must be a string, not a number"),
        ({"env": {"": "x"}}, "repository.env key: must not be empty"),
        ({"build_args": []}, "repository.build_args: must be an object, not a list"),
    ],
)
def test_bad_repository_is_refused_with_its_field(spec_document, change, message):
    document = copy.deepcopy(spec_document)
    document["repository"].update(change)
    with pytest.raises(SpecError, match=message):
        ValidationSpec.from_dict(document)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "janitor-spec/1"}', " " * (SPEC_MAX_BYTES + 1)])
def test_what_is_no_spec_is_refused(text):
    with pytest.raises(SpecError):
        ValidationSpec.from_json(text)


def test_spec_is_one_line_of_json(spec_document):
    text = ValidationSpec.from_dict(spec_document).to_json()
    assert "\n" not in text
    assert json.loads(text)["repository"]["build_args"] == {"VERSION": "1"}
