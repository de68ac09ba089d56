"""Why a repository isn't successful, in one line that fits."""

from __future__ import annotations

from typing import Any

import pytest

from janitor.domain.result.history_views import PlaceView
from janitor.views.text.causes import LONGEST_LINE, cause_of, next_command, placed_title, reason_of, why_lines
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
    assert why_lines("a", view, "local") == []


def test_the_line_fits_and_ends_with_the_next_command() -> None:
    told = "deps_resolve: what was asked for and what is there have nothing in common " * 3
    view = failed(place=PlaceView(file="requirements.txt", line=2), summary=told)
    (line,) = why_lines("a", view, "local")
    assert LONGEST_LINE - 10 < len(f"✗ {line}") <= LONGEST_LINE
    assert line.startswith("requirements.txt:2: what was asked for")
    assert line.endswith(" nothing in… (make logs REPO=a)")


def test_the_command_names_the_environment_and_what_there_is_to_see() -> None:
    assert next_command(failed(), "a", "dev") == "make logs REPO=a ENV=dev"
    assert next_command(failed(instance_id=None), "a", "local") == "make query-db REPO=a"


def whys(name: str, environment: str, place: str | None, cause: str, **fields: Any) -> list[str]:
    """The lines of a cause at a place such as `handler.py:6`."""
    file, _, line = (place or "").rpartition(":")
    at = PlaceView(file=file, line=int(line)) if place else None
    told = {
        "signature_title": f"x: {cause}",
        "failing_check": "x",
        "summary": f"runpod-workers/a does not work: x: {cause}",
    }
    return why_lines(name, failed(place=at, **(told | fields)), environment)


NESTED = "deeply/nested_module_of_the_worker/with_more_folders/handler.py:6"
LONG = "a-worker-with-quite-a-long-name-that-fills-the-columns"


@pytest.mark.parametrize(
    ("name", "environment", "place", "cause", "lines"),
    [
        (
            "broken-worker",
            "local",
            "handler.py:9",
            "KeyError: 'large'",
            ["handler.py:9: KeyError: 'large' (make logs REPO=broken-worker)"],
        ),
        (
            "worker-stable_diffusion_v2",
            "dev",
            "src/handler.py:12",
            "ModuleNotFoundError: no module named diffusers_extra_of_this_worker",
            [
                "src/handler.py:12: ModuleNotFoundError: no module named diffusers_extra_of_this_worker",
                "  make logs REPO=worker-stable_diffusion_v2 ENV=dev",
            ],
        ),
        (
            LONG,
            "local",
            NESTED,
            "KeyError: 'text'",
            [f"{NESTED}: KeyError: 'text'", f"  make logs REPO={LONG}"],
        ),
        (
            "a-worker-of-its-own",
            "local",
            NESTED,
            "KeyError: 'text'",
            ["…/with_more_folders/handler.py:6: KeyError: 'text' (make logs REPO=a-worker-of-its-own)"],
        ),
        # Behind the colon of a sentence stands what it is about.
        (
            "gone-worker",
            "dev",
            "Dockerfile:6",
            "COPY or ADD of what the build context doesn't hold: line 6: gone_model.bin",
            ["Dockerfile:6: COPY or ADD of what the build…: gone_model.bin (make logs REPO=gone-worker ENV=dev)"],
        ),
        (
            "syntax-worker",
            "local",
            "handler.py:3",
            "a Python file does not compile: handler.py, line 3: expected ':'",
            ["handler.py:3: a Python file does not compile: expected ':' (make logs REPO=syntax-worker)"],
        ),
    ],
)
def test_place_and_telling_word_stay(name: str, environment: str, place: str, cause: str, lines: list[str]) -> None:
    assert whys(name, environment, place, cause) == lines
    assert all(len(f"✗ {line}") <= LONGEST_LINE for line in lines)


def test_no_line_is_ever_longer() -> None:
    causes = (
        "KeyError: " + "x" * 400,
        "word " * 90,
        "a b: " * 60,
        f"case: expected {'y' * 110}, got {'z' * 110}",
        "no",
    )
    places = (None, "handler.py:6", f"{'d' * 250}.py:12345", "d/" * 150 + "handler.py:7", NESTED)
    for length in (1, 20, 40, 60, 80, 100, 140):
        for environment in ("local", "dev"):
            for cause in causes:
                for place in places:
                    first, *rest = whys("n" * length, environment, place, cause)
                    assert all(len(line) <= LONGEST_LINE for line in (f"✗ {first}", *rest))
                    assert place is None or place.rpartition(":")[2] + ": " in first
                    command = "make logs REPO=" + "n" * length + (" ENV=dev" if environment == "dev" else "")
                    assert command in "\n".join([first, *rest]).replace("\\\n", "")


@pytest.mark.parametrize("columns", [72, 80, 99])
def test_on_a_narrow_terminal_it_is_one_line_as_well(columns: int) -> None:
    told = "deps_resolve: what was asked for and what is there have nothing in common " * 3
    view = failed(place=PlaceView(file="requirements.txt", line=2), summary=told)
    (line,) = why_lines("broken-worker", view, "local", columns)
    assert columns - 12 < len(f"✗ {line}") <= columns
    assert "quirements.txt:2: what was" in line
    assert line.endswith("… (make logs REPO=broken-worker)")
    # A command that leaves no room for the cause stands below it, whole.
    both = why_lines("n" * 60, view, "dev", columns)
    assert len(both) >= 2
    assert all(len(each) <= columns for each in (f"✗ {both[0]}", *both[1:]))
    assert "make logs REPO=" + "n" * 60 + " ENV=dev" in "\n".join(both).replace("\\\n", "")


def test_a_wide_terminal_has_no_longer_lines() -> None:
    view = failed(summary="deps_resolve: " + "word " * 100)
    assert why_lines("a", view, "local", 500) == why_lines("a", view, "local")


def test_a_mismatch_tells_what_differs() -> None:
    expected, got = "{'text': 'the quick brown fox', 'words': 4}", "{'text': 'the quick brown fox', 'words': 19}"
    title = {"signature_title": "x: the output is not the expected one"}
    cause = f"counts_words: expected {expected}, got {got} (rule expected_output)"
    assert cause_of(failed(failing_check="x", summary=f"x: {cause}", **title)) == cause.partition(" (rule")[0]
    assert whys("wrong-worker", "local", None, cause, **title) == [
        "counts_words: expected {… 'words': 4}, got {… 'words': 19} (make logs REPO=wrong-worker)"
    ]
    (short,) = whys("a", "local", None, "c: expected 3, got 4", **title)
    assert short == "c: expected 3, got 4 (make logs REPO=a)"


@pytest.mark.parametrize(
    ("file", "cause", "told"),
    [
        ("handler.py", "handler.py, line 3: expected ':'", "handler.py:3: expected ':'"),
        ("handler.py", "no call: handler.py:3: run", "handler.py:3: no call: run"),
        ("handler.py", "never sent (handler.py, line 3)", "handler.py:3: never sent"),
        ("hub.json", "hub.json lacks a title", "hub.json:3: lacks a title"),
        # What is told of another line or file stays.
        ("handler.py", "handler.py, line 9: no", "handler.py, line 9: no"),
        ("handler.py", "no call: other.py, line 3: run", "handler.py:3: no call: other.py, line 3: run"),
        ("a", "about this: no", "a:3: about this: no"),
    ],
)
def test_a_place_is_told_once(file: str, cause: str, told: str) -> None:
    view = failed(place=PlaceView(file=file, line=3), signature_title=f"x: {cause}", failing_check="x")
    assert cause_of(view) == told
    assert placed_title(view) == f"x: {told}"


@pytest.mark.parametrize(
    ("why", "step"),
    [
        ("JANITOR_ENGINE=venv builds none", "set JANITOR_ENGINE=docker or required_proof: environment"),
        ("no engine was there", "install Docker or podman on the instances, or set required_proof: environment"),
    ],
)
def test_too_little_proof_ends_in_what_helps(why: str, step: str) -> None:
    summary = f"required_proof is image, and that was neither built nor started, as {why}; do this, or that"
    view = failed(reason_code="proof_too_low", summary=summary, failing_check=None)
    first, second = why_lines("echo-worker", view, "local")
    assert first.startswith("echo-worker: required_proof is image, and that was neither built nor started")
    assert len(f"✗ {first}") <= LONGEST_LINE
    assert second == f"  {step}"
