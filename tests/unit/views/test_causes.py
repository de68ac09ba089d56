"""Why a repository isn't successful, in one line that fits."""

from __future__ import annotations

from typing import Any

import pytest

from janitor.domain.result.history_views import PlaceView
from janitor.views.text.causes import LONGEST_LINE, cause_of, next_command, reason_of, why_line
from tests.unit.cli.sample_views import ended, validation

PIP = (
    "runpod-workers/a does not work: deps_resolve: a required package, or this version of it, does not exist: cause:"
    " Because emojii was not found in the package registry and you require emojii==2.14.1, we can conclude that your"
    " requirements are unsatisfiable."
)


def failed(**fields: Any) -> Any:
    return ended("a", "failed", 1, **({"failing_check": "deps_resolve", "summary": PIP} | fields))


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"signature_title": "deps_resolve: no such distribution: emojii"}, "no such distribution: emojii"),
        (
            {
                "signature_title": "deps_resolve: no such distribution: emojii",
                "place": PlaceView(file="requirements.txt", line=2),
            },
            "requirements.txt:2: no such distribution: emojii",
        ),
        ({"signature_title": "no single check decided", "failing_check": None}, "no single check decided"),
        (
            {"place": PlaceView(file="src/handler.py"), "signature_title": "x: boom", "failing_check": "x"},
            "src/handler.py: boom",
        ),
        # The reason names its place already.
        (
            {"place": PlaceView(file="hub.json", line=3), "signature_title": "x: hub.json:3: no", "failing_check": "x"},
            "hub.json:3: no",
        ),
        ({"summary": "runpod-workers/a does not work: build: no", "failing_check": "build"}, "no"),
        ({"summary": "line one\nline two\x1b[2J", "failing_check": None}, "line one line two"),
        ({"summary": None, "reason_code": "launch_error", "failing_check": None}, "launch_error"),
        ({"summary": None, "failing_check": None}, "failed"),
        # Causes are compared without what differs between repositories; one repository's has its names.
        (
            {
                "failing_check": "handler_local",
                "signature_title": "handler_local: no weights to transcribe … with",
                "summary": "runpod-workers/a does not work: handler_local: output.results[0].error: no weights to"
                " transcribe gettysburg.wav with",
            },
            "no weights to transcribe gettysburg.wav with",
        ),
        (
            {
                "failing_check": "build",
                "signature_title": "build: gone … from the log",
                "summary": "runpod-workers/a does not work: build: docker build failed: exit code 1",
            },
            "gone … from the log",
        ),
    ],
)
def test_the_cause_in_short(fields: dict[str, Any], cause: str) -> None:
    assert cause_of(failed(**fields)) == cause


@pytest.mark.parametrize("view", [ended("a", "success", 1, summary="fine"), validation("a", "running")])
def test_what_is_well_or_goes_on_has_no_cause(view: Any) -> None:
    assert cause_of(view) is None
    assert reason_of(view) is None
    assert why_line("a", view, "make logs REPO=a") is None


def test_the_line_fits_and_ends_with_the_next_command() -> None:
    told = "deps_resolve: what was asked for and what is there have nothing in common " * 3
    view = failed(place=PlaceView(file="requirements.txt", line=2), summary=told)
    line = why_line("a", view, next_command(view, "a", "local"))
    assert line is not None
    assert len(f"✗ {line}") == LONGEST_LINE
    assert line.startswith("a: requirements.txt:2: what was asked for")
    assert line.endswith("… (make logs REPO=a)")


def test_the_command_names_the_environment_and_what_there_is_to_see() -> None:
    assert next_command(failed(), "a", "dev") == "make logs REPO=a ENV=dev"
    assert next_command(failed(instance_id=None), "a", "local") == "make query-db REPO=a"
