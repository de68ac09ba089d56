"""What is there and can't be used is another thing than what isn't there, and one fault must not hide another."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from janitor.protocol.report import Check
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.pipeline.static_run import validate_checkout
from janitor.validator.settings import Settings
from tests.corpus.workers import BASE, case, cases_json, hub

Judged = Callable[[Mapping[str, str | None]], dict[str, Check]]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """The static checks of a healthy worker with these files over its own."""

    def judge(files: Mapping[str, str | None]) -> dict[str, Check]:
        for name, content in {**BASE, **files}.items():
            if content is not None:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        result = validate_checkout(tmp_path, settings=Settings.from_environment(), network=False)
        return {each.check.name: each.check for each in result.checks}

    return judge


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there is no hub.json and no tests.json"),
        ({".runpod/hub.json": "{,}"}, ".runpod/hub.json can't be read as JSON; there is no tests.json"),
        ({".runpod/tests.json": "x"}, ".runpod/tests.json can't be read as JSON; there is no hub.json"),
        (
            {".runpod/hub.json": "x", ".runpod/tests.json": "x"},
            ".runpod/hub.json and .runpod/tests.json can't be read as JSON",
        ),
    ],
)
def test_words_for_nothing_to_compare(judged: Judged, files: dict[str, str | None], words: str) -> None:
    check = judged(files)["config_consistency"]
    assert (check.status, check.reason) == (CheckStatus.SKIP, words)


def test_a_file_that_breaks_its_form_still_says_what_it_says(judged: Judged) -> None:
    tests = cases_json(case(), config={"gpuTypeId": "NVIDIA L4", "env": 3})
    checks = judged({".runpod/hub.json": hub(title=None), ".runpod/tests.json": tests})
    assert checks["hub_schema"].status is CheckStatus.FAIL
    assert checks["tests_schema"].status is CheckStatus.FAIL
    assert (
        checks["config_consistency"].reason
        == ".runpod/hub.json says runsOn CPU, and .runpod/tests.json asks for NVIDIA L4"
    )


@pytest.mark.parametrize(
    "config",
    [
        {"allowedCudaVersions": "12.4", "runsOn": "GPU"},
        {"allowedCudaVersions": [["12.4"], 3, None], "gpuCount": "two", "gpuTypeId": ["NVIDIA L4"]},
        "no object",
        None,
    ],
)
def test_what_has_not_its_form_is_no_contradiction(judged: Judged, config: object) -> None:
    text = json.dumps({"title": "x", "config": config})
    check = judged({".runpod/hub.json": text, ".runpod/tests.json": json.dumps({"tests": [], "config": config})})
    assert check["config_consistency"].status is CheckStatus.PASS
